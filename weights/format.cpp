#include "weights/format.h"

#include <algorithm>
#include <array>
#include <limits>

#include "weights/checksum.h"
#include "weights/text.h"

namespace cuhue::format {
namespace {

bool is_lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// [a-z0-9][a-z0-9._-]*
bool is_identifier(std::string_view text) {
  return !text.empty() && is_lower_alnum(text.front()) && std::all_of(text.begin(), text.end(), [](char c) {
    return is_lower_alnum(c) || c == '.' || c == '_' || c == '-';
  });
}

std::string limit_text(std::size_t limit) {
  return "is longer than " + std::to_string(limit) + " bytes";
}

}  // namespace

std::uint64_t header_checksum(std::span<const std::byte> length_and_header) {
  constexpr std::array<std::byte, kHashDigits> zeros = [] {
    std::array<std::byte, kHashDigits> a{};
    a.fill(std::byte{'0'});
    return a;
  }();
  Xxh3 hash;
  hash.update(length_and_header.first(kHeaderHashAt));
  hash.update(zeros);
  hash.update(length_and_header.subspan(kHeaderHashAt + kHashDigits));
  return hash.digest();
}

std::optional<std::string> problem_of_tensor_name(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kMaxNameBytes) return limit_text(kMaxNameBytes);
  if (name == "__metadata__") return "is reserved";
  if (name.find_first_of("\"\\") != std::string_view::npos) return "holds a quote or backslash";
  if (!is_clean_text(name)) return "holds control characters or is not UTF-8";
  return std::nullopt;
}

std::optional<std::string> problem_of_network(std::string_view id) {
  if (id.size() > kMaxPropertyNameBytes) return limit_text(kMaxPropertyNameBytes);
  if (!is_identifier(id)) return "is not of the form [a-z0-9][a-z0-9._-]*";
  return std::nullopt;
}

std::optional<std::string> problem_of_source_sha256(std::string_view digits) {
  const bool hex = std::all_of(digits.begin(), digits.end(),
                               [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (digits.empty() || (digits.size() == 64 && hex)) return std::nullopt;
  return "is neither empty nor 64 lower-case hex digits";
}

std::optional<std::string> problem_of_text(std::string_view value) {
  if (value.size() > kMaxTextBytes) return limit_text(kMaxTextBytes);
  if (!is_clean_text(value)) return "holds control characters or is not UTF-8";
  return std::nullopt;
}

std::optional<std::string> problem_of_property_name(std::string_view name) {
  if (name.size() > kMaxPropertyNameBytes) return limit_text(kMaxPropertyNameBytes);
  if (!is_identifier(name)) return "is not of the form [a-z0-9][a-z0-9._-]*";
  return std::nullopt;
}

std::optional<std::uint64_t> tensor_bytes(DType dtype, std::span<const std::int64_t> shape) {
  if (shape.size() > kMaxRank) return std::nullopt;
  std::uint64_t bytes = size_of(dtype);
  for (const std::int64_t dim : shape) {
    if (dim < 1) return std::nullopt;
    if (bytes > std::numeric_limits<std::uint64_t>::max() / static_cast<std::uint64_t>(dim))
      return std::nullopt;
    bytes *= static_cast<std::uint64_t>(dim);
  }
  return bytes;
}

std::optional<DType> dtype_of(std::string_view name) {
  for (const DType t : {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i64, DType::i32, DType::i16,
                        DType::i8, DType::u8, DType::boolean})
    if (name == name_of(t)) return t;
  return std::nullopt;
}

std::optional<std::size_t> find_bad_boolean(std::span<const std::byte> data) {
  const auto bad = std::find_if(data.begin(), data.end(), [](std::byte b) { return b > std::byte{1}; });
  if (bad == data.end()) return std::nullopt;
  return static_cast<std::size_t>(bad - data.begin());
}

}  // namespace cuhue::format
