// Bilinear interpolation with half-pixel centres (torch's align_corners=False): where one output sample lies,
// and the mix of its four neighbours.
#pragma once

#include <cstdint>

#include "kernels/core/hd.h"

namespace cuhue {

struct BilinearTap {
  std::int32_t i0, i1;  // neighbours; i1 = i0 at the last sample
  float w1;             // weight of i1; that of i0 is 1 - w1
};

// `scale` is float(n_in) / float(n_out), rounded to float once as torch does; the position is computed in
// double.
CUHUE_HD BilinearTap bilinear_tap(std::int64_t o, float scale, std::int64_t n_in) {
  const double src = (static_cast<double>(o) + 0.5) * static_cast<double>(scale) - 0.5;
  const double inside = src > 0.0 ? src : 0.0;
  BilinearTap t;
  const auto last = static_cast<std::int32_t>(n_in - 1);
  const auto i0 = static_cast<std::int32_t>(inside);
  t.i0 = i0 < last ? i0 : last;
  t.i1 = t.i0 < last ? t.i0 + 1 : t.i0;
  t.w1 = static_cast<float>(inside - static_cast<double>(t.i0));
  return t;
}

// p(1 - w) + q w: columns first, then the row between them; the same order everywhere, for the same bits.
CUHUE_HD float mix(float p, float q, float w) {
  return p * (1.0f - w) + q * w;
}

CUHUE_HD float bilinear_mix(float p00, float p01, float p10, float p11, float wy, float wx) {
  return mix(mix(p00, p10, wy), mix(p01, p11, wy), wx);
}

}  // namespace cuhue
