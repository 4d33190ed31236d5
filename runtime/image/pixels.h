// Pixels in memory: what decoders fill, colorizers read and write, encoders take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cuhue {

// Channel order in memory; 16-bit samples in the machine's byte order. The values are those of the C API.
enum class PixelFormat : std::uint8_t {
  grey8 = 1,
  grey_alpha8,
  rgb8,
  rgba8,
  bgr8,
  bgra8,  // one byte a sample
  grey16 = 16,
  grey_alpha16,
  rgb16,
  rgba16,  // two bytes a sample
  nv12 = 32,
  nv12_bt601,  // 8-bit video: rows of Y, then rows of interleaved U and V for every second row
};

constexpr bool is_video(PixelFormat f) {
  return f >= PixelFormat::nv12;
}

// Of video: of its Y plane.
constexpr int channels(PixelFormat f) {
  switch (f) {
    case PixelFormat::grey8:
    case PixelFormat::grey16:
    case PixelFormat::nv12:
    case PixelFormat::nv12_bt601: return 1;
    case PixelFormat::grey_alpha8:
    case PixelFormat::grey_alpha16: return 2;
    case PixelFormat::rgb8:
    case PixelFormat::bgr8:
    case PixelFormat::rgb16: return 3;
    default: return 4;
  }
}
constexpr int bytes_per_sample(PixelFormat f) {
  return f >= PixelFormat::grey16 && !is_video(f) ? 2 : 1;
}
constexpr int bytes_per_pixel(PixelFormat f) {
  return channels(f) * bytes_per_sample(f);
}
// The least stride: a video's row of U and V has whole pairs.
constexpr std::ptrdiff_t row_bytes(PixelFormat f, std::int64_t width) {
  return static_cast<std::ptrdiff_t>(is_video(f) ? (width + 1) / 2 * 2 : width * bytes_per_pixel(f));
}
constexpr bool has_alpha(PixelFormat f) {
  return channels(f) == 2 || channels(f) == 4;
}
constexpr bool is_grey(PixelFormat f) {
  return channels(f) <= 2 && !is_video(f);
}

// Not owned. Rows start `stride` bytes apart; stride >= row_bytes(format, width).
struct PixelView {
  std::uint8_t* data = nullptr;
  std::int64_t width = 0, height = 0;
  std::ptrdiff_t stride = 0;
  PixelFormat format = PixelFormat::rgb8;
};
struct ConstPixelView {
  const std::uint8_t* data = nullptr;
  std::int64_t width = 0, height = 0;
  std::ptrdiff_t stride = 0;
  PixelFormat format = PixelFormat::rgb8;

  ConstPixelView() = default;
  ConstPixelView(const std::uint8_t* d, std::int64_t w, std::int64_t h, std::ptrdiff_t s, PixelFormat f)
      : data(d), width(w), height(h), stride(s), format(f) {}
  ConstPixelView(const PixelView& v)  // NOLINT(google-explicit-constructor): a view of more is a view of less
      : data(v.data), width(v.width), height(v.height), stride(v.stride), format(v.format) {}
};

// A decoded picture, upright, rows tightly packed, with what has to travel to the output beside the pixels.
struct Image {
  std::int64_t width = 0, height = 0;
  PixelFormat format = PixelFormat::rgb8;
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> icc;   // the ICC profile, unchanged; empty = none
  std::vector<std::uint8_t> exif;  // TIFF-structured EXIF block with its orientation reset to 1; empty = none
  std::vector<std::uint8_t> xmp;   // XMP packet, unchanged; empty = none

  std::ptrdiff_t stride() const { return static_cast<std::ptrdiff_t>(width) * bytes_per_pixel(format); }
  ConstPixelView view() const { return {pixels.data(), width, height, stride(), format}; }
  PixelView view() { return {pixels.data(), width, height, stride(), format}; }
};

}  // namespace cuhue
