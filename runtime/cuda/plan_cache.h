// Measured choices that outlive a process: a small text file in the user's cache folder.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/cuda/device.h"

namespace cuhue::cuda {

// The file: one line an entry, "<XXH3-64 of the rest, 16 hex digits> <key>\t<value>". A line that is damaged,
// or of another version, is dropped without a word; so is a file that cannot be read or written: a cache is
// never a reason to fail. Several processes may use it: save() merges what the others saved meanwhile, an
// entry's last writer wins, and readers see the old file or the new one. Thread-safe.
class PlanCache {
 public:
  // Reads the file. Empty = in memory only.
  explicit PlanCache(std::filesystem::path file = {});

  // $XDG_CACHE_HOME/cuhue/plans-v1, else ~/.cache/cuhue/plans-v1; empty when there is neither.
  static std::filesystem::path default_path();

  std::optional<std::string> find(std::string_view key) const;
  // Kept in memory until save(). Keys and values are one line without tabs: others are not kept.
  void store(std::string_view key, std::string_view value);
  // False when nothing could be written; with nothing new nothing is written. Makes the folder if need be.
  bool save() noexcept;

  const std::filesystem::path& file() const { return file_; }

 private:
  using Entries = std::map<std::string, std::string, std::less<>>;
  static Entries read(const std::filesystem::path& file);

  std::filesystem::path file_;
  mutable std::mutex mutex_;
  Entries known_, added_;  // of the file; stored since the last save()
};

// What a choice depends on beside its problem: "NVIDIA H200|9.0|580.65.06 (CUDA 13.0)|cudnn 9.19.0|".
std::string cache_prefix(const DeviceFacts& device, std::string_view library);

}  // namespace cuhue::cuda
