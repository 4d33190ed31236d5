// BMP: in through stb_image, out by hand (24 bits, the one kind every program reads).
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "runtime/image/parts.h"

// Only its BMP reader, private to this file. Its asserts only restate what it has checked before.
#define STBI_ASSERT(x) static_cast<void>(x)
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

namespace cuhue {
namespace {

constexpr std::size_t kFileHeader = 14;
constexpr std::size_t kCoreHeader = 12;  // the header size of OS/2 1.x: 16-bit sides
constexpr std::size_t kInfoHeader = 40;

std::uint32_t u16(ByteSpan bytes, std::size_t at) {
  return bytes[at] | std::uint32_t{bytes[at + 1]} << 8;
}
std::uint32_t u32(ByteSpan bytes, std::size_t at) {
  return u16(bytes, at) | u16(bytes, at + 2) << 16;
}

struct BmpLayout {
  std::int64_t width, height;
  std::uint32_t bits;
  std::size_t palette_at, pixels_at, palette_entry;
  std::int64_t row_bytes() const { return (width * bits + 7) / 8; }
  std::int64_t stride() const { return (row_bytes() + 3) / 4 * 4; }
};

[[noreturn]] void refuse_damaged(const PictureFile& file, const std::string& why) {
  refuse(file,
         "the BMP is damaged or of a kind that is not supported (" + why + "); convert it to PNG first");
}

BmpLayout read_layout(const PictureFile& file) {
  const ByteSpan bytes = file.bytes;
  if (bytes.size() < kFileHeader + kCoreHeader) refuse_damaged(file, "no header");
  const std::size_t header = u32(bytes, 14);
  BmpLayout layout{};
  layout.pixels_at = u32(bytes, 10);
  layout.palette_at = kFileHeader + header;
  if (header == kCoreHeader) {
    layout.width = u16(bytes, 18);
    layout.height = u16(bytes, 20);
    layout.bits = u16(bytes, 24);
    layout.palette_entry = 3;
  } else {
    if (header < kInfoHeader || bytes.size() < layout.palette_at) refuse_damaged(file, "no header");
    layout.width = static_cast<std::int32_t>(u32(bytes, 18));
    layout.height = std::abs(static_cast<std::int64_t>(static_cast<std::int32_t>(u32(bytes, 22))));
    layout.bits = u16(bytes, 28);
    layout.palette_entry = 4;
    const std::uint32_t packing = u32(bytes, 30);
    if (packing == 1 || packing == 2) refuse_damaged(file, "run-length coded");
  }
  return layout;
}

// stb_image reads zeros behind the end of the file and palette colours that are not there: told here.
void check_layout(const PictureFile& file, const BmpLayout& layout) {
  check_size(file, layout.width, layout.height);
  if (layout.bits != 1 && layout.bits != 4 && layout.bits != 8 && layout.bits != 16 && layout.bits != 24 &&
      layout.bits != 32)
    refuse_damaged(file, std::to_string(layout.bits) + " bits a pixel");
  const std::int64_t needed = static_cast<std::int64_t>(layout.pixels_at) +
                              layout.stride() * (layout.height - 1) + layout.row_bytes();
  if (needed > static_cast<std::int64_t>(file.bytes.size()))
    refuse(file, "the BMP is cut short (" + std::to_string(file.bytes.size()) + " bytes of " +
                     std::to_string(needed) + "); get an intact copy");
  if (layout.bits > 8) return;
  if (layout.pixels_at < layout.palette_at) refuse_damaged(file, "pixels inside the header");
  const std::size_t colours = (layout.pixels_at - layout.palette_at) / layout.palette_entry;
  if (colours >= std::size_t{1} << layout.bits) return;
  for (std::int64_t y = 0; y < layout.height; ++y)
    for (std::int64_t x = 0; x < layout.width; ++x) {
      const std::int64_t bit = x * layout.bits;
      const std::size_t at = layout.pixels_at + static_cast<std::size_t>(y * layout.stride() + bit / 8);
      const unsigned shift = 8 - layout.bits - static_cast<unsigned>(bit % 8);
      const unsigned index = file.bytes[at] >> shift & ((1U << layout.bits) - 1U);
      if (index >= colours) refuse_damaged(file, "a colour outside the palette");
    }
}

bool is_opaque(const std::uint8_t* rgba, std::size_t pixels) {
  for (std::size_t i = 0; i < pixels; ++i)
    if (rgba[4 * i + 3] != 255) return false;
  return true;
}

void put_u32(std::uint8_t* at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

// BGR, as BMP stores it.
void put_row(const ConstPixelView& pixels, std::int64_t y, std::uint8_t* to) {
  const std::uint8_t* from = pixels.data + y * pixels.stride;
  const int step = channels(pixels.format);
  const int red = is_grey(pixels.format) || pixels.format == PixelFormat::rgb8 ? 0 : 2;
  const int green = is_grey(pixels.format) ? 0 : 1;
  const int blue = is_grey(pixels.format) ? 0 : 2 - red;
  for (std::int64_t x = 0; x < pixels.width; ++x, from += step, to += 3) {
    to[0] = from[blue];
    to[1] = from[green];
    to[2] = from[red];
  }
}

}  // namespace

Image decode_bmp(const PictureFile& file) {
  const BmpLayout layout = read_layout(file);
  check_layout(file, layout);
  if (file.bytes.size() > 0x7fffffff) refuse_damaged(file, "more than 2 GiB");
  int width = 0;
  int height = 0;
  int samples = 0;
  const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> pixels(
      stbi_load_from_memory(file.bytes.data(), static_cast<int>(file.bytes.size()), &width, &height, &samples,
                            0),
      &stbi_image_free);
  if (pixels == nullptr) refuse_damaged(file, stbi_failure_reason());
  if (width != layout.width || height != layout.height) refuse_damaged(file, "two sizes");

  Image image;
  const std::size_t count = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  // Most 32-bit files leave the fourth byte unused; only one that says something is an alpha channel.
  const bool alpha = samples == 4 && !is_opaque(pixels.get(), count);
  allocate_pixels(image, width, height, alpha ? PixelFormat::rgba8 : PixelFormat::rgb8);
  if (alpha || samples == 3) {
    std::memcpy(image.pixels.data(), pixels.get(), image.pixels.size());
  } else {
    for (std::size_t i = 0; i < count; ++i) std::memcpy(&image.pixels[3 * i], pixels.get() + 4 * i, 3);
  }
  return image;
}

std::vector<std::byte> encode_bmp(const ConstPixelView& pixels) {
  constexpr std::size_t kHeaders = kFileHeader + kInfoHeader;
  constexpr std::uint32_t kPixelsPerMetre = 2835;  // 72 dpi
  const std::size_t stride = (static_cast<std::size_t>(pixels.width) * 3 + 3) / 4 * 4;
  if (stride > (0xffffffffU - kHeaders) / static_cast<std::size_t>(pixels.height))
    throw Error(Status::usage, "a picture of " + std::to_string(pixels.width) + "x" +
                                   std::to_string(pixels.height) +
                                   " pixels does not fit in the 4 GiB of a BMP: write PNG");
  const std::size_t total = kHeaders + stride * static_cast<std::size_t>(pixels.height);
  std::vector<std::byte> out(total);
  auto* file = reinterpret_cast<std::uint8_t*>(out.data());
  file[0] = 'B';
  file[1] = 'M';
  put_u32(file + 2, static_cast<std::uint32_t>(total));
  put_u32(file + 10, kHeaders);
  put_u32(file + 14, kInfoHeader);
  put_u32(file + 18, static_cast<std::uint32_t>(pixels.width));
  put_u32(file + 22, static_cast<std::uint32_t>(pixels.height));
  file[26] = 1;   // planes
  file[28] = 24;  // bits a pixel
  put_u32(file + 34, static_cast<std::uint32_t>(total - kHeaders));
  put_u32(file + 38, kPixelsPerMetre);
  put_u32(file + 42, kPixelsPerMetre);
  for (std::int64_t y = 0; y < pixels.height; ++y)  // the bottom row comes first
    put_row(pixels, pixels.height - 1 - y, file + kHeaders + static_cast<std::size_t>(y) * stride);
  return out;
}

}  // namespace cuhue
