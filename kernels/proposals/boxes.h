// Boxes as detectors move, clip, compare and rank them: the arithmetic of one box, fp32 as the original's.
#pragma once

#include <cstdint>

#include "kernels/core/hd.h"
#include "kernels/core/math.h"

namespace cuhue {

struct Box {  // continuous coordinates, no +1
  float x0 = 0, y0 = 0, x1 = 0, y1 = 0;
};

struct BoxDelta {
  float dx = 0, dy = 0, dw = 0, dh = 0;
};

struct DeltaWeights {  // deltas are divided by them
  float xy = 1, wh = 1;
};

// Largest logarithm by which a box grows: ln(1000 / 16).
constexpr float kMostGrowth = 4.135166556742356f;

CUHUE_HD float at_most(float v, float most) {
  return v > most ? most : v;  // a NaN stays
}

CUHUE_HD bool is_finite(float v) {
  return v - v == 0.0f;
}
CUHUE_HD bool is_finite(const Box& b) {
  return is_finite(b.x0) && is_finite(b.y0) && is_finite(b.x1) && is_finite(b.y1);
}

// The box that deltas make of another (Girshick et al. 2014, appendix C).
CUHUE_HD Box decode_box(const Box& from, const BoxDelta& d, const DeltaWeights& weights) {
  const float w = from.x1 - from.x0, h = from.y1 - from.y0;
  const float cx = from.x0 + 0.5f * w, cy = from.y0 + 0.5f * h;
  const float px = d.dx / weights.xy * w + cx, py = d.dy / weights.xy * h + cy;
  const float pw = exp_bounded(at_most(d.dw / weights.wh, kMostGrowth)) * w;
  const float ph = exp_bounded(at_most(d.dh / weights.wh, kMostGrowth)) * h;
  return {px - 0.5f * pw, py - 0.5f * ph, px + 0.5f * pw, py + 0.5f * ph};
}

CUHUE_HD float clamp_to(float v, float most) {
  const float low = v < 0.0f ? 0.0f : v;
  return low > most ? most : low;
}

CUHUE_HD Box clip_box(const Box& b, float w, float h) {
  return {clamp_to(b.x0, w), clamp_to(b.y0, h), clamp_to(b.x1, w), clamp_to(b.y1, h)};
}

CUHUE_HD bool has_area(const Box& b) {
  return b.x1 - b.x0 > 0.0f && b.y1 - b.y0 > 0.0f;
}

// Does the better box a rule out b? The ratio in fp32, compared in double; a NaN (two boxes without area)
// rules out nothing.
CUHUE_HD bool suppresses(const Box& a, const Box& b, double threshold) {
  const float left = a.x0 > b.x0 ? a.x0 : b.x0, right = a.x1 < b.x1 ? a.x1 : b.x1;
  const float top = a.y0 > b.y0 ? a.y0 : b.y0, bottom = a.y1 < b.y1 ? a.y1 : b.y1;
  const float w = right - left > 0.0f ? right - left : 0.0f;
  const float h = bottom - top > 0.0f ? bottom - top : 0.0f;
  const float inter = w * h;
  const float areas = (a.x1 - a.x0) * (a.y1 - a.y0) + (b.x1 - b.x0) * (b.y1 - b.y0);
  return static_cast<double>(inter / (areas - inter)) > threshold;
}

// ---- ranks: greater keys come first; of equal scores the lower index. Keys of different indices differ.

// Order of floats as unsigned numbers, never 0; -0 is 0, and a NaN is greater than all, as torch's topk has
// it.
CUHUE_HD std::uint32_t ordered_bits(float v) {
  if (v != v) return 0xffffffffu;
  const auto bits = static_cast<std::uint32_t>(float_to_bits(v == 0.0f ? 0.0f : v));
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}
CUHUE_HD std::uint64_t rank_key(float score, std::uint32_t index) {
  return static_cast<std::uint64_t>(ordered_bits(score)) << 32 | (0xffffffffu - index);
}
CUHUE_HD std::uint32_t index_of_key(std::uint64_t key) {
  return 0xffffffffu - static_cast<std::uint32_t>(key);
}

}  // namespace cuhue
