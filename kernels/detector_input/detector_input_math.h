// One sample of a resized picture, in either way.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/core/hd.h"
#include "kernels/resample/bicubic.h"
#include "kernels/resample/triangle.h"

namespace cuhue {

// ---- floats: bilinear with half-pixel centres, in double

struct DoubleTap {
  std::int64_t i0 = 0, i1 = 0;
  double t = 0;  // weight of i1
};
CUHUE_HD DoubleTap double_tap(std::int64_t o, std::int64_t n_in, std::int64_t n_out) {
  const double scale = static_cast<double>(n_in) / static_cast<double>(n_out);
  const double src = scale * (static_cast<double>(o) + 0.5) - 0.5;
  const double inside = src > 0.0 ? src : 0.0;
  DoubleTap tap;
  const auto i0 = static_cast<std::int64_t>(inside);
  tap.i0 = i0 < n_in - 1 ? i0 : n_in - 1;
  tap.i1 = tap.i0 + 1 < n_in ? tap.i0 + 1 : n_in - 1;
  tap.t = inside - static_cast<double>(i0);
  return tap;
}

CUHUE_HD float blended(double top0, double top1, double bottom0, double bottom1, double y, double x) {
  const double top = (1.0 - x) * top0 + x * top1;
  const double bottom = (1.0 - x) * bottom0 + x * bottom1;
  return static_cast<float>((1.0 - y) * top + y * bottom);
}

template <class Sample>
CUHUE_HD float resized_float(const Sample* picture, std::int64_t w, const DoubleTap& y, const DoubleTap& x,
                             int channel) {
  const auto at = [&](std::int64_t row, std::int64_t column) {
    return static_cast<double>(picture[(row * w + column) * 3 + channel]);
  };
  return blended(at(y.i0, x.i0), at(y.i0, x.i1), at(y.i1, x.i0), at(y.i1, x.i1), y.t, x.t);
}

// ---- lightness

// Linear light of a byte, IEC 61966-2-1.
CUHUE_HD double linear_of_byte(int byte) {
  const double x = static_cast<double>(byte) / 255.0;
  return x > 0.04045 ? pow((x + 0.055) / 1.055, 2.4) : x / 12.92;
}

struct DetectorGrey {
  double channel[3];
};

// Linear RGB to its lightness in sRGB, 0..255.
CUHUE_HD DetectorGrey lightness_grey(double r, double g, double b) {
  // White of Lab back in RGB: the two matrices of the original are no exact inverses.
  constexpr double kWhite[3] = {1.000007477978016, 0.9999895886811184, 1.0000811346942409};
  const double y = 0.212671 * r + 0.71516 * g + 0.072169 * b;
  const double f = y > 0.008856 ? cbrt(y) : 7.787 * y + 16.0 / 116.0;
  const double lightness = 116.0 * f - 16.0;
  const double t = (lightness + 16.0) / 116.0;
  const double back = t > 0.2068966 ? t * t * t : (t - 16.0 / 116.0) / 7.787;
  DetectorGrey grey{};
  for (int c = 0; c < 3; ++c) {
    const double v = kWhite[c] * back;
    const double encoded = v > 0.0031308 ? 1.055 * pow(v, 1.0 / 2.4) - 0.055 : 12.92 * v;
    const double positive = encoded > 0.0 ? encoded : 0.0;
    grey.channel[c] = 255.0 * (positive < 1.0 ? positive : 1.0);
  }
  return grey;
}

// ---- bytes: one pass of Pillow's triangle. `step` bytes from sample to sample.
CUHUE_HD std::uint8_t triangle_byte(const std::uint8_t* samples, std::int64_t step,
                                    const TriangleWindow& window, double weight_sum) {
  std::int32_t sum = kBicubicRounding;
  for (std::int64_t j = 0; j < window.count; ++j) {
    const double weight = triangle_raw_weight(window, j) / weight_sum;
    sum += bicubic_fixed_weight(weight) * samples[(window.lo + j) * step];
  }
  return static_cast<std::uint8_t>(bicubic_byte(sum));
}

}  // namespace cuhue
