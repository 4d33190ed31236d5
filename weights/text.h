// Text that comes from outside: file names, tensor names, metadata.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cuhue {

// Well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF) without control characters
// (U+0000..U+001F, U+007F..U+009F).
bool is_clean_text(std::string_view text);

// The same text made clean: each byte that is not part of a clean character becomes '?'. Longer than `limit`
// bytes: cut at a character and ended with "...". For messages, which are one line.
std::string clean_text(std::string_view text, std::size_t limit = 4096);

std::string in_quotes(std::string_view text, std::size_t limit = 4096);  // 'clean text'

std::string shape_text(std::span<const std::int64_t> shape);  // "[64, 3, 7, 7]"

}  // namespace cuhue
