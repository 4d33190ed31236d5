#include "kernels/pool/pool.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/kernels/device/layouts.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

struct Case {
  Dims x;
  int kernel, stride, pad;    // before
  std::int64_t out_h, out_w;  // those after follow
};
constexpr Case kCases[] = {
    {{2, 16, 9, 7}, 3, 2, 1, 5, 4}, {{2, 3, 6, 8}, 2, 2, 0, 3, 4},   {{1, 8, 5, 5}, 3, 1, 1, 5, 5},
    {{1, 24, 7, 7}, 7, 1, 0, 1, 1}, {{1, 5, 9, 40}, 3, 2, 0, 5, 20},  // the last window sticks out
};

void check_pool(const Case& c, PoolingKind kind, const Layout& in, const Layout& result) {
  CAPTURE(static_cast<int>(kind));
  CAPTURE(c.x.c);
  CAPTURE(name_of(in));
  CAPTURE(name_of(result));
  const Dims small{c.x.n, c.x.c, c.out_h, c.out_w};
  const PoolWindow window{kind, c.kernel, c.stride, c.pad, c.pad};
  DeviceArrayTensor x = tensor_in(in, c.x), out = tensor_in(result, small);
  x.write(random_planes(c.x, 41, -3, 1));
  std::vector<float> planes = x.read(), expected(static_cast<std::size_t>(small.count()));
  pool_cpu({view(planes, c.x), view(expected, small), window});
  expected = stored(expected, result.element);
  for_each_order([&] {
    pool_cuda({x.ref(), out.ref(), window}, nullptr);
    CHECK(out.read() == expected);
  });
  CHECK(gaps_intact(out));
}

}  // namespace

TEST_CASE("pooling gives the CPU's bits, for every kind, window and layout") {
  for (const PoolingKind kind : {PoolingKind::max, PoolingKind::average, PoolingKind::average_valid})
    for (const Case& c : kCases)
      for (const Layout& layout : kLayouts) check_pool(c, kind, layout, layout);
}

TEST_CASE("pooling between elements") {
  for (const Layout& in : kLayouts)
    for (const Layout& result : kLayouts) check_pool(kCases[0], PoolingKind::average, in, result);
}

TEST_CASE("a NaN reaches every window that holds it, and no other") {
  const Dims dims{1, 4, 4, 4}, small{1, 4, 2, 2};
  for (const PoolingKind kind : {PoolingKind::max, PoolingKind::average})
    for (const std::size_t place : {0u, 1u, 4u, 5u}) {  // anywhere in the first window of the first channel
      std::vector<float> planes(64, 1.0f);
      planes[place] = std::numeric_limits<float>::quiet_NaN();
      DeviceArrayTensor x(dims, Element::f32), out(small, Element::f32);
      x.write(planes);
      pool_cuda({x.ref(), out.ref(), {kind, 2, 2, 0, 0}}, nullptr);
      const auto result = out.read();
      for (std::size_t i = 0; i < result.size(); ++i) CHECK(std::isnan(result[i]) == (i == 0));
    }
}
