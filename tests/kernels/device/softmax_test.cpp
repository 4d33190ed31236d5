#include "kernels/softmax/softmax.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/kernels/device/layouts.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

// In double, over planes.
std::vector<double> exact(const std::vector<float>& x, Dims dims, double temperature) {
  std::vector<double> y(x.size());
  const auto plane = static_cast<std::size_t>(dims.h * dims.w), channels = static_cast<std::size_t>(dims.c);
  for (std::size_t n = 0; n < static_cast<std::size_t>(dims.n); ++n)
    for (std::size_t i = 0; i < plane; ++i) {
      const auto at = [&](std::size_t c) { return (n * channels + c) * plane + i; };
      double max = -std::numeric_limits<double>::infinity(), sum = 0;
      for (std::size_t c = 0; c < channels; ++c) max = std::max(max, static_cast<double>(x[at(c)]));
      for (std::size_t c = 0; c < channels; ++c)
        sum += y[at(c)] = std::exp((static_cast<double>(x[at(c)]) - max) / temperature);
      for (std::size_t c = 0; c < channels; ++c) y[at(c)] /= sum;
    }
  return y;
}

}  // namespace

TEST_CASE("softmax: the double one's values, for few and many channels, in every layout") {
  constexpr float kTemperature = 0.38f;
  for (const std::int64_t channels : {1, 2, 31, 33, 313, 600})  // 600: more than a warp keeps
    for (const Layout& layout : kLayouts) {
      CAPTURE(channels);
      CAPTURE(name_of(layout));
      const Dims dims{2, channels, 3, 3};
      DeviceArrayTensor x = tensor_in(layout, dims), out = tensor_in(layout, dims);
      x.write(random_planes(dims, 51, -4, 4));
      const auto truth = exact(x.read(), dims, static_cast<double>(kTemperature));
      const auto result = same_in_every_order([&] {
        softmax_cuda({x.ref(), out.ref(), kTemperature}, nullptr);
        return out.read();
      });
      double worst = 0;
      for (std::size_t i = 0; i < result.size(); ++i) {
        const double step = layout.element == Element::f16 ? truth[i] * 0x1p-11 + 0x1p-25 : 0.0;
        const double error = std::abs(static_cast<double>(result[i]) - truth[i]) - step;
        worst = std::max(worst, error / truth[i]);
      }
      // The exponent, at most 8 / 0.38, is rounded three times; e^x and the sum add the rest.
      CHECK(worst < 3 * 8 / 0.38 * 0x1p-24 + 3e-7);
      CHECK(gaps_intact(out));
    }
}

TEST_CASE("softmax: in place") {
  for (const std::int64_t channels : {7, 600}) {
    const Dims dims{1, channels, 2, 5};
    DeviceArrayTensor x(dims, Element::f32), out(dims, Element::f32), place(dims, Element::f32);
    const auto planes = random_planes(dims, 52, -4, 4);
    x.write(planes);
    softmax_cuda({x.ref(), out.ref(), 1.0f}, nullptr);
    for_each_order([&] {
      place.write(planes);
      softmax_cuda({place.ref(), place.ref(), 1.0f}, nullptr);
      CHECK(place.read() == out.read());
    });
  }
}

TEST_CASE("softmax: huge values neither overflow nor hide a NaN") {
  const Dims dims{1, 40, 1, 2};
  std::vector<float> planes(80, -1e30f);
  planes[2 * 35] = 1e30f;                                       // pixel 0
  planes[2 * 7 + 1] = std::numeric_limits<float>::quiet_NaN();  // pixel 1
  DeviceArrayTensor x(dims, Element::f32), out(dims, Element::f32);
  x.write(planes);
  softmax_cuda({x.ref(), out.ref(), 1.0f}, nullptr);
  const auto result = out.read();
  for (std::size_t c = 0; c < 40; ++c) {
    CHECK(result[2 * c] == (c == 35 ? 1.0f : 0.0f));
    CHECK(std::isnan(result[2 * c + 1]));
  }
}
