#include "weights/text.h"

namespace cuhue {
namespace {

// Length of the clean character at text[0], or 0.
std::size_t clean_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  std::size_t length = 0;
  unsigned code = 0;
  unsigned least = 0;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2, code = first & 0x1f, least = 0xa0;  // U+0080..U+009F are control characters
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3, code = first & 0x0f, least = 0x800;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4, code = first & 0x07, least = 0x10000;
  } else {
    return 0;
  }
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code >= least && code <= 0x10ffff && !surrogate ? length : 0;
}

}  // namespace

bool is_clean_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t n = clean_character(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

std::string clean_text(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    const std::size_t n = clean_character(text);
    if (out.size() + (n == 0 ? 1 : n) > limit) return out + "...";
    if (n == 0)
      out += '?';
    else
      out += text.substr(0, n);
    text.remove_prefix(n == 0 ? 1 : n);
  }
  return out;
}

std::string in_quotes(std::string_view text, std::size_t limit) {
  return "'" + clean_text(text, limit) + "'";
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text.append(i == 0 ? "" : ", ").append(std::to_string(shape[i]));
  return text + "]";
}

}  // namespace cuhue
