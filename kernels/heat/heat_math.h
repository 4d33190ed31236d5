// The colour of a pixel under a heat map: host and device.
#pragma once

#include "kernels/color/lab.h"
#include "kernels/color/yuv.h"
#include "kernels/color/yuv_planes.h"
#include "kernels/core/hd.h"

namespace cuhue {

// Of heat 0, 0.25, .. 1; between them in straight lines. Their luma rises, so that a grey print tells the
// same.
constexpr int kHeatColors = 5;
CUHUE_HD UnitRgb heat_color_at(int i) {
  switch (i) {
    case 0: return {0.05f, 0.03f, 0.35f};
    case 1: return {0.45f, 0.05f, 0.55f};
    case 2: return {0.85f, 0.20f, 0.25f};
    case 3: return {1.00f, 0.60f, 0.05f};
    default: return {1.00f, 1.00f, 0.60f};
  }
}

// At most this much of a pixel is heat.
constexpr float kMostHeat = 0.8f;

// Samples r, g, b in 0..1 as stored, heat any number.
CUHUE_HD UnitRgb heated(float r, float g, float b, float heat) {
  const float positive = heat > 0.0f ? heat : 0.0f;
  const float h = positive < 1.0f ? positive : 1.0f;
  const float at = h * static_cast<float>(kHeatColors - 1);
  const int whole = static_cast<int>(at), i = whole < kHeatColors - 1 ? whole : kHeatColors - 2;
  const float part = at - static_cast<float>(i);
  const UnitRgb low = heat_color_at(i), high = heat_color_at(i + 1);
  const float luma = bt601_luma(r, g, b), share = h * kMostHeat;
  const auto blend = [&](float c0, float c1) {
    const float color = c0 * (1.0f - part) + c1 * part;
    return luma * (1.0f - share) + color * share;
  };
  return {blend(low.r, high.r), blend(low.g, high.g), blend(low.b, high.b)};
}

}  // namespace cuhue
