// Where a photo's pixel lies in a mask, and whether the mask covers it.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/core/hd.h"
#include "kernels/core/math.h"
#include "kernels/mask_paste/mask_paste.h"

namespace cuhue {

// One direction: the neighbour before the pixel's centre, may be -1 or less, and the weight of the next.
struct MaskTap {
  int low = 0;
  float w_high = 0;
};

// As torch's grid_sample computes it (align_corners=False), fp32.
CUHUE_HD MaskTap mask_tap(std::int64_t pixel, float from, float to) {
  const float grid = (static_cast<float>(pixel) + 0.5f - from) / (to - from) * 2.0f - 1.0f;
  const float at = ((grid + 1.0f) * static_cast<float>(kMaskSize) - 1.0f) / 2.0f;
  MaskTap t;
  // Far outside all are alike; the bound keeps the conversion defined.
  const float bounded = at < -2.0f ? -2.0f : at > kMaskSize + 1.0f ? kMaskSize + 1.0f : at;
  const float low = floorf(bounded);
  t.low = static_cast<int>(low);
  t.w_high = bounded - low;
  return t;
}

CUHUE_HD float mask_at(const float* mask, int y, int x) {
  const bool inside = y >= 0 && x >= 0 && y < kMaskSize && x < kMaskSize;
  return inside ? mask[y * kMaskSize + x] : 0.0f;
}

CUHUE_HD bool mask_covers(const float* mask, const MaskTap& y, const MaskTap& x) {
  const float h = y.w_high, w = x.w_high;
  const float sum = mask_at(mask, y.low, x.low) * ((1.0f - w) * (1.0f - h)) +
                    mask_at(mask, y.low, x.low + 1) * (w * (1.0f - h)) +
                    mask_at(mask, y.low + 1, x.low) * ((1.0f - w) * h) +
                    mask_at(mask, y.low + 1, x.low + 1) * (w * h);
  return sum >= 0.5f;
}

CUHUE_HD float mask_probability(float logit) {
  return 1.0f / (1.0f + exp_bounded(-logit));
}

}  // namespace cuhue
