// Picture files made for the tests, byte by byte or with the libraries, independent of the code under test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/image/codec.h"
#include "runtime/image/pixels.h"

namespace cuhue::fixtures {

using Bytes = std::vector<std::uint8_t>;

inline std::span<const std::byte> as_file(const Bytes& bytes) {
  return {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(const std::vector<std::byte>& file) {
  const auto* first = reinterpret_cast<const std::uint8_t*>(file.data());
  return {first, first + file.size()};
}
inline Bytes text(std::string_view s) {
  return {s.begin(), s.end()};
}
Bytes operator+(Bytes a, const Bytes& b);

void put16(Bytes& to, std::uint32_t value, bool little);
void put32(Bytes& to, std::uint32_t value, bool little);

// A picture whose samples all differ from their neighbours', the same on every call.
Image pattern(std::int64_t width, std::int64_t height, PixelFormat format);
// The same with slow slopes only, as JPEG likes it; 8 bits.
Image smooth(std::int64_t width, std::int64_t height, PixelFormat format);

// ---- PNG, written chunk by chunk ----
Bytes png_chunk(std::string_view type, const Bytes& data);
struct PngParts {
  std::uint32_t width = 0, height = 0;
  int depth = 8, colour_type = 0;
  Bytes rows = {};           // packed rows without their filter bytes
  Bytes before_pixels = {};  // whole chunks: PLTE, tRNS, iCCP, …
  Bytes after_pixels = {};   // whole chunks
  int filter = 0;            // every row is filtered with it: 0 none, 1 sub, 2 up
};
Bytes png(const PngParts& parts);
// Interlaced (Adam7), from an 8- or 16-bit picture.
Bytes interlaced_png(const Image& image);
Bytes deflate(const Bytes& data);
Bytes iccp_chunk(const Bytes& profile);
Bytes xmp_chunk(const Bytes& packet, bool compressed);

// ---- JPEG, through libjpeg ----
enum class JpegKind { baseline, progressive, arithmetic, restarts, sequential_scans };
struct JpegParts {
  JpegKind kind = JpegKind::baseline;
  int quality = 95;
  int sampling = 1;           // of the first component, both ways
  bool rgb = false;           // no YCbCr
  Bytes exif = {}, xmp = {};  // without their APP1 signs
  Bytes icc = {};             // cut in APP2 segments
};
Bytes jpeg(const Image& image, const JpegParts& parts = {});
// Four planes of ink; adobe = inverted, with the Adobe marker; ycck = stored as YCCK.
Bytes cmyk_jpeg(const Bytes& cmyk, int width, int height, bool adobe, bool ycck, const Bytes& icc = {});
Bytes segment(int marker, const Bytes& data);
// Puts segments behind the two bytes that start a JPEG.
Bytes with_segments(const Bytes& jpeg, const Bytes& segments);

// ---- BMP ----
struct BmpParts {
  int width = 0, height = 0;  // negative height: top row first
  int bits = 24;
  bool core_header = false;
  Bytes palette = {};  // entries as stored
  Bytes rows = {};     // as stored, padded
  std::uint32_t packing = 0;
  std::vector<std::uint32_t> masks = {};
};
Bytes bmp(const BmpParts& parts);

// ---- EXIF and ICC ----
struct ExifParts {
  int orientation = 1;
  bool little = true;
  bool as_long = false;                             // LONG instead of SHORT
  std::uint32_t pixel_width = 0, pixel_height = 0;  // 0 = no Exif directory
};
Bytes exif(const ExifParts& parts);
// A profile whose header and tag table libpng accepts, with `padding` bytes behind them.
Bytes icc(std::string_view colour_space, std::size_t padding = 60);

}  // namespace cuhue::fixtures
