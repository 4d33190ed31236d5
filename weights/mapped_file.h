// A file mapped into memory for reading.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>

namespace cuhue {

class MappedFile {
 public:
  MappedFile() = default;  // no file: bytes() is empty
  // A regular file; an empty one has no bytes. remedy ends the message when there is none of that name.
  // Throws Error(Status::weights) that names the path: missing, unreadable, a folder; Status::out_of_memory.
  static MappedFile open(const std::filesystem::path& path, std::string_view remedy = "check the path");

  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

  // Gives back the pages that hold any of `part`: clean pages, which a later read faults in again.
  void release(std::span<const std::byte> part) const;

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace cuhue
