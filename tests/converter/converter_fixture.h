// What the suites of the converter share.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "converter/state_dict.h"
#include "tests/support/checkpoint_writer.h"
#include "weights/status.h"

namespace cuhue::testing {

// A folder of its own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "cuhue-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}
inline Checkpoint read(std::string_view contents) {
  return read_checkpoint(as_bytes(contents), "'test.pth'");
}

struct Outcome {
  Status status = Status::ok;
  std::string message;
};
template <class F>
Outcome outcome_of(F&& action) {
  try {
    action();
    return {};
  } catch (const Error& e) {
    return {e.status(), e.what()};
  }
}
inline Outcome read_outcome(std::string_view contents) {
  return outcome_of([&] { (void)read(contents); });
}

inline std::string bytes_of(const CheckpointTensor& t) {
  return {reinterpret_cast<const char*>(t.data.data()), t.data.size()};
}

}  // namespace cuhue::testing
