// Antialiased bicubic resampling as Pillow defines it (a = -0.5, support widened when shrinking, weights in
// 22-bit fixed point): the window and weights of one output sample.
#pragma once

#include <cstdint>

#include "kernels/core/hd.h"

namespace cuhue {

constexpr int kBicubicBits = 22;

CUHUE_HD double bicubic_weight(double x) {
  const double t = x < 0.0 ? -x : x;
  if (t < 1.0) return (1.5 * t - 2.5) * t * t + 1.0;
  if (t < 2.0) return (((t - 5.0) * t + 8.0) * t - 4.0) * -0.5;
  return 0.0;
}

// Input samples [lo, lo + count) that make output sample `o`, and where their weights are taken.
struct BicubicWindow {
  std::int64_t lo = 0, count = 0;
  double centre = 0;  // in input samples
  double shrink = 1;  // max(n_in / n_out, 1)
};

CUHUE_HD BicubicWindow bicubic_window(std::int64_t o, std::int64_t n_in, std::int64_t n_out) {
  BicubicWindow w;
  const double scale = static_cast<double>(n_in) / static_cast<double>(n_out);
  w.shrink = scale > 1.0 ? scale : 1.0;
  w.centre = (static_cast<double>(o) + 0.5) * scale;
  const double support = 2.0 * w.shrink;
  // NOLINTBEGIN(bugprone-incorrect-roundings): truncation towards 0 is Pillow's rule
  const auto lo = static_cast<std::int64_t>(w.centre - support + 0.5);
  const auto hi = static_cast<std::int64_t>(w.centre + support + 0.5);
  // NOLINTEND(bugprone-incorrect-roundings)
  w.lo = lo > 0 ? lo : 0;
  w.count = (hi < n_in ? hi : n_in) - w.lo;
  return w;
}

// Largest count of any window.
CUHUE_HD constexpr std::int64_t bicubic_window_bound(std::int64_t n_in, std::int64_t n_out) {
  const std::int64_t shrink = n_in > n_out ? (n_in + n_out - 1) / n_out : 1;
  const std::int64_t bound = 4 * shrink + 1;
  return bound < n_in ? bound : n_in;
}

// Weight of sample lo + j, before it is divided by the sum over the window.
CUHUE_HD double bicubic_raw_weight(const BicubicWindow& w, std::int64_t j) {
  return bicubic_weight((static_cast<double>(j + w.lo) - w.centre + 0.5) * (1.0 / w.shrink));
}

CUHUE_HD double bicubic_weight_sum(const BicubicWindow& w) {
  double sum = 0;
  for (std::int64_t j = 0; j < w.count; ++j) sum += bicubic_raw_weight(w, j);
  return sum;
}

CUHUE_HD std::int32_t bicubic_fixed_weight(double weight) {
  const double scaled = weight * (1 << kBicubicBits);
  return static_cast<std::int32_t>(scaled < 0.0 ? scaled - 0.5 : scaled + 0.5);
}

// From the sum over the window, started at kBicubicRounding, to a byte.
constexpr std::int32_t kBicubicRounding = 1 << (kBicubicBits - 1);
CUHUE_HD std::int32_t bicubic_byte(std::int32_t sum) {
  const std::int32_t v = sum >> kBicubicBits;
  const std::int32_t positive = v > 0 ? v : 0;
  return positive < 255 ? positive : 255;
}

}  // namespace cuhue
