// TensorFlow and Keras containers give back what was saved.
#include <algorithm>
#include <fstream>

#include "converter/crc32c.h"
#include "converter/snappy.h"
#include "converter/tensorflow.h"
#include "tests/converter/converter_fixture.h"
#include "tests/support/hdf5_writer.h"
#include "tests/support/tensorflow_writer.h"

namespace cuhue::testing {
namespace {

std::string counting(std::size_t bytes) {
  std::string s(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) s[i] = static_cast<char>(i * 37 + 1);
  return s;
}

// In order of their names. The long one compresses, and makes a block that is larger than the others.
std::vector<SavedTensor> samples(std::span<const DType> types) {
  std::vector<SavedTensor> tensors;
  for (const DType t : types)
    tensors.push_back({"layer/" + std::string(name_of(t)), t, {2, 3}, counting(6 * size_of(t))});
  tensors.push_back({"layer/empty", DType::f32, {0, 3}, ""});
  tensors.push_back({"layer/four", DType::f32, {2, 1, 3, 2}, counting(48)});
  tensors.push_back({"layer/long", DType::f32, {30, 50}, counting(6000)});
  tensors.push_back({"layer/scalar", DType::f32, {}, counting(4)});
  std::ranges::sort(tensors, {}, &SavedTensor::name);
  return tensors;
}

void check_same(const Checkpoint& read, std::span<const SavedTensor> saved) {
  REQUIRE(read.tensors.size() == saved.size());
  for (const SavedTensor& s : saved) {
    CAPTURE(s.name);
    const auto t = std::ranges::find(read.tensors, s.name, &CheckpointTensor::name);
    REQUIRE(t != read.tensors.end());
    CHECK(t->dtype == s.dtype);
    CHECK(t->shape == s.shape);
    CHECK(bytes_of(*t) == s.data);
  }
}

constexpr DType kAllTypes[] = {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i64,
                               DType::i32, DType::i16, DType::i8,   DType::u8,  DType::boolean};
constexpr DType kV1Types[] = {DType::f32, DType::f64, DType::i64, DType::i32};
constexpr DType kHdf5Types[] = {DType::f32, DType::f16, DType::f64, DType::i64,
                                DType::i32, DType::i16, DType::i8,  DType::u8};

TEST_CASE("CRC-32C is the published one") {
  CHECK(crc32c(as_bytes("123456789")) == 0xe3069283u);  // the check value of every catalogue of CRCs
  CHECK(crc32c(as_bytes("")) == 0u);
  const std::string long_text = counting(1001);
  for (std::size_t from = 0; from < 9; ++from)
    CHECK(masked_crc32c(as_bytes(long_text.substr(from))) == stored_checksum(long_text.substr(from)));
}

TEST_CASE("snappy blocks of every kind of element come out as they went in") {
  const auto plain = [](const std::string& block) {
    const std::vector<std::byte> bytes = snappy_decompress(ByteSource(as_bytes(block), "'block'"));
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  CHECK(plain(std::string("\0", 1)).empty());
  CHECK(plain("\x08\x04"
              "ab"
              "\x09\x02") == "abababab");  // an overlapping copy, one-byte offset
  CHECK(plain(std::string("\x06\x04"
                          "ab"
                          "\x0e\x02\0",
                          7)) == "ababab");  // two bytes
  CHECK(plain(std::string("\x06\x04"
                          "ab"
                          "\x0f\x02\0\0\0",
                          9)) == "ababab");  // four
  CHECK(plain("\x03\xf0\x02"
              "abc") == "abc");  // a literal with a length of its own
  std::string far = counting(66000);
  for (std::size_t i = 0; i < far.size(); ++i) far[i] = static_cast<char>(far[i] + i / 251);
  for (const std::string& text :
       {counting(5000), std::string(5000, 'x'), far.substr(0, 3000) + far.substr(0, 500)})
    CHECK(plain(snappy_compress(text)) == text);
}

TEST_CASE(
    "TensorFlow V2 checkpoints give back every type and shape, from one data file or two, raw or snappy") {
  const TemporaryFolder folder;
  const auto tensors = samples(kAllTypes);
  for (const Compression compression : {Compression::none, Compression::snappy})
    for (const std::size_t shards : {1u, 2u}) {
      const TensorFlowV2 files = tensorflow_v2(tensors, shards, compression);
      const std::string prefix = "weights-" + std::to_string(shards);
      write_file(folder / (prefix + ".index"), files.index);
      for (std::size_t i = 0; i < shards; ++i)
        write_file(folder / (prefix + ".data-0000" + std::to_string(i) + "-of-0000" + std::to_string(shards)),
                   files.shards[i]);
      for (const std::string& name :
           {prefix, prefix + ".index", prefix + ".data-00000-of-0000" + std::to_string(shards)}) {
        CAPTURE(name);
        const Checkpoint checkpoint = read_checkpoint(folder / name);
        check_same(checkpoint, tensors);
        CHECK(checkpoint.format == "TensorFlow V2");
        CHECK(checkpoint.more_files.size() == shards);
      }
    }
}

TEST_CASE("TensorFlow V1 checkpoints give back every type and shape, raw or snappy") {
  const auto tensors = samples(kV1Types);
  for (const Compression compression : {Compression::none, Compression::snappy}) {
    const std::string file = tensorflow_v1(tensors, compression);
    const Checkpoint checkpoint = read(file);
    check_same(checkpoint, tensors);
    CHECK(checkpoint.format == "TensorFlow V1");
    // Values of raw blocks are used where they lie.
    const auto* at = reinterpret_cast<const char*>(
        std::ranges::find(checkpoint.tensors, "layer/long", &CheckpointTensor::name)->data.data());
    CHECK((at > file.data() && at < file.data() + file.size()) == (compression == Compression::none));
  }
}

TEST_CASE("values of a V1 record may come in pieces, one by one, or raw") {
  const std::int64_t shape[] = {3};
  const std::string values = counting(12);
  for (const std::string& proto :
       {proto_bytes(5, values.substr(0, 4)) + proto_bytes(5, values.substr(4)),
        varint(5 << 3 | 5) + values.substr(0, 4) + proto_bytes(5, values.substr(4)),
        proto_bytes(4, values)}) {
    const Entries entries = {{"", v1_header(v1_declaration("a", 1, shape))}, {"a", v1_record("a", 1, proto)}};
    CHECK(bytes_of(read(sorted_table(entries, Compression::none)).tensors.at(0)) == values);
  }
}

TEST_CASE("Keras files give back every type and shape by the names of layers and weights") {
  const auto tensors = samples(kHdf5Types);
  for (const std::string prefix : {"layer/", "model_weights/layer/", "layers/"}) {
    std::vector<SavedTensor> placed = tensors;
    for (SavedTensor& t : placed) t.name = prefix + t.name + ":0";
    if (prefix.starts_with("model"))
      placed.push_back({"optimizer_weights/Adam/layer/long/m:0", DType::f32, {1}, counting(4)});
    const std::string file = hdf5_file(placed);
    const Checkpoint checkpoint = read(file);
    check_same(checkpoint, tensors);
    CHECK(checkpoint.format == "Keras (HDF5)");
    CHECK(checkpoint.skipped.size() == (prefix.starts_with("model") ? 1 : 0));
  }
}

TEST_CASE("Keras 3's numbered weights are kernel and bias") {
  const std::vector<SavedTensor> tensors = {{"layers/conv2d/vars/0", DType::f32, {1, 1, 1, 2}, counting(8)},
                                            {"layers/conv2d/vars/1", DType::f32, {2}, counting(8)},
                                            {"optimizer/vars/0", DType::i64, {}, counting(8)}};
  const std::string file = hdf5_file(tensors);
  const Checkpoint checkpoint = read(file);
  REQUIRE(checkpoint.tensors.size() == 2);
  CHECK(checkpoint.tensors[0].name == "conv2d/kernel");
  CHECK(checkpoint.tensors[1].name == "conv2d/bias");
}

TEST_CASE("data files are found beside the index, and are missed by name") {
  const TemporaryFolder folder;
  const auto tensors = samples(kV1Types);
  const TensorFlowV2 files = tensorflow_v2(tensors, 2, Compression::none);
  write_file(folder / "w.index", files.index);
  write_file(folder / "renamed", files.index);
  write_file(folder / "w.data-00000-of-00002", files.shards[0]);
  const Outcome missing = outcome_of([&] { (void)read_checkpoint(folder / "w"); });
  CHECK(missing.status == Status::weights);
  CHECK(missing.message.find(
            "w.data-00001-of-00002: no such file: a data file of a TensorFlow V2 checkpoint") !=
        std::string::npos);
  const Outcome renamed = outcome_of([&] { (void)read_checkpoint(folder / "renamed"); });
  CHECK(renamed.message.find("is not called PREFIX.index") != std::string::npos);
  const Outcome alone = read_outcome(files.index);
  CHECK(alone.message.find("is nothing without its data files") != std::string::npos);
  CHECK(outcome_of([&] {
          (void)read_checkpoint(folder / "nothing");
        }).message.find("nothing: no such file") != std::string::npos);
}

}  // namespace
}  // namespace cuhue::testing
