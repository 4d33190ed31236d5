// The automatic saturation adjustment of PatchColorization: colours of very dark and very light pixels are
// paled.
#pragma once

#include "kernels/color/yuv_planes.h"
#include "kernels/core/hd.h"

namespace cuhue {

// What is left of a pixel's saturation, of the photo's own luma (rec709_luma) in 0..1: all in the middle,
// 0.375 at black and white.
CUHUE_HD float saturation_kept(float luma) {
  return (2.5f - 2.5f * luma) * luma + 0.375f;
}

// HSV with S times `kept`: hue and value stay, so that no channel leaves the range. Clipped to 0..1; a NaN
// gives 0.
CUHUE_HD UnitRgb with_saturation(const UnitRgb& c, float kept) {
  const float r0 = c.r > 0.0f ? c.r : 0.0f, r = r0 < 1.0f ? r0 : 1.0f;
  const float g0 = c.g > 0.0f ? c.g : 0.0f, g = g0 < 1.0f ? g0 : 1.0f;
  const float b0 = c.b > 0.0f ? c.b : 0.0f, b = b0 < 1.0f ? b0 : 1.0f;
  const float rg = r > g ? r : g, value = rg > b ? rg : b;
  return {value - kept * (value - r), value - kept * (value - g), value - kept * (value - b)};
}

}  // namespace cuhue
