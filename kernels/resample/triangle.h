// Antialiased bilinear resampling as Pillow defines it: a triangle, its support widened when shrinking.
// Weights become fixed point as those of bicubic.h.
#pragma once

#include <cstdint>

#include "kernels/core/hd.h"

namespace cuhue {

// Input samples [lo, lo + count) that make output sample `o`, and where their weights are taken.
struct TriangleWindow {
  std::int64_t lo = 0, count = 0;
  double centre = 0;  // in input samples
  double shrink = 1;  // max(n_in / n_out, 1)
};

CUHUE_HD TriangleWindow triangle_window(std::int64_t o, std::int64_t n_in, std::int64_t n_out) {
  TriangleWindow w;
  const double scale = static_cast<double>(n_in) / static_cast<double>(n_out);
  w.shrink = scale > 1.0 ? scale : 1.0;
  w.centre = (static_cast<double>(o) + 0.5) * scale;
  // NOLINTBEGIN(bugprone-incorrect-roundings): truncation towards 0 is Pillow's rule
  const auto lo = static_cast<std::int64_t>(w.centre - w.shrink + 0.5);
  const auto hi = static_cast<std::int64_t>(w.centre + w.shrink + 0.5);
  // NOLINTEND(bugprone-incorrect-roundings)
  w.lo = lo > 0 ? lo : 0;
  w.count = (hi < n_in ? hi : n_in) - w.lo;
  return w;
}

// Weight of sample lo + j, before it is divided by the sum over the window.
CUHUE_HD double triangle_raw_weight(const TriangleWindow& w, std::int64_t j) {
  const double x = (static_cast<double>(j + w.lo) - w.centre + 0.5) * (1.0 / w.shrink);
  const double t = x < 0.0 ? -x : x;
  return t < 1.0 ? 1.0 - t : 0.0;
}

CUHUE_HD double triangle_weight_sum(const TriangleWindow& w) {
  double sum = 0;
  for (std::int64_t j = 0; j < w.count; ++j) sum += triangle_raw_weight(w, j);
  return sum;
}

}  // namespace cuhue
