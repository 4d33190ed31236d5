#include "apps/npy.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

namespace cuhue::app {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are copied without byte swaps");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeader = 65536;  // NumPy writes about 120 bytes
constexpr std::size_t kMaxRank = 8;

// A reader of the one Python literal that a header is:
//   {'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& label) : text_(text), label_(label) {}

  void read(NpyArray& array) {
    expect('{');
    while (!accept('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr" && !descr_) {
        descr_ = descr();
      } else if (key == "fortran_order" && !fortran_) {
        fortran_ = boolean();
      } else if (key == "shape" && !shape_) {
        shape_ = shape();
      } else {
        fail("key '" + std::string(key) + "' is unknown or given twice");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (at_ != text_.size()) fail("something follows the closing brace");
    if (!descr_ || !fortran_ || !shape_) fail("'descr', 'fortran_order' or 'shape' is missing");
    if (*fortran_) {
      throw NpyError(label_ + ": the array is in Fortran order; save numpy.ascontiguousarray(array)");
    }
    array.type = *descr_;
    array.shape = *shape_;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw NpyError(label_ + ": npy header, character " + std::to_string(at_) + ": " + what +
                   "; save the array again with numpy.save");
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("'") + c + "' is expected");
  }
  std::string_view string() {
    skip_spaces();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) fail("a quoted text is expected");
    const char quote = text_[at_++];
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail("a quoted text does not end");
    const std::string_view value = text_.substr(at_, end - at_);
    if (value.find_first_of("\\\n") != std::string_view::npos) fail("an escaped character");
    at_ = end + 1;
    return value;
  }
  bool boolean() {
    skip_spaces();
    for (const auto& [word, value] : {std::pair{std::string_view("True"), true}, {"False", false}}) {
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return value;
      }
    }
    fail("True or False is expected");
  }
  NpyType descr() {
    skip_spaces();
    if (at_ < text_.size() && text_[at_] == '[') {
      throw NpyError(label_ + ": the array has named fields; save one field, as a plain array");
    }
    const std::string_view d = string();
    if (d == "<f4") return NpyType::f32;
    if (d == "<f2") return NpyType::f16;
    if (d == "|u1") return NpyType::u8;
    if (d == "<i4") return NpyType::i32;
    if (d.starts_with('>')) {
      throw NpyError(label_ + ": the array is big endian ('" + std::string(d) +
                     "'); save array.astype('<f4')");
    }
    if (d.starts_with("|O")) {
      throw NpyError(label_ + ": the array holds Python objects; save numbers, array.astype('<f4')");
    }
    throw NpyError(label_ + ": element type '" + std::string(d) +
                   "' is not float32, float16, uint8 or int32; save array.astype('<f4')");
  }
  std::vector<std::int64_t> shape() {
    std::vector<std::int64_t> dims;
    expect('(');
    while (!accept(')')) {
      if (dims.size() == kMaxRank) fail("more than 8 dimensions");
      dims.push_back(integer());
      // One dimension is written with a comma: (5,). Between dimensions it is needed.
      if (!accept(',')) {
        if (dims.size() == 1) fail("',' is expected");
        expect(')');
        break;
      }
    }
    return dims;
  }
  std::int64_t integer() {
    skip_spaces();
    std::int64_t value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc() || value < 0) fail("a dimension is expected");
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }

  std::string_view text_;
  const std::string& label_;
  std::size_t at_ = 0;
  std::optional<NpyType> descr_;
  std::optional<bool> fortran_;
  std::optional<std::vector<std::int64_t>> shape_;
};

// Bytes of the array; nothing when they do not fit into 63 bits.
std::optional<std::uint64_t> byte_count(const NpyArray& array) {
  std::uint64_t bytes = size_of(array.type);
  for (const std::int64_t d : array.shape) {
    if (d != 0 && bytes > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) /
                              static_cast<std::uint64_t>(d)) {
      return std::nullopt;
    }
    bytes *= static_cast<std::uint64_t>(d);
  }
  return bytes;
}

float half_to_float(std::uint16_t h) {
  const int exponent = (h >> 10) & 31;
  const int mantissa = h & 1023;
  float value;
  if (exponent == 31) {
    value = mantissa != 0 ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(mantissa), -24);
  } else {
    value = std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
  }
  return (h & 0x8000) != 0 ? -value : value;
}

