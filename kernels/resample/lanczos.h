// Antialiased Lanczos resampling as Pillow defines it (three lobes, support widened when shrinking, weights
// in the fixed point of bicubic.h): the window and weights of one output sample.
#pragma once

#include <cmath>
#include <cstdint>

namespace cuhue {

// Input samples [lo, lo + count) that make output sample `o`, and where their weights are taken.
struct LanczosWindow {
  std::int64_t lo = 0, count = 0;
  double centre = 0;  // in input samples
  double shrink = 1;  // max(n_in / n_out, 1)
};

inline LanczosWindow lanczos_window(std::int64_t o, std::int64_t n_in, std::int64_t n_out) {
  LanczosWindow w;
  const double scale = static_cast<double>(n_in) / static_cast<double>(n_out);
  w.shrink = scale > 1.0 ? scale : 1.0;
  w.centre = (static_cast<double>(o) + 0.5) * scale;
  const double support = 3.0 * w.shrink;
  // NOLINTBEGIN(bugprone-incorrect-roundings): truncation towards 0 is Pillow's rule
  const auto lo = static_cast<std::int64_t>(w.centre - support + 0.5);
  const auto hi = static_cast<std::int64_t>(w.centre + support + 0.5);
  // NOLINTEND(bugprone-incorrect-roundings)
  w.lo = lo > 0 ? lo : 0;
  w.count = (hi < n_in ? hi : n_in) - w.lo;
  return w;
}

inline double sinc(double x) {
  constexpr double kPi = 3.14159265358979323846;
  return x == 0.0 ? 1.0 : std::sin(x * kPi) / (x * kPi);
}

// Weight of sample lo + j, before it is divided by the sum over the window.
inline double lanczos_raw_weight(const LanczosWindow& w, std::int64_t j) {
  const double x = (static_cast<double>(j + w.lo) - w.centre + 0.5) * (1.0 / w.shrink);
  return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
}

}  // namespace cuhue
