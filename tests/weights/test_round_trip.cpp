#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "tests/weights/weight_samples.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

void check_same(const WeightFile& file, const Sample& sample) {
  CHECK(file.network() == sample.info.network);
  CHECK(file.network_version() == sample.info.network_version);
  CHECK(file.metadata().at("cuhue_format") == "1");
  CHECK(file.metadata().at("network") == sample.info.network);
  CHECK(file.metadata().at("network_version") == std::to_string(sample.info.network_version));
  CHECK(file.metadata().at("source_sha256") == sample.info.source_sha256);
  CHECK(file.metadata().at("source_name") == sample.info.source_name);
  CHECK(file.metadata().at("licence") == sample.info.licence);
  CHECK(file.metadata().at("converter") == sample.info.converter_version);
  CHECK(file.properties() == sample.info.extra);
  for (const auto& [name, value] : sample.info.extra) CHECK(file.metadata().at("property." + name) == value);
  CHECK(file.metadata().size() == 7 + sample.info.extra.size());

  REQUIRE(file.tensors().size() == sample.tensors.size());
  for (const TensorToWrite& written : sample.tensors) {
    CAPTURE(written.name);
    const TensorView* read = file.find(written.name);
    REQUIRE(read != nullptr);
    CHECK(read->name == written.name);
    CHECK(read->dtype == written.dtype);
    CHECK(read->shape == written.shape);
    CHECK(std::ranges::equal(read->data, written.data));
    CHECK(reinterpret_cast<std::uintptr_t>(read->data.data()) % size_of(read->dtype) == 0);
  }
}

}  // namespace

TEST_CASE("a weight file gives back what was written, from disk and from memory") {
  const Sample sample = sample_of_every_kind();
  const TempFolder folder;
  const auto path = folder / "every kind.safetensors";
  write_weight_file(path, sample.info, sample.tensors);
  const Bytes bytes = file_of(sample);
  CHECK(read_bytes(path) == bytes);

  for (const Verify verify : {Verify::all, Verify::header_only}) {
    const WeightFile opened = WeightFile::open(path, verify);
    check_same(opened, sample);
    CHECK(opened.label() == path.string());
    CHECK(opened.file_bytes() == bytes.size());
    const WeightFile in_memory = WeightFile::from_memory(bytes, "memory", verify);
    check_same(in_memory, sample);
    CHECK(in_memory.label() == "memory");
    CHECK(in_memory.file_bytes() == bytes.size());
  }
}

TEST_CASE("tensors keep their order but larger elements come first") {
  const Sample sample = sample_of_every_kind();
  const Bytes bytes = file_of(sample);
  const WeightFile file = WeightFile::from_memory(bytes, "memory");
  std::vector<std::string> names;
  for (const TensorView& t : file.tensors()) names.emplace_back(t.name);
  CHECK(names == std::vector<std::string>{"steps", "double \xce\xbb", "model1.0.weight", "model1.0.bias",
                                          "int", "half", "brain", "short", "flags", "bytes", "signed"});
}

TEST_CASE("a name that no tensor has is not found") {
  const Sample sample = sample_of_every_kind();
  const Bytes bytes = file_of(sample);
  const WeightFile file = WeightFile::from_memory(bytes, "memory");
  for (const char* name : {"", "model1.0", "model1.0.weight ", "zzz", "__metadata__", "Half"})
    CHECK(file.find(name) == nullptr);
}

TEST_CASE("released tensors read the same again, and a moved file keeps its views") {
  const Sample sample = sample_of_every_kind();
  const TempFolder folder;
  const auto path = folder / "w";
  write_weight_file(path, sample.info, sample.tensors);
  WeightFile file = WeightFile::open(path);
  const std::byte* data = file.tensors()[0].data.data();
  for (const TensorView& t : file.tensors()) file.release(t);
  check_same(file, sample);
  const WeightFile moved = std::move(file);
  CHECK(moved.tensors()[0].data.data() == data);
  check_same(moved, sample);
}

TEST_CASE("many threads read and release one file") {
  const Sample sample = sample_of_every_kind();
  const TempFolder folder;
  const auto path = folder / "w";
  write_weight_file(path, sample.info, sample.tensors);
  const WeightFile file = WeightFile::open(path);
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int& count : wrong)
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round)
        for (const TensorToWrite& t : sample.tensors) {
          const TensorView* view = file.find(t.name);
          if (view == nullptr || !std::ranges::equal(view->data, t.data)) ++count;
          if (view != nullptr) file.release(*view);
        }
    });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("the largest rank, names and texts of the profile are written and read") {
  Sample s;
  s.info.network = std::string(64, 'n');
  s.info.network_version = 2147483647;
  s.info.source_name = std::string(1021, 's');
  s.info.licence = std::string(1024, '"');
  for (int i = 0; i < 256; ++i)
    s.info.extra[std::string(60, 'p') + std::to_string(1000 + i)] = std::string(1024, '\\');
  s.add(std::string(255, 'x'), DType::u8, {1, 1, 1, 1, 1, 1, 1, 2});
  const Bytes bytes = file_of(s);
  check_same(WeightFile::from_memory(bytes, "memory"), s);
}

TEST_CASE("a buffer that is not aligned is refused as the caller's mistake") {
  const Bytes bytes = file_of(sample_of_every_kind());
  Bytes shifted(bytes.size() + 8);
  std::memcpy(shifted.data() + 1, bytes.data(), bytes.size());
  const Failure failure = failure_of([&] {
    WeightFile::from_memory(std::span<const std::byte>(shifted).subspan(1, bytes.size()), "buffer");
  });
  CHECK(failure.status == Status::usage);
  CHECK(failure.message.find("multiple of 8") != std::string::npos);
}
