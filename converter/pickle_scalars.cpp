// Numbers and text of pickles.
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "converter/pickle_machine.h"
#include "weights/text.h"

namespace cuhue::pickle::detail {
namespace {

// Appends a code point as UTF-8; returns the end.
char* put_utf8(char* out, std::uint32_t c) {
  const auto put = [&out](std::uint32_t byte) { *out++ = static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
  return out;
}

// Hex digits at text[from, from + count); false when they are not.
bool hex(std::string_view text, std::size_t from, std::size_t count, std::uint32_t& value) {
  if (from + count > text.size()) return false;
  const auto [end, error] = std::from_chars(text.data() + from, text.data() + from + count, value, 16);
  return error == std::errc() && end == text.data() + from + count;
}

struct Unescaped {
  std::uint32_t code = 0;
  std::size_t length = 0;  // of the escape in the source; 0 = malformed
};

// One escape of a Python 2 str literal, text[at] == '\\'.
Unescaped unescape_str(std::string_view text, std::size_t at) {
  if (at + 1 >= text.size()) return {};
  std::uint32_t value = 0;
  switch (text[at + 1]) {
    case 'n': return {'\n', 2};
    case 'r': return {'\r', 2};
    case 't': return {'\t', 2};
    case '\\': return {'\\', 2};
    case '\'': return {'\'', 2};
    case '"': return {'"', 2};
    case 'x': return hex(text, at + 2, 2, value) ? Unescaped{value, 4} : Unescaped{};
    default: return {};
  }
}

// One escape of raw-unicode-escape; another backslash stands for itself.
Unescaped unescape_unicode(std::string_view text, std::size_t at) {
  std::uint32_t value = 0;
  const char kind = at + 1 < text.size() ? text[at + 1] : '\0';
  if (kind == 'u') return hex(text, at + 2, 4, value) ? Unescaped{value, 6} : Unescaped{};
  if (kind == 'U')
    return hex(text, at + 2, 8, value) && value < 0x110000 ? Unescaped{value, 10} : Unescaped{};
  return {'\\', 1};
}

}  // namespace

void Machine::push_text(Kind kind, std::string_view text) {
  Node node;
  node.kind = kind;
  node.data = text.data();
  node.size = text.size();
  push_new(node);
}

void Machine::push_integer(std::int64_t value) {
  Node node;
  node.kind = Kind::integer;
  node.integer = value;
  push_new(node);
}

void Machine::push_boolean(bool value) {
  Node node;
  node.kind = Kind::boolean;
  node.flag = value;
  push_new(node);
}

void Machine::push_real(double value) {
  Node node;
  node.kind = Kind::real;
  node.real = value;
  push_new(node);
}

void Machine::push_long(std::string_view little_endian) {
  if (little_endian.size() > 8) {
    push_text(Kind::big_integer, little_endian);
    return;
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < little_endian.size(); ++i)
    value |= std::uint64_t{static_cast<unsigned char>(little_endian[i])} << (8 * i);
  const std::size_t unused = 64 - 8 * little_endian.size();  // sign extension
  push_integer(unused == 64 ? 0 : static_cast<std::int64_t>(value << unused) >> unused);
}

void Machine::push_decimal(std::string_view line, bool is_long) {
  std::string_view digits = line;
  if (is_long && digits.ends_with('L')) digits.remove_suffix(1);
  if (!is_long && (line == "00" || line == "01")) return push_boolean(line == "01");
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size() || error == std::errc::invalid_argument)
    fail_damaged("'" + clean_text(line, kMaxShownText) + "' is not an integer");
  if (error == std::errc::result_out_of_range)
    push_text(Kind::big_integer, digits);
  else
    push_integer(value);
}

// Text with escapes (protocol 0): a view when there are none, else decoded into the document.
void Machine::push_escaped(std::string_view line, bool python2) {
  std::size_t length = 0;
  bool plain = true;
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < line.size(); i += length) {
    const auto c = static_cast<unsigned char>(line[i]);
    Unescaped u{c, 1};
    if (c == '\\') u = python2 ? unescape_str(line, i) : unescape_unicode(line, i);
    if (u.length == 0) fail_damaged("a malformed escape in a text");
    length = u.length;
    if (c == '\\' || (c >= 0x80 && !python2)) plain = false;
    char scratch[4];
    size += python2 ? 1 : static_cast<std::uint64_t>(put_utf8(scratch, u.code) - scratch);
  }
  const Kind kind = python2 ? Kind::bytes : Kind::text;
  if (plain) return push_text(kind, line);
  const std::span<std::byte> owned = document_.own(size);
  if (owned.empty()) fail("decoded texts need more memory than the file is long");
  char* const begin = reinterpret_cast<char*>(owned.data());
  char* out = begin;
  for (std::size_t i = 0; i < line.size(); i += length) {
    Unescaped u{static_cast<unsigned char>(line[i]), 1};
    if (line[i] == '\\') u = python2 ? unescape_str(line, i) : unescape_unicode(line, i);
    length = u.length;
    if (python2)
      *out++ = static_cast<char>(u.code);
    else
      out = put_utf8(out, u.code);
  }
  push_text(kind, {begin, owned.size()});
}

bool Machine::run_scalar(unsigned char op) {
  switch (op) {
    case 'N': push_new({}); return true;
    case 0x88: push_boolean(true); return true;
    case 0x89: push_boolean(false); return true;
    case 'J': push_integer(static_cast<std::int32_t>(take_unsigned(4))); return true;
    case 'K': push_integer(static_cast<std::int64_t>(take_unsigned(1))); return true;
    case 'M': push_integer(static_cast<std::int64_t>(take_unsigned(2))); return true;
    case 0x8a: push_long(take_counted(1)); return true;
    case 0x8b: push_long(take_counted(4)); return true;
    case 'I': push_decimal(take_line(), false); return true;
    case 'L': push_decimal(take_line(), true); return true;
    case 'G': {
      const std::string_view raw = take(8);  // big-endian
      std::uint64_t bits = 0;
      for (const char c : raw) bits = bits << 8 | static_cast<unsigned char>(c);
      push_real(std::bit_cast<double>(bits));
      return true;
    }
    case 'F': {
      const std::string_view line = take_line();
      double value = 0;
      const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
      if (end != line.data() + line.size() || error == std::errc::invalid_argument)
        fail_damaged("'" + clean_text(line, kMaxShownText) + "' is not a number");
      push_real(value);
      return true;
    }
    default: return false;
  }
}

bool Machine::run_text(unsigned char op) {
  switch (op) {
    case 0x8c: push_text(Kind::text, take_counted(1)); return true;
    case 'X': push_text(Kind::text, take_counted(4)); return true;
    case 0x8d: push_text(Kind::text, take_counted(8)); return true;
    case 'C':
    case 'U': push_text(Kind::bytes, take_counted(1)); return true;  // U, T: Python 2 str
    case 'B':
    case 'T': push_text(Kind::bytes, take_counted(4)); return true;
    case 0x8e:
    case 0x96: push_text(Kind::bytes, take_counted(8)); return true;  // 0x96: BYTEARRAY8
    case 'V': push_escaped(take_line(), false); return true;
    case 'S': {
      const std::string_view line = take_line();
      if (line.size() < 2 || line.front() != line.back() || (line.front() != '\'' && line.front() != '"'))
        fail_damaged("a string without its quotes");
      push_escaped(line.substr(1, line.size() - 2), true);
      return true;
    }
    default: return false;
  }
}

}  // namespace cuhue::pickle::detail
