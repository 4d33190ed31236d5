#include "kernels/instance_norm/instance_norm.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "tests/kernels/device/layouts.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

// One launch; one with fewer pixels than a block has rows; many chunks; chunks of several repetitions.
constexpr Dims kSizes[] = {{2, 5, 9, 7}, {1, 3, 1, 2}, {1, 40, 33, 32}, {2, 1, 70, 61}};

// In double, over planes.
std::vector<double> exact(const std::vector<float>& x, const Dims& dims, const std::vector<float>& gamma,
                          const std::vector<float>& beta, double eps) {
  const auto plane = static_cast<std::size_t>(dims.h * dims.w);
  std::vector<double> y(x.size());
  for (std::size_t first = 0; first < x.size(); first += plane) {
    const std::size_t c = first / plane % static_cast<std::size_t>(dims.c);
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < plane; ++i) sum += static_cast<double>(x[first + i]);
    const double mean = sum / static_cast<double>(plane);
    for (std::size_t i = 0; i < plane; ++i) squares += std::pow(static_cast<double>(x[first + i]) - mean, 2);
    const double deviation = std::sqrt(squares / static_cast<double>(plane) + eps);
    for (std::size_t i = 0; i < plane; ++i)
      y[first + i] = (static_cast<double>(x[first + i]) - mean) / deviation * static_cast<double>(gamma[c]) +
                     static_cast<double>(beta[c]);
  }
  return y;
}

class Norm {
 public:
  Norm(const Layout& layout, const Dims& dims, bool affine)
      : x(tensor_in(layout, dims)),
        out(tensor_in(layout, dims)),
        gamma(affine ? random_planes({1, 1, 1, padded(dims.c)}, 5, 0.5, 1.5) : ones(dims.c)),
        beta(affine ? random_planes({1, 1, 1, padded(dims.c)}, 6, -1, 1) : zeros(dims.c)),
        gamma_memory_(gamma),
        beta_memory_(beta) {
    params.x = x.ref();
    params.out = out.ref();
    if (affine) {
      params.gamma = gamma_memory_.data();
      params.beta = beta_memory_.data();
    }
  }
  std::vector<float> run() {
    const std::size_t bytes = instance_norm_device_scratch_bytes(params);
    CHECK((instance_norm_launches(params) == 2) == (bytes > 0));
    if (!scratch_) scratch_.emplace(std::max<std::size_t>(bytes, 1));
    params.scratch = scratch_->data();
    instance_norm_cuda(params, nullptr);
    return out.read();
  }

  DeviceArrayTensor x, out;
  std::vector<float> gamma, beta;
  InstanceNormDeviceParams params;

 private:
  static std::int64_t padded(std::int64_t c) { return (c + 15) / 16 * 16; }
  static std::vector<float> ones(std::int64_t c) {
    return std::vector<float>(static_cast<std::size_t>(padded(c)), 1.0f);
  }
  static std::vector<float> zeros(std::int64_t c) {
    return std::vector<float>(static_cast<std::size_t>(padded(c)), 0.0f);
  }
  DeviceArray<float> gamma_memory_, beta_memory_;
  std::optional<DeviceArray<std::byte>> scratch_;
};

double worst(const std::vector<float>& got, const std::vector<double>& expected) {
  double error = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - expected[i]);
    if (!(difference <= error)) error = difference;
  }
  return error;
}

}  // namespace

TEST_CASE("instance norm: the double one's values, in every layout") {
  for (const Dims& dims : kSizes)
    for (const Layout& layout : kLayouts) {
      CAPTURE(dims.c);
      CAPTURE(name_of(layout));
      Norm norm(layout, dims, true);
      norm.x.write(random_planes(dims, 3, -2, 3));
      const auto result = same_in_every_order([&] { return norm.run(); });
      const double error = worst(result, exact(norm.x.read(), dims, norm.gamma, norm.beta, 1e-5));
      // y is below 4: half of a step of half, or some roundings in float.
      CHECK(error < (layout.element == Element::f16 ? 0x1p-10 + 2e-6 : 2e-6));
      CHECK(gaps_intact(norm.out));
    }
}

TEST_CASE("instance norm: large planes, whose chunks repeat") {
  const Dims dims{1, 64, 160, 130};  // 16 columns of 4 channels: 16 rows of 8 pixels, 163 of them
  Norm norm({}, dims, false);
  norm.x.write(random_planes(dims, 4, 7, 9));
  const double error = worst(norm.run(), exact(norm.x.read(), dims, norm.gamma, norm.beta, 1e-5));
  CHECK(error < 6e-6);  // the mean is 14 deviations away
}

TEST_CASE("instance norm: of equal values beta is left, whatever they are") {
  for (const Dims& dims : kSizes)
    for (const float value : {0.0f, 1.0f, 0.1f, -1234.567f}) {
      CAPTURE(value);
      Norm norm({}, dims, true);
      norm.x.write(std::vector<float>(static_cast<std::size_t>(dims.count()), value));
      const auto result = norm.run();
      bool same = true;
      for (std::size_t i = 0; i < result.size(); ++i)
        same =
            same &&
            result[i] ==
                norm.beta[i / static_cast<std::size_t>(dims.h * dims.w) % static_cast<std::size_t>(dims.c)];
      CHECK(same);
    }
}

TEST_CASE("instance norm: a mean far from zero costs no more than its own rounding") {
  for (const Dims& dims : {kSizes[0], kSizes[2]}) {
    Norm norm({}, dims, false);
    norm.x.write(random_planes(dims, 9, 1000, 1001));
    const double error = worst(norm.run(), exact(norm.x.read(), dims, norm.gamma, norm.beta, 1e-5));
    CHECK(error < 4 * 1000 * 0x1p-24 / 0.28);
  }
}

TEST_CASE("instance norm: what follows is done to the result, a residual of another layout too; in place") {
  for (const Dims& dims : {kSizes[0], kSizes[2]}) {
    const auto planes = random_planes(dims, 11, -1, 1), more = random_planes(dims, 12, -1, 1);
    Norm plain({}, dims, true), fused({}, dims, true);
    plain.x.write(planes);
    const auto y = plain.run();
    DeviceArrayTensor other(dims, Element::f32, dims.c + 3, 1);
    other.write(more);
    fused.params.epilogue.count = 2;
    fused.params.epilogue.steps[0].kind = ElementwiseKind::leaky_relu;
    fused.params.epilogue.steps[0].alpha = 0.1f;
    fused.params.epilogue.steps[1].kind = ElementwiseKind::add;
    fused.params.epilogue.steps[1].other = other.ref();
    fused.params.out = fused.x.ref();
    for_each_order([&] {
      fused.x.write(planes);
      fused.run();
      const auto result = fused.x.read();
      bool same = true;
      for (std::size_t i = 0; i < y.size(); ++i)
        same = same && result[i] == (y[i] < 0.0f ? 0.1f * y[i] : y[i]) + more[i];
      CHECK(same);
    });
  }
}

TEST_CASE("instance norm: a NaN stays in its plane") {
  const Dims dims = kSizes[2];
  Norm norm({}, dims, true);
  auto planes = random_planes(dims, 13, -1, 1);
  const auto plane = static_cast<std::size_t>(dims.h * dims.w);
  planes[7 * plane + 900] = std::numeric_limits<float>::quiet_NaN();
  norm.x.write(planes);
  const auto result = norm.run();
  bool as_it_should = true;
  for (std::size_t i = 0; i < result.size(); ++i)
    as_it_should = as_it_should && std::isnan(result[i]) == (i / plane == 7);
  CHECK(as_it_should);
}
