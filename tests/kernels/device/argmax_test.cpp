#include "kernels/argmax/argmax.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/kernels/device/layouts.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

// The twin's labels of what x holds.
std::vector<float> labels_of(std::vector<float> planes, Dims dims) {
  std::vector<float> labels(static_cast<std::size_t>(dims.n * dims.h * dims.w));
  argmax_cpu({view(planes, dims), view(labels, {dims.n, 1, dims.h, dims.w})});
  return labels;
}

void check(const std::vector<float>& planes, Dims dims, const Layout& layout, const Layout& result) {
  CAPTURE(dims.c);
  CAPTURE(name_of(layout));
  CAPTURE(name_of(result));
  DeviceArrayTensor x = tensor_in(layout, dims), out = tensor_in(result, {dims.n, 1, dims.h, dims.w});
  x.write(planes);
  const auto labels = same_in_every_order([&] {
    argmax_cuda({x.ref(), out.ref()}, nullptr);
    return out.read();
  });
  CHECK(labels == labels_of(x.read(), dims));
  CHECK(gaps_intact(out));
}

}  // namespace

TEST_CASE("argmax: the CPU's labels, for few and many channels, in every layout") {
  for (const std::int64_t channels : {1, 2, 16, 60, 129})
    for (const Layout& layout : kLayouts) {
      const Dims dims{2, channels, 3, 7};  // an odd number of pixels: a warp that is half a pixel's
      check(random_planes(dims, 61, -4, -1), dims, layout, kLayouts[0]);
    }
  for (const Layout& result : kLayouts)
    check(random_planes({1, 60, 5, 5}, 62, -4, 4), {1, 60, 5, 5}, kLayouts[0], result);
}

TEST_CASE("argmax: the lowest of equal channels, also of none above minus infinity") {
  for (const std::int64_t channels : {2, 60, 129})
    for (const Layout& layout : {kLayouts[0], kLayouts[3], kLayouts[4]}) {
      const Dims dims{1, channels, 5, 5};
      std::vector<float> planes = random_planes(dims, 63, 0, 3);
      for (float& v : planes) v = std::floor(v);
      check(planes, dims, layout, kLayouts[0]);
      check(std::vector<float>(planes.size(), -std::numeric_limits<float>::infinity()), dims, layout,
            kLayouts[0]);
    }
}

TEST_CASE("argmax: a NaN has no label") {
  for (const std::size_t channel : {0u, 17u, 59u}) {
    const Dims dims{1, 60, 1, 3};
    std::vector<float> planes = random_planes(dims, 64, -1, 1);
    planes[channel * 3 + 1] = std::numeric_limits<float>::quiet_NaN();
    DeviceArrayTensor x(dims, Element::f32), out({1, 1, 1, 3}, Element::f32);
    x.write(planes);
    for_each_order([&] {
      argmax_cuda({x.ref(), out.ref()}, nullptr);
      const auto labels = out.read();
      for (std::size_t i = 0; i < 3; ++i) CHECK(std::isnan(labels[i]) == (i == 1));
    });
  }
}
