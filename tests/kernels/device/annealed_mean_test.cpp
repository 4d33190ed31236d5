#include "kernels/annealed_mean/annealed_mean.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "tests/kernels/device/layouts.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

// In double, over planes.
std::vector<double> exact(const std::vector<float>& x, Dims dims, const std::vector<float>& centres,
                          std::size_t means, double temperature) {
  const auto plane = static_cast<std::size_t>(dims.h * dims.w), bins = static_cast<std::size_t>(dims.c);
  std::vector<double> y(static_cast<std::size_t>(dims.n) * means * plane);
  for (std::size_t n = 0; n < static_cast<std::size_t>(dims.n); ++n)
    for (std::size_t i = 0; i < plane; ++i) {
      const auto z = [&](std::size_t q) { return static_cast<double>(x[(n * bins + q) * plane + i]); };
      double max = z(0), sum = 0;
      for (std::size_t q = 0; q < bins; ++q) max = std::max(max, z(q));
      std::vector<double> mean(means, 0.0);
      for (std::size_t q = 0; q < bins; ++q) {
        const double term = std::exp((z(q) - max) / temperature);
        sum += term;
        for (std::size_t k = 0; k < means; ++k) mean[k] += static_cast<double>(centres[k * bins + q]) * term;
      }
      for (std::size_t k = 0; k < means; ++k) y[(n * means + k) * plane + i] = mean[k] / sum;
    }
  return y;
}

}  // namespace

TEST_CASE("annealed mean: within 1e-6 of a double one's, relative to the centres, in every layout") {
  for (const std::int64_t bins : {1, 20, 32, 313, 600})
    for (const std::int64_t means : {1, 2, 4})
      for (const Layout& layout : kLayouts)
        for (const float temperature : {1.0f, 0.38f}) {
          CAPTURE(bins);
          CAPTURE(means);
          CAPTURE(name_of(layout));
          const Dims dims{1, bins, 3, 13}, ab{1, means, 3, 13};
          const auto centres = random_planes({1, bins * means, 1, 1}, 61, -110, 110);
          const DeviceArray<float> device_centres{std::span<const float>(centres)};
          DeviceArrayTensor x = tensor_in(layout, dims), out = tensor_in({Element::f32, layout.gap, 0}, ab);
          x.write(random_planes(dims, 62, -4, 4));
          const auto truth = exact(x.read(), dims, centres, static_cast<std::size_t>(means),
                                   static_cast<double>(temperature));
          const auto result = same_in_every_order([&] {
            annealed_mean_cuda({x.ref(), out.ref(), device_centres.data(), temperature}, nullptr);
            return out.read();
          });
          double worst = 0;
          for (std::size_t i = 0; i < result.size(); ++i)
            worst = std::max(worst, std::abs(static_cast<double>(result[i]) - truth[i]));
          CHECK(worst < 110e-6);
          CHECK(gaps_intact(out));
        }
}

TEST_CASE("annealed mean: images of a batch, and a half result") {
  const Dims dims{3, 9, 2, 7}, ab{3, 2, 2, 7};
  const auto centres = random_planes({1, 18, 1, 1}, 63, -1, 1);
  const DeviceArray<float> device_centres{std::span<const float>(centres)};
  DeviceArrayTensor x(dims, Element::f32), single(ab, Element::f32), half(ab, Element::f16, 2 + 6);
  x.write(random_planes(dims, 64, -4, 4));
  const auto truth = exact(x.read(), dims, centres, 2, 1.0);
  annealed_mean_cuda({x.ref(), single.ref(), device_centres.data(), 1.0f}, nullptr);
  annealed_mean_cuda({x.ref(), half.ref(), device_centres.data(), 1.0f}, nullptr);
  const auto result = single.read();
  for (std::size_t i = 0; i < result.size(); ++i)
    CHECK(std::abs(static_cast<double>(result[i]) - truth[i]) < 1e-6);
  CHECK(half.read() == stored(result, Element::f16));
  CHECK(gaps_intact(half));
}

TEST_CASE("annealed mean: huge logits choose one bin; a NaN makes a NaN colour, and only at its pixel") {
  const Dims dims{1, 313, 1, 3}, ab{1, 2, 1, 3};
  const auto centres = random_planes({1, 626, 1, 1}, 65, -110, 110);
  const DeviceArray<float> device_centres{std::span<const float>(centres)};
  std::vector<float> planes(static_cast<std::size_t>(dims.count()), -1e30f);
  planes[200 * 3] = 1e30f;
  planes[17 * 3 + 1] = std::numeric_limits<float>::quiet_NaN();
  planes[312 * 3 + 2] = 1e30f;
  DeviceArrayTensor x(dims, Element::f32), out(ab, Element::f32);
  x.write(planes);
  annealed_mean_cuda({x.ref(), out.ref(), device_centres.data(), 1.0f}, nullptr);
  const auto result = out.read();
  for (std::size_t k = 0; k < 2; ++k) {
    CHECK(result[3 * k] == centres[k * 313 + 200]);
    CHECK(std::isnan(result[3 * k + 1]));
    CHECK(result[3 * k + 2] == centres[k * 313 + 312]);
  }
}

TEST_CASE("annealed mean: more results than its registers hold are refused") {
  const DeviceArray<float> centres(5);
  DeviceArrayTensor x({1, 1, 1, 1}, Element::f32), out({1, 5, 1, 1}, Element::f32);
  CHECK_THROWS_AS(annealed_mean_cuda({x.ref(), out.ref(), centres.data(), 1.0f}, nullptr), std::length_error);
}