template <class T, class F>
void convert(std::span<const std::byte> data, std::span<float> out, F to) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
    out[i] = to(value);
  }
}

}  // namespace

std::string_view name_of(NpyType type) {
  constexpr std::array<std::string_view, 4> kNames = {"float32", "float16", "uint8", "int32"};
  return kNames[static_cast<std::size_t>(type)];
}

std::size_t size_of(NpyType type) {
  constexpr std::array<std::size_t, 4> kSizes = {4, 2, 1, 4};
  return kSizes[static_cast<std::size_t>(type)];
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

NpyArray parse_npy(std::span<const std::byte> file, const std::string& label) {
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  if (!bytes.starts_with(kMagic)) {
    throw NpyError(label +
                   ": is not an npy file (it does not begin with \\x93NUMPY); save it with numpy.save");
  }
  if (bytes.size() < 10) throw NpyError(label + ": the npy header is cut short; copy the file again");
  const auto byte_at = [&](std::size_t i) {
    return static_cast<std::size_t>(std::to_integer<unsigned>(file[i]));
  };
  const std::size_t major = byte_at(6);
  const std::size_t minor = byte_at(7);
  if (major < 1 || major > 3 || minor != 0) {
    throw NpyError(label + ": npy version " + std::to_string(major) + "." + std::to_string(minor) +
                   " is not 1.0, 2.0 or 3.0; save it with numpy.save");
  }
  const std::size_t begin = major == 1 ? 10 : 12;
  if (bytes.size() < begin) throw NpyError(label + ": the npy header is cut short; copy the file again");
  std::size_t length = byte_at(8) | byte_at(9) << 8;
  if (major > 1) length |= byte_at(10) << 16 | byte_at(11) << 24;
  if (length > kMaxHeader) {
    throw NpyError(label + ": the npy header says it has " + std::to_string(length) +
                   " bytes, more than 65536; save the array again with numpy.save");
  }
  if (bytes.size() - begin < length) {
    throw NpyError(label + ": the npy header is cut short; copy the file again");
  }
  NpyArray array;
  HeaderReader(bytes.substr(begin, length), label).read(array);
  const auto expected = byte_count(array);
  const std::size_t have = bytes.size() - begin - length;
  if (!expected || *expected != have) {
    throw NpyError(label + ": shape " + shape_text(array.shape) + " of " + std::string(name_of(array.type)) +
                   " needs " + (expected ? std::to_string(*expected) : "more than 2^63") +
                   " bytes of data, the file has " + std::to_string(have) + "; copy or save it again");
  }
  array.data.assign(file.end() - static_cast<std::ptrdiff_t>(have), file.end());
  return array;
}

std::vector<std::byte> npy_bytes(NpyType type, std::span<const std::int64_t> shape,
                                 std::span<const std::byte> data) {
  constexpr std::array<std::string_view, 4> kDescr = {"<f4", "<f2", "|u1", "<i4"};
  std::string header = "{'descr': '" + std::string(kDescr[static_cast<std::size_t>(type)]) +
                       "', 'fortran_order': False, 'shape': " + shape_text(shape) + ", }";
  const std::size_t prefix = kMagic.size() + 4;
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header += '\n';
  std::string start(kMagic);
  for (const std::size_t value : {std::size_t{1}, std::size_t{0}, header.size() & 255, header.size() >> 8}) {
    start += static_cast<char>(value);
  }
  start += header;
  std::vector<std::byte> file(start.size() + data.size());
  std::memcpy(file.data(), start.data(), start.size());
  if (!data.empty()) std::memcpy(file.data() + start.size(), data.data(), data.size());
  return file;
}

void to_float(const NpyArray& array, std::span<float> out) {
  switch (array.type) {
    case NpyType::f32: convert<float>(array.data, out, [](float v) { return v; }); break;
    case NpyType::f16: convert<std::uint16_t>(array.data, out, half_to_float); break;
    case NpyType::u8:
      convert<std::uint8_t>(array.data, out, [](std::uint8_t v) { return static_cast<float>(v); });
      break;
    case NpyType::i32:
      convert<std::int32_t>(array.data, out, [](std::int32_t v) { return static_cast<float>(v); });
      break;
  }
}

}  // namespace cuhue::app
