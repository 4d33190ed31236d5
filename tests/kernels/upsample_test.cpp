#include "kernels/upsample/upsample.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/kernels/support.h"

namespace cuhue {
namespace {

using test::Guarded;

struct Case {
  Dims dims;
  std::int64_t block, extra_stride;
  int factor;
  float scale;
};
constexpr Case kCases[] = {
    {{1, 2, 64, 64}, 1, 0, 4, 110.0f}, {{2, 13, 5, 7}, 8, 24, 2, 1.0f},   {{2, 13, 5, 7}, 1, 3, 3, 0.5f},
    {{1, 20, 3, 4}, 16, 0, 2, 1.0f},   {{3, 2, 6, 70}, 2, 9, 4, 110.0f},  {{1, 3, 1, 1}, 1, 0, 5, 1.0f},
    {{1, 3, 4, 260}, 1, 0, 1, 2.0f},   {{2, 33, 1, 9}, 33, 0, 2, 255.0f}, {{1, 1, 9, 333}, 1, 0, 2, 1.0f},
};

TEST_CASE("nearest upsampling repeats every value, scaled") {
  for (const Case& c : kCases) {
    Guarded x(c.dims, c.block, c.extra_stride);
    x.fill(4, -1, 1);
    const Dims big{c.dims.n, c.dims.c, c.dims.h * c.factor, c.dims.w * c.factor};
    Guarded out(big, c.block, c.extra_stride);
    CHECK(test::same_for_any_threads(out, [&](Guarded& o) {
      upsample_nearest_cpu({x.ref(), o.ref(), c.factor, c.scale});
    }));
    bool same = true;
    test::for_each_element(big, [&](std::int64_t n, std::int64_t ch, std::int64_t y, std::int64_t w) {
      same = same && out.at(n, ch, y, w) == x.at(n, ch, y / c.factor, w / c.factor) * c.scale;
    });
    CHECK(same);
    CHECK(out.intact());
  }
}

TEST_CASE("bilinear upsampling has torch's half-pixel centres and clamped borders") {
  for (const Case& c : kCases) {
    CAPTURE(c.block);
    CAPTURE(c.factor);
    Guarded x(c.dims, c.block, c.extra_stride);
    x.fill(5, -1, 1);
    const Dims big{c.dims.n, c.dims.c, c.dims.h * c.factor, c.dims.w * c.factor};
    Guarded out(big, c.block, c.extra_stride);
    CHECK(test::same_for_any_threads(out, [&](Guarded& o) {
      upsample_bilinear_cpu({x.ref(), o.ref(), c.factor, c.scale});
    }));
    double worst = 0;
    test::for_each_element(big, [&](std::int64_t n, std::int64_t ch, std::int64_t y, std::int64_t w) {
      const double sy = std::max((static_cast<double>(y) + 0.5) / c.factor - 0.5, 0.0);
      const double sx = std::max((static_cast<double>(w) + 0.5) / c.factor - 0.5, 0.0);
      const auto y0 = static_cast<std::int64_t>(sy), x0 = static_cast<std::int64_t>(sx);
      const std::int64_t y1 = std::min(y0 + 1, c.dims.h - 1), x1 = std::min(x0 + 1, c.dims.w - 1);
      const double fy = sy - static_cast<double>(y0), fx = sx - static_cast<double>(x0);
      const auto v = [&](std::int64_t r, std::int64_t q) { return static_cast<double>(x.at(n, ch, r, q)); };
      const double truth = ((v(y0, x0) * (1 - fx) + v(y0, x1) * fx) * (1 - fy) +
                            (v(y1, x0) * (1 - fx) + v(y1, x1) * fx) * fy) *
                           static_cast<double>(c.scale);
      worst = std::max(worst, std::abs(static_cast<double>(out.at(n, ch, y, w)) - truth));
    });
    // A third is not a float: torch's rounded scale shifts the source by up to 1e-6 of its place there.
    CHECK(worst < static_cast<double>(c.scale) * (c.factor % 2 == 1 && c.factor > 1 ? 1.2e-6 : 1.5e-7));
    CHECK(out.intact());
  }
}

TEST_CASE("bilinear upsampling gives the same bits in every layout") {
  Guarded plane({2, 11, 6, 9}, 1), big_plane({2, 11, 24, 36}, 1);
  plane.fill(6, -1, 1);
  upsample_bilinear_cpu({plane.ref(), big_plane.ref(), 4, 110.0f});
  for (std::int64_t block : {8, 16, 11}) {
    Guarded x({2, 11, 6, 9}, block), out({2, 11, 24, 36}, block);
    x.fill(6, -1, 1);
    upsample_bilinear_cpu({x.ref(), out.ref(), 4, 110.0f});
    bool same = true;
    test::for_each_element(out.ref().dims,
                           [&](std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t w) {
                             same = same && out.at(n, c, y, w) == big_plane.at(n, c, y, w);
                           });
    CHECK(same);
  }
}

}  // namespace
}  // namespace cuhue
