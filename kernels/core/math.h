// Elementary functions that stand once for host and device: branch-free, so that loops over them vectorise,
// and free of library calls, so that every machine gives the same bits. Bounds are tested over their whole
// range.
#pragma once

#include <cstdint>

#if !defined(__CUDA_ARCH__)
#include <bit>
#include <cmath>
#endif

#include "kernels/core/hd.h"

namespace cuhue {

CUHUE_HD std::int32_t float_to_bits(float x) {
#if defined(__CUDA_ARCH__)
  return __float_as_int(x);
#else
  return std::bit_cast<std::int32_t>(x);
#endif
}

CUHUE_HD float bits_to_float(std::int32_t bits) {
#if defined(__CUDA_ARCH__)
  return __int_as_float(bits);
#else
  return std::bit_cast<float>(bits);
#endif
}

CUHUE_HD float square_root(float x) {
#if defined(__CUDA_ARCH__)
  return __fsqrt_rn(x);
#else
  return std::sqrt(x);
#endif
}

// 1.5 * 2^23: adding it leaves the nearest integer (ties to even) in the low bits of the sum, |x| < 2^22.
constexpr float kRoundingShift = 12582912.0f;

CUHUE_HD std::int32_t round_to_int(float x) {
  return float_to_bits(x + kRoundingShift) - float_to_bits(kRoundingShift);
}

// e^x, relative error below 1e-7 on [-87.3, 88.3]; below that 0, above that the value at 88.3. NaN stays.
CUHUE_HD float exp_bounded(float x) {
  const float capped = x > 88.3f ? 88.3f : x;
  const float y = capped < -87.3f ? -87.3f : capped;
  const float shifted = y * 1.44269504f + kRoundingShift;  // n = nearest integer to y / ln 2
  const float n = shifted - kRoundingShift;
  const float r =
      (y - n * 0.693359375f) - n * -2.12194440e-4f;  // ln 2 in two parts: the first product is exact
  // Minimax of (e^r - 1 - r) / r^2 on |r| <= ln 2 / 2.
  const float q =
      0.49999994f + r * (0.16666521f + r * (0.041668389f + r * (0.0083687454f + r * 0.0013814541f)));
  const float p = 1.0f + (r + r * r * q);
  const std::int32_t exponent = float_to_bits(shifted) - float_to_bits(kRoundingShift) + 127;
  const float e = p * bits_to_float(static_cast<std::int32_t>(static_cast<std::uint32_t>(exponent) << 23));
  return x < -87.3f ? 0.0f : e;
}

// tanh x, error below 1.6e-7 of the value. NaN stays.
CUHUE_HD float tanh_bounded(float x) {
  const float a = x < 0.0f ? -x : x;
  const float z = x * x;
  // Minimax of (tanh x - x) / x^3 in x^2 on |x| <= 0.63.
  const float q =
      -0.33333278f + z * (0.13331331f + z * (-0.053729996f + z * (0.020606142f - z * 0.0056669363f)));
  const float small = x + x * z * q;
  const float large = 1.0f - 2.0f / (exp_bounded(a + a) + 1.0f);
  const float signed_large = x < 0.0f ? -large : large;
  return a < 0.625f ? small : signed_large;
}

// x^(1/N) for normal x > 0, relative error below 1.2e-7. Finite for 0, but not 0.
template <int N>
CUHUE_HD float nth_root(float x) {
  // Dividing the exponent by N gives 3 %; each Halley step cubes the error.
  constexpr float kMagic = (1.0f - 1.0f / N) * (127.0f - 0.0450466f) * 8388608.0f;
  float r =
      bits_to_float(static_cast<std::int32_t>(static_cast<float>(float_to_bits(x)) * (1.0f / N) + kMagic));
  for (int step = 0; step < 2; ++step) {
    const float square = r * r;
    const float power = N == 5 ? square * square * r : square * r;
    r += r * (2.0f * (x - power)) / ((N + 1) * power + (N - 1) * x);
  }
  static_assert(N == 3 || N == 5);
  return r;
}

}  // namespace cuhue
