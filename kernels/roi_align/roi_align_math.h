// Which level a box is cropped from, and where the samples of a crop lie.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/core/hd.h"
#include "kernels/core/math.h"

namespace cuhue {

// 0 to 3: of boxes around 224 x 224 pixels the third, an octave of sides a level (Lin et al. 2017). In fp32
// as published; the logarithm rounded once, so that sides of 112, 224 and 448 are the upper level's on every
// machine.
CUHUE_HD int crop_level(float x0, float y0, float x1, float y1) {
  const float area = (x1 - x0) * (y1 - y0);
  const float relative = square_root(area) / 224.0f + 1e-8f;
  const auto octaves = static_cast<float>(log2(static_cast<double>(relative)));
  const float level = 4.0f + octaves;
  if (!(level >= 3.0f)) return 0;
  return level >= 5.0f ? 3 : level >= 4.0f ? 2 : 1;
}

// One direction of a crop: box side [from, from + size * bin) in pixels of the level.
struct CropAxis {
  float from = 0, bin = 0;
  int samples = 0;  // a bin
};

CUHUE_HD CropAxis crop_axis(float low, float high, float scale, int size) {
  CropAxis a;
  a.from = low * scale - 0.5f;
  const float extent = high * scale - 0.5f - a.from;
  a.bin = extent / static_cast<float>(size);
  const float samples = ceilf(extent / static_cast<float>(size));
  // Boxes lie in the image: more than that many is no box.
  a.samples = samples > 0.0f && samples < 65536.0f ? static_cast<int>(samples) : 0;
  return a;
}

// A sample between two of `extent` pixels; of weights 0 when it lies outside.
struct CropTap {
  int low = 0, high = 0;
  float w_low = 0, w_high = 0;
};

CUHUE_HD CropTap crop_tap(const CropAxis& a, int bin, int sample, int extent) {
  const float at = a.from + static_cast<float>(bin) * a.bin +
                   (static_cast<float>(sample) + 0.5f) * a.bin / static_cast<float>(a.samples);
  CropTap t;
  if (!(at >= -1.0f && at <= static_cast<float>(extent))) return t;
  float inside = at > 0.0f ? at : 0.0f;
  t.low = static_cast<int>(inside);
  if (t.low >= extent - 1) {
    t.low = t.high = extent - 1;
    inside = static_cast<float>(t.low);
  } else {
    t.high = t.low + 1;
  }
  t.w_high = inside - static_cast<float>(t.low);
  t.w_low = 1.0f - t.w_high;
  return t;
}

}  // namespace cuhue
