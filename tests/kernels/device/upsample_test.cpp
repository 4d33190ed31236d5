#include "kernels/upsample/upsample.h"

#include <doctest/doctest.h>

#include "tests/kernels/device/layouts.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

struct Case {
  Dims dims;
  int factor;
  float scale;
};
// Odd sizes; single pixels; a factor whose inverse is no float; rows beyond one block; blocks of one pixel.
constexpr Case kCases[] = {
    {{2, 16, 5, 7}, 2, 1.0f},   {{2, 3, 5, 7}, 3, 0.5f},    {{1, 2, 4, 70}, 4, 110.0f},
    {{1, 8, 1, 1}, 5, 1.0f},    {{1, 4, 3, 140}, 2, 2.0f},  {{2, 1, 1, 9}, 1, 255.0f},
    {{1, 1100, 2, 9}, 2, 1.0f}, {{1, 264, 2, 3}, 2, 0.25f},
};

using Kernel = void (*)(const UpsampleDeviceParams&, Stream);
using Twin = void (*)(const UpsampleParams&);

void check_upsampling(Kernel kernel, Twin twin, const Case& c, const Layout& in, const Layout& result) {
  CAPTURE(c.dims.c);
  CAPTURE(c.dims.w);
  CAPTURE(c.factor);
  CAPTURE(name_of(in));
  CAPTURE(name_of(result));
  const Dims big{c.dims.n, c.dims.c, c.dims.h * c.factor, c.dims.w * c.factor};
  DeviceArrayTensor x = tensor_in(in, c.dims), out = tensor_in(result, big);
  x.write(random_planes(c.dims, 31, -2, 2));
  std::vector<float> planes = x.read(), expected(static_cast<std::size_t>(big.count()));
  twin({view(planes, c.dims), view(expected, big), c.factor, c.scale});
  expected = stored(expected, result.element);
  for_each_order([&] {
    kernel({x.ref(), out.ref(), c.factor, c.scale}, nullptr);
    CHECK(out.read() == expected);
  });
  CHECK(gaps_intact(out));
}

}  // namespace

TEST_CASE("nearest upsampling gives the CPU's bits, in every layout") {
  for (const Case& c : kCases)
    for (const Layout& layout : kLayouts)
      check_upsampling(upsample_nearest_cuda, upsample_nearest_cpu, c, layout, layout);
}

TEST_CASE("bilinear upsampling gives the CPU's bits, in every layout") {
  for (const Case& c : kCases)
    for (const Layout& layout : kLayouts)
      check_upsampling(upsample_bilinear_cuda, upsample_bilinear_cpu, c, layout, layout);
}

TEST_CASE("upsampling between elements") {
  for (const Layout& in : kLayouts)
    for (const Layout& result : kLayouts) {
      check_upsampling(upsample_nearest_cuda, upsample_nearest_cpu, {{1, 8, 3, 3}, 2, 1.0f}, in, result);
      check_upsampling(upsample_bilinear_cuda, upsample_bilinear_cpu, {{1, 8, 3, 3}, 2, 1.0f}, in, result);
    }
}
