// Y'CbCr samples of video to 8-bit gamma-encoded RGB, in integers: every machine gives the same bytes.
#pragma once

#include <cstdint>

#include "kernels/core/hd.h"
#include "kernels/core/photo.h"

namespace cuhue {

constexpr int kYuvBits = 20;

// Factors in 20-bit fixed point: red = y (Y - y_zero) + red_v (V - 128), and so on.
struct YuvToRgb {
  std::int32_t y_zero, y, red_v, green_u, green_v, blue_u;
};

// The inverse of ITU-R BT.601-7 2.5 and BT.709-6 3 and 4 (full range: ITU-T T.871):
//   Y' = kr R + (1 - kr - kb) G + kb B, Cb = (B - Y') / (2 - 2 kb), Cr = (R - Y') / (2 - 2 kr),
//   Y = 219 Y' + 16, U = 224 Cb + 128, V = 224 Cr + 128; full range: Y = 255 Y', U = 255 Cb + 128, ...
constexpr YuvToRgb yuv_to_rgb(YuvCoding coding) {
  const bool bt601 = coding == YuvCoding::bt601_limited || coding == YuvCoding::bt601_full;
  const bool full = coding == YuvCoding::bt601_full || coding == YuvCoding::bt709_full;
  const double kr = bt601 ? 0.299 : 0.2126, kb = bt601 ? 0.114 : 0.0722, kg = 1 - kr - kb;
  const double luma = full ? 1.0 : 255.0 / 219.0, chroma = full ? 1.0 : 255.0 / 224.0;
  const auto fixed = [](double v) {
    const double scaled = v * (1 << kYuvBits);
    return static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  };
  return {full ? 0 : 16,
          fixed(luma),
          fixed(chroma * (2 - 2 * kr)),
          fixed(chroma * -(2 - 2 * kb) * kb / kg),
          fixed(chroma * -(2 - 2 * kr) * kr / kg),
          fixed(chroma * (2 - 2 * kb))};
}

struct Rgb8 {
  std::int32_t r, g, b;
};

CUHUE_HD std::int32_t yuv_byte(std::int32_t fixed) {
  const std::int32_t v = (fixed + (1 << (kYuvBits - 1))) >> kYuvBits;
  const std::int32_t positive = v > 0 ? v : 0;
  return positive < 255 ? positive : 255;
}

// The nearest bytes, clipped.
CUHUE_HD Rgb8 rgb_from_yuv(const YuvToRgb& k, std::int32_t y, std::int32_t u, std::int32_t v) {
  const std::int32_t luma = (y - k.y_zero) * k.y;
  const std::int32_t cb = u - 128, cr = v - 128;
  return {yuv_byte(luma + cr * k.red_v), yuv_byte(luma + cb * k.green_u + cr * k.green_v),
          yuv_byte(luma + cb * k.blue_u)};
}

}  // namespace cuhue
