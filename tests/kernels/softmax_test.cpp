#include "kernels/softmax/softmax.h"

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
  float temperature;
};
constexpr Case kCases[] = {
    {{1, 313, 5, 13}, 1, 0, 1.0f}, {{2, 313, 3, 7}, 8, 16, 0.38f}, {{2, 10, 9, 9}, 16, 0, 1.0f},
    {{3, 21, 2, 3}, 21, 7, 2.0f},  {{2, 5, 1, 1}, 1, 3, 1.0f},     {{1, 1, 2, 2}, 8, 0, 1.0f},
    {{1, 8, 1, 130}, 8, 0, 0.1f},  {{2, 3, 11, 13}, 1, 0, 1.0f},   {{2, 60, 8, 8}, 1, 64, 1.0f},
    {{2, 1100, 1, 3}, 8, 8, 1.0f},
};

TEST_CASE("softmax is e^(x / T) over its sum, in any layout, and leaves padding at 0") {
  for (const Case& c : kCases) {
    CAPTURE(c.dims.c);
    CAPTURE(c.block);
    Guarded x(c.dims, c.block, c.extra_stride), out(c.dims, c.block, c.extra_stride);
    x.fill(3, -4, 4);
    CHECK(test::same_for_any_threads(out, [&](Guarded& o) {
      softmax_cpu({x.ref(), o.ref(), c.temperature});
    }));
    double worst = 0;
    test::for_each_element(c.dims, [&](std::int64_t n, std::int64_t ch, std::int64_t y, std::int64_t w) {
      double sum = 0;
      for (std::int64_t k = 0; k < c.dims.c; ++k)
        sum += std::exp((static_cast<double>(x.at(n, k, y, w)) - static_cast<double>(x.at(n, ch, y, w))) /
                        static_cast<double>(c.temperature));
      worst = std::max(worst, std::abs(static_cast<double>(out.at(n, ch, y, w)) * sum - 1));
    });
    CHECK(worst < (c.temperature < 0.3f ? 8e-6 : c.temperature < 1.0f ? 2.5e-6 : 1.3e-6));
    CHECK(out.intact());

    Guarded in_place(x);
    softmax_cpu({in_place.ref(), in_place.ref(), c.temperature});
    bool same = true;
    test::for_each_element(c.dims, [&](std::int64_t n, std::int64_t ch, std::int64_t y, std::int64_t w) {
      same = same && in_place.at(n, ch, y, w) == out.at(n, ch, y, w);
    });
    CHECK(same);
  }
}

TEST_CASE("softmax of huge values is finite and picks the largest") {
  for (std::int64_t block : {1, 8}) {
    Guarded x({1, 3, 1, 1}, block), out({1, 3, 1, 1}, block);
    x.fill(1, 0, 1);
    x.at(0, 0, 0, 0) = 1e30f;
    x.at(0, 1, 0, 0) = -1e30f;
    x.at(0, 2, 0, 0) = 3.0f;
    softmax_cpu({x.ref(), out.ref(), 1.0f});
    CHECK(out.at(0, 0, 0, 0) == 1.0f);
    CHECK(out.at(0, 1, 0, 0) == 0.0f);
    CHECK(out.at(0, 2, 0, 0) == 0.0f);
  }
}

}  // namespace
}  // namespace cuhue
