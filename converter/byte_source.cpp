#include "converter/byte_source.h"

#include "weights/status.h"

namespace cuhue {

void ByteSource::fail(std::uint64_t at, std::string_view what) const {
  throw Error(Status::weights, label_ + ", byte " + std::to_string(at) + ": " + std::string(what));
}

std::span<const std::byte> ByteSource::part(std::uint64_t at, std::uint64_t count,
                                            std::string_view what) const {
  if (!has(at, count))
    fail(at, std::string(what) + " of " + std::to_string(count) + " bytes reaches beyond the end at " +
                 std::to_string(bytes_.size()) + "; the file is damaged or cut short, get it again");
  return bytes_.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count));
}

std::string_view ByteSource::text(std::uint64_t at, std::uint64_t count, std::string_view what) const {
  const std::span<const std::byte> bytes = part(at, count, what);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uint64_t ByteSource::number(std::uint64_t at, int bytes, std::string_view what) const {
  const std::span<const std::byte> from = part(at, static_cast<std::uint64_t>(bytes), what);
  std::uint64_t value = 0;
  for (std::size_t i = from.size(); i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(from[i]);
  return value;
}

std::uint64_t ByteSource::varint(std::uint64_t& at, int bits, std::string_view what) const {
  const std::uint64_t begin = at;
  std::uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    const std::uint64_t byte = number(at++, 1, what);
    const std::uint64_t low = byte & 0x7f;
    if (shift >= bits || (shift + 7 > bits && low >> (bits - shift) != 0)) break;
    value |= low << shift;
    if (byte < 0x80) return value;
  }
  fail(begin,
       std::string(what) + " is not a number of " + std::to_string(bits) + " bits; the file is damaged");
}

}  // namespace cuhue
