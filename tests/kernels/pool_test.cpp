#include "kernels/pool/pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/kernels/support.h"

namespace cuhue {
namespace {

using test::Guarded;

struct Case {
  Dims dims;
  std::int64_t block, extra_stride;
  int kernel, stride, pad;
  std::int64_t out_h, out_w;
};
constexpr Case kCases[] = {
    {{1, 64, 16, 16}, 8, 0, 3, 2, 1, 8, 8}, {{2, 13, 5, 7}, 8, 24, 2, 2, 0, 2, 3},
    {{2, 13, 5, 7}, 1, 3, 3, 1, 1, 5, 7},   {{1, 20, 9, 11}, 16, 0, 3, 2, 1, 5, 6},
    {{3, 33, 4, 3}, 33, 9, 2, 1, 1, 5, 4},  {{1, 3, 56, 56}, 1, 0, 56, 1, 0, 1, 1},
    {{1, 5, 6, 6}, 1, 0, 3, 2, 0, 3, 3},  // the last window sticks out
};

double exact(const Case& c, PoolingKind kind, Guarded& x, std::int64_t n, std::int64_t ch, std::int64_t y,
             std::int64_t column) {
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  int inside = 0;
  for (std::int64_t i = y * c.stride - c.pad; i < y * c.stride - c.pad + c.kernel; ++i)
    for (std::int64_t j = column * c.stride - c.pad; j < column * c.stride - c.pad + c.kernel; ++j) {
      if (i < 0 || i >= c.dims.h || j < 0 || j >= c.dims.w) continue;
      most = std::max(most, static_cast<double>(x.at(n, ch, i, j)));
      sum += static_cast<double>(x.at(n, ch, i, j));
      ++inside;
    }
  if (kind == PoolingKind::max) return most;
  return sum / (kind == PoolingKind::average ? c.kernel * c.kernel : inside);
}

TEST_CASE("pooling of every kind, in any layout, with padding channels at 0") {
  for (const PoolingKind kind : {PoolingKind::max, PoolingKind::average, PoolingKind::average_valid})
    for (const Case& c : kCases) {
      CAPTURE(static_cast<int>(kind));
      CAPTURE(c.dims.c);
      CAPTURE(c.block);
      Guarded x(c.dims, c.block, c.extra_stride);
      x.fill(8, -3, 1);  // the greatest of a window may be negative
      const Dims small{c.dims.n, c.dims.c, c.out_h, c.out_w};
      Guarded out(small, c.block, c.extra_stride);
      CHECK(test::same_for_any_threads(out, [&](Guarded& o) {
        pool_cpu({x.ref(), o.ref(), {kind, c.kernel, c.stride, c.pad, c.pad}});
      }));
      double worst = 0;
      test::for_each_element(small, [&](std::int64_t n, std::int64_t ch, std::int64_t y, std::int64_t w) {
        const double error = static_cast<double>(out.at(n, ch, y, w)) - exact(c, kind, x, n, ch, y, w);
        worst = std::max(worst, std::abs(error));
      });
      CHECK(worst <= (kind == PoolingKind::max ? 0.0 : 5e-7));
      CHECK(out.intact());
    }
}

TEST_CASE("a NaN reaches every window that holds it, wherever it stands there, and no other") {
  for (const PoolingKind kind : {PoolingKind::max, PoolingKind::average, PoolingKind::average_valid})
    for (std::int64_t place = 0; place < 4; ++place) {
      Guarded x({1, 9, 4, 4}, 8), out({1, 9, 2, 2}, 8);
      x.fill(9, -1, 1);
      x.at(0, 2, place / 2, 2 + place % 2) = std::numeric_limits<float>::quiet_NaN();
      pool_cpu({x.ref(), out.ref(), {kind, 2, 2, 0, 0}});
      test::for_each_element(out.ref().dims,
                             [&](std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t w) {
                               CHECK(std::isnan(out.at(n, c, y, w)) == (c == 2 && y == 0 && w == 1));
                             });
    }
}

}  // namespace
}  // namespace cuhue
