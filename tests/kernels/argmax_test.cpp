#include "kernels/argmax/argmax.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/kernels/support.h"

namespace cuhue {
namespace {

using test::Guarded;

struct Case {
  Dims dims;
  std::int64_t block, extra_stride;
};
constexpr Case kCases[] = {{{1, 60, 5, 13}, 1, 0},  {{2, 60, 8, 33}, 1, 64}, {{2, 60, 3, 7}, 8, 16},
                           {{1, 60, 9, 9}, 16, 0},  {{3, 21, 2, 3}, 21, 7},  {{2, 5, 1, 1}, 1, 3},
                           {{1, 1, 2, 2}, 8, 0},    {{1, 33, 1, 5}, 16, 0},  {{1, 3, 17, 31}, 1, 0},
                           {{1, 300, 1, 3}, 300, 0}};

// By the definition: the first channel that no other exceeds.
float expected(Guarded& x, std::int64_t n, std::int64_t y, std::int64_t w) {
  std::int64_t best = 0;
  for (std::int64_t c = 1; c < x.ref().dims.c; ++c)
    if (x.at(n, c, y, w) > x.at(n, best, y, w)) best = c;
  return static_cast<float>(best);
}

void check(Guarded& x) {
  const Dims d = x.ref().dims;
  Guarded out({d.n, 1, d.h, d.w}, 1, 5);
  CHECK(test::same_for_any_threads(out, [&](Guarded& o) { argmax_cpu({x.ref(), o.ref()}); }));
  CHECK(out.intact());
  bool same = true;
  test::for_each_element(out.ref().dims, [&](std::int64_t n, std::int64_t, std::int64_t y, std::int64_t w) {
    same = same && out.at(n, 0, y, w) == expected(x, n, y, w);
  });
  CHECK(same);
}

TEST_CASE("argmax is the index of the greatest channel, in any layout") {
  for (const Case& c : kCases) {
    CAPTURE(c.dims.c);
    CAPTURE(c.block);
    Guarded x(c.dims, c.block, c.extra_stride);
    x.fill(3, -4, -1);  // all below the zeros of padding
    check(x);
  }
}

TEST_CASE("argmax of equal channels is the lowest, wherever they lie") {
  for (const Case& c : kCases) {
    CAPTURE(c.dims.c);
    CAPTURE(c.block);
    Guarded x(c.dims, c.block, c.extra_stride);
    x.fill(4, 0, 3);
    test::for_each_element(c.dims, [&](std::int64_t n, std::int64_t ch, std::int64_t y, std::int64_t w) {
      x.at(n, ch, y, w) = std::floor(x.at(n, ch, y, w));  // 0, 1, 2
    });
    check(x);
    test::for_each_element(c.dims, [&](std::int64_t n, std::int64_t ch, std::int64_t y, std::int64_t w) {
      x.at(n, ch, y, w) = -std::numeric_limits<float>::infinity();
    });
    check(x);
  }
}

TEST_CASE("argmax of a pixel with a NaN is a NaN, of its neighbours it is not") {
  for (const std::int64_t block : {1, 8, 16, 20})
    for (const std::int64_t channel : {0, 7, 13, 19}) {
      Guarded x({1, 20, 2, 3}, block), out({1, 1, 2, 3}, 1);
      x.fill(5, -1, 1);
      x.at(0, channel, 1, 1) = std::numeric_limits<float>::quiet_NaN();
      argmax_cpu({x.ref(), out.ref()});
      test::for_each_element(out.ref().dims, [&](std::int64_t, std::int64_t, std::int64_t y, std::int64_t w) {
        CHECK(std::isnan(out.at(0, 0, y, w)) == (y == 1 && w == 1));
      });
    }
}

}  // namespace
}  // namespace cuhue
