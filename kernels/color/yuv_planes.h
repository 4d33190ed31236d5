// Y, U and V of gamma-encoded sRGB as numbers of 0..1 and around 0, with the constants of scikit-image: the
// colours of the masks GAN. Video's integers are in yuv.h.
#pragma once

#include <cstdint>
#include <limits>

#include "kernels/core/hd.h"

namespace cuhue {

// The largest sample, of bytes or of 16 bits.
template <class Sample>
inline constexpr float kFullRange = static_cast<float>(std::numeric_limits<Sample>::max());

// A sample as a part of its full range.
template <class Sample>
CUHUE_HD constexpr float unit_of(std::uint32_t sample) {
  constexpr auto kToUnit = static_cast<float>(1.0 / static_cast<double>(kFullRange<Sample>));
  return static_cast<float>(sample) * kToUnit;
}

// Luma of gamma-encoded sRGB in 0..1: ITU-R BT.601.
CUHUE_HD float bt601_luma(float r, float g, float b) {
  return 0.299f * r + 0.587f * g + 0.114f * b;
}

struct UnitRgb {
  float r, g, b;
};

// u and v are in -1..1: U = 0.436 u, V = 0.615 v. The numerical inverse of
//   U = -0.14714119 R - 0.28886916 G + 0.43601035 B,  V = 0.61497538 R - 0.51496512 G - 0.10001026 B,
// without its two factors below 1e-8, which no bit of a sample sees. Not clipped. u = v = 0 is grey: y
// itself.
CUHUE_HD UnitRgb yuv_to_unit_rgb(float y, float u, float v) {
  constexpr double kU = 0.436, kV = 0.615;
  return {y + static_cast<float>(1.13988303 * kV) * v,
          y - static_cast<float>(0.394642334 * kU) * u - static_cast<float>(0.58062185 * kV) * v,
          y + static_cast<float>(2.03206185 * kU) * u};
}

}  // namespace cuhue
