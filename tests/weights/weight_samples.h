// Weight files to test with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "weights/status.h"
#include "weights/weight_file.h"
#include "weights/weight_writer.h"

namespace cuhue::test {

using Bytes = std::vector<std::byte>;

// Tensors with their data. The file keeps none of it, so a Sample must outlive what is made from it.
struct Sample {
  WeightFileInfo info;
  std::vector<TensorToWrite> tensors;
  std::vector<Bytes> storage;

  void add(const std::string& name, DType dtype, const std::vector<std::int64_t>& shape) {
    std::size_t size = size_of(dtype);
    for (const std::int64_t d : shape) size *= static_cast<std::size_t>(d);
    Bytes data(size);
    // Bytes of small integers in every type, so that any reader sees plain numbers (no NaN).
    for (std::size_t i = 0; i < size; ++i)
      data[i] = dtype == DType::boolean ? std::byte(i % 2) : std::byte((i * 7 + storage.size() * 13) % 61);
    storage.push_back(std::move(data));
    tensors.push_back({name, dtype, shape, {}});
    for (std::size_t i = 0; i < tensors.size(); ++i) tensors[i].data = storage[i];
  }
};

// One tensor of every element type, ranks 0 to 4, odd byte counts, names and texts of all kinds.
inline Sample sample_of_every_kind() {
  Sample s;
  s.info.network = "eccv16";
  s.info.network_version = 3;
  s.info.source_sha256 = std::string(64, 'a');
  s.info.source_name = "a \"quoted\" back\\slash na\xc3\xafve.pth";
  s.info.licence = "BSD-2-Clause";
  s.info.converter_version = "cuhue 0.1.0";
  s.info.extra = {{"mask_cent", "0.5"}, {"a.b-c", ""}, {"note", "\xe2\x82\xac \\ \""}};
  s.add("flags", DType::boolean, {3});
  s.add("model1.0.weight", DType::f32, {2, 1, 3, 3});
  s.add("model1.0.bias", DType::f32, {2});
  s.add("half", DType::f16, {5});
  s.add("brain", DType::bf16, {3});
  s.add("steps", DType::i64, {});
  s.add("double \xce\xbb", DType::f64, {1, 3});
  s.add("bytes", DType::u8, {7});
  s.add("signed", DType::i8, {1, 1, 5});
  s.add("short", DType::i16, {3});
  s.add("int", DType::i32, {2, 2});
  return s;
}

inline Bytes file_of(const Sample& s) {
  return weight_file_bytes(s.info, s.tensors);
}

// A folder of its own, removed at the end.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "cuhue-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data()) == nullptr ? std::filesystem::path() : std::filesystem::path(name);
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

inline void write_bytes(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
}
inline void write_bytes(const std::filesystem::path& path, const Bytes& bytes) {
  write_bytes(path, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}
inline Bytes read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  Bytes bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

struct Failure {
  Status status = Status::ok;  // ok = nothing was thrown
  std::string message;
};

inline Failure failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return {e.status(), e.what()};
  }
  return {};
}

}  // namespace cuhue::test
