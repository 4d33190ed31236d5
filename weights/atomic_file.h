// A file that is either whole or absent: written under a temporary name beside its path, then renamed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace cuhue {

// Throws Error(Status::output) that names the path: cannot be created, written (disk full) or renamed; or
// when it exists and may not be replaced. Not committed = removed.
class AtomicFile {
 public:
  enum class IfExists { refuse, replace };

  AtomicFile(std::filesystem::path path, IfExists if_exists);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  // Renames into place; with IfExists::refuse a file that appeared meanwhile is not replaced. synced:
  // survives a power cut, at the price of waiting for the disk.
  enum class Durability { buffered, synced };
  void commit(Durability durability = Durability::buffered);

 private:
  [[noreturn]] void fail(const char* what) const;
  void discard() noexcept;

  std::filesystem::path path_;
  std::string temporary_;
  IfExists if_exists_;
  int fd_ = -1;
};

}  // namespace cuhue
