// What a file is that should have been something else: for messages that say what to do instead.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace cuhue {

struct FileKind {
  std::string_view what;    // "a PyTorch checkpoint (zip archive)"
  std::string_view remedy;  // "convert it first: cuhue convert FILE -o OUT"
};

// Judged by the first bytes only (32 are enough).
std::optional<FileKind> known_file_kind(std::span<const std::byte> first_bytes);

}  // namespace cuhue
