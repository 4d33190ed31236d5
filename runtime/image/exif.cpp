#include "runtime/image/exif.h"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace cuhue {
namespace {

// Tags of EXIF 2.32; field types of TIFF 6.0.
constexpr std::uint16_t kOrientation = 0x0112;
constexpr std::uint16_t kExifDirectory = 0x8769;
constexpr std::uint16_t kPixelXDimension = 0xA002;
constexpr std::uint16_t kPixelYDimension = 0xA003;
constexpr std::uint16_t kShort = 3;
constexpr std::uint16_t kLong = 4;
constexpr std::size_t kEntrySize = 12;  // tag 2, type 2, count 4, value or offset 4
constexpr std::size_t kValueAt = 8;

// Reads numbers in the block's byte order; the caller has checked the bounds.
class Tiff {
 public:
  explicit Tiff(std::span<const std::uint8_t> block) : block_(block), little_(block[0] == 'I') {}

  std::uint32_t u16(std::size_t at) const {
    const std::uint32_t a = block_[at];
    const std::uint32_t b = block_[at + 1];
    return little_ ? a | b << 8 : a << 8 | b;
  }
  std::uint32_t u32(std::size_t at) const {
    return little_ ? u16(at) | u16(at + 2) << 16 : u16(at) << 16 | u16(at + 2);
  }
  bool little() const { return little_; }

  // Offset of the entry of `tag` in the directory at `directory`; a damaged directory has no entries.
  std::optional<std::size_t> find(std::size_t directory, std::uint16_t tag) const {
    if (directory < 8 || directory > block_.size() || block_.size() - directory < 2) return std::nullopt;
    const std::size_t room = (block_.size() - directory - 2) / kEntrySize;
    const std::size_t entries = std::min<std::size_t>(u16(directory), room);
    for (std::size_t i = 0; i < entries; ++i) {
      const std::size_t at = directory + 2 + i * kEntrySize;
      if (u16(at) == tag) return at;
    }
    return std::nullopt;
  }

  // An entry that holds one unsigned number of 16 or 32 bits.
  bool is_number(std::size_t entry) const {
    const std::uint32_t type = u16(entry + 2);
    return (type == kShort || type == kLong) && u32(entry + 4) == 1;
  }
  std::uint32_t number(std::size_t entry) const {
    return u16(entry + 2) == kShort ? u16(entry + kValueAt) : u32(entry + kValueAt);
  }

 private:
  std::span<const std::uint8_t> block_;
  bool little_;
};

std::optional<std::size_t> orientation_entry(const Tiff& tiff) {
  const auto entry = tiff.find(tiff.u32(4), kOrientation);
  return entry && tiff.is_number(*entry) ? entry : std::nullopt;
}

void swap_dimensions(std::vector<std::uint8_t>& block, const Tiff& tiff) {
  const auto link = tiff.find(tiff.u32(4), kExifDirectory);
  if (!link || !tiff.is_number(*link)) return;
  const auto x = tiff.find(tiff.number(*link), kPixelXDimension);
  const auto y = tiff.find(tiff.number(*link), kPixelYDimension);
  if (!x || !y) return;
  // Type, count and value trade places together, so their types may differ.
  const auto from = block.begin() + static_cast<std::ptrdiff_t>(*x) + 2;
  std::swap_ranges(from, from + 10, block.begin() + static_cast<std::ptrdiff_t>(*y) + 2);
}

}  // namespace

bool is_exif(std::span<const std::uint8_t> block) {
  if (block.size() < 8) return false;
  const bool little = block[0] == 'I' && block[1] == 'I' && block[2] == 42 && block[3] == 0;
  const bool big = block[0] == 'M' && block[1] == 'M' && block[2] == 0 && block[3] == 42;
  return little || big;
}

int exif_orientation(std::span<const std::uint8_t> block) {
  if (!is_exif(block)) return 1;
  const Tiff tiff(block);
  const auto entry = orientation_entry(tiff);
  if (!entry) return 1;
  const std::uint32_t value = tiff.number(*entry);
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

void make_exif_upright(std::vector<std::uint8_t>& block) {
  if (!is_exif(block)) return;
  const Tiff tiff(block);
  const auto entry = orientation_entry(tiff);
  if (!entry) return;
  if (exif_orientation(block) >= 5) swap_dimensions(block, tiff);
  const bool is_long = tiff.u16(*entry + 2) == kLong;
  const auto value = block.begin() + static_cast<std::ptrdiff_t>(*entry + kValueAt);
  std::fill(value, value + 4, std::uint8_t{0});
  const int ones_place = tiff.little() ? 0 : (is_long ? 3 : 1);
  value[ones_place] = 1;
}

}  // namespace cuhue
