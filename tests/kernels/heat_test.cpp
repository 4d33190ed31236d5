// Heat maps over photos, against the definition in double precision.
#include "kernels/heat/heat.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/core/parallel.h"
#include "tests/kernels/support.h"

namespace cuhue {
namespace {

constexpr double kColors[5][3] = {
    {0.05, 0.03, 0.35}, {0.45, 0.05, 0.55}, {0.85, 0.20, 0.25}, {1.00, 0.60, 0.05}, {1.00, 1.00, 0.60}};

double expected(const double* rgb, double heat, int channel) {
  const double h = std::clamp(heat, 0.0, 1.0), luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
  const int i = std::min(static_cast<int>(4 * h), 3);
  const double part = 4 * h - i, color = kColors[i][channel] * (1 - part) + kColors[i + 1][channel] * part;
  return luma * (1 - 0.8 * h) + color * 0.8 * h;
}

struct Photo {
  std::int64_t w, h;
  std::vector<std::uint8_t> bytes;

  Photo(std::int64_t width, std::int64_t height) : w(width), h(height) {
    for (std::int64_t i = 0; i < 3 * w * h; ++i) bytes.push_back(static_cast<std::uint8_t>(i * 37 % 256));
  }
  PhotoRef ref() const { return {bytes.data(), w, h, static_cast<std::ptrdiff_t>(3 * w)}; }
  MutablePhotoRef out() { return {bytes.data(), w, h, static_cast<std::ptrdiff_t>(3 * w)}; }
};

TEST_CASE("a heat map's pixel is its specified colour over the photo's grey, for every heat") {
  // One cell a pixel: no interpolation.
  const Photo photo(257, 3);
  std::vector<float> map;
  for (int y = 0; y < 3; ++y)
    for (int x = 0; x < 260; ++x)
      map.push_back(static_cast<float>(x) / 250.0f - 0.01f * static_cast<float>(y));
  Photo out = photo;
  HeatParams p{photo.ref(), out.out(), map.data(), 3, 257, 260};
  heat_cpu(p);
  double worst = 0;
  for (std::int64_t y = 0; y < 3; ++y) {
    for (std::int64_t x = 0; x < 257; ++x) {
      double rgb[3];
      for (int k = 0; k < 3; ++k)
        rgb[k] = photo.bytes[static_cast<std::size_t>(3 * (y * 257 + x) + k)] / 255.0;
      for (int k = 0; k < 3; ++k) {
        const double exact =
            expected(rgb, static_cast<double>(map[static_cast<std::size_t>(y * 260 + x)]), k);
        worst = std::max(worst,
                         std::abs(out.bytes[static_cast<std::size_t>(3 * (y * 257 + x) + k)] - 255 * exact));
      }
    }
  }
  CHECK(worst < 0.501);
}

TEST_CASE(
    "without heat a pixel is its grey; the heat between cells is their mean; in place and for any threads") {
  const Photo photo(40, 20);
  const float none = 0.0f, cells[] = {0.0f, 1.0f};
  Photo out = photo;
  heat_cpu({photo.ref(), out.out(), &none, 1, 1, 1});
  for (std::size_t i = 0; i < out.bytes.size(); i += 3) {
    CHECK(out.bytes[i] == out.bytes[i + 1]);
    CHECK(out.bytes[i] == out.bytes[i + 2]);
  }
  Photo grey(40, 1);
  std::ranges::fill(grey.bytes, std::uint8_t{100});
  heat_cpu({grey.ref(), grey.out(), cells, 1, 2, 2});  // its own result
  for (std::int64_t x = 0; x < 40; ++x) {
    const double heat = std::clamp((static_cast<double>(x) + 0.5) / 20 - 0.5, 0.0, 1.0);
    const double rgb[] = {100 / 255.0, 100 / 255.0, 100 / 255.0};
    for (int k = 0; k < 3; ++k)
      CHECK(std::abs(grey.bytes[static_cast<std::size_t>(3 * x + k)] - 255 * expected(rgb, heat, k)) < 0.501);
  }
  Photo one = photo, two = photo;
  {
    const ThreadScope threads(1);
    heat_cpu({photo.ref(), one.out(), cells, 1, 2, 2});
  }
  heat_cpu({photo.ref(), two.out(), cells, 1, 2, 2});
  CHECK(one.bytes == two.bytes);
}

}  // namespace
}  // namespace cuhue
