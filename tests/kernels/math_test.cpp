#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/color/lab.h"
#include "kernels/core/finite.h"
#include "kernels/core/math.h"
#include "kernels/elementwise/activation.h"

namespace cuhue {
namespace {

// Largest relative error of f against exact over every `step`-th float of [low, high], low >= 0.
template <class F, class G>
double worst_error(float low, float high, int step, F&& f, G&& exact) {
  double worst = 0;
  for (std::int64_t bits = float_to_bits(low); bits <= float_to_bits(high); bits += step) {
    const float x = bits_to_float(static_cast<std::int32_t>(bits));
    const double truth = exact(static_cast<double>(x));
    worst = std::max(worst, std::abs(f(x) - truth) / std::abs(truth));
  }
  return worst;
}

TEST_CASE("exp stays within 1e-7 of e^x over its range") {
  const auto exact = [](double x) { return std::exp(x); };
  CHECK(worst_error(0.0f, 88.3f, 499, exp_bounded, exact) < 1e-7);
  const auto negative = [](float x) { return exp_bounded(-x); };
  const auto exact_negative = [](double x) { return std::exp(-x); };
  CHECK(worst_error(0.0f, 87.3f, 499, negative, exact_negative) < 1e-7);
  CHECK(worst_error(0.25f, 1.5f, 7, negative, exact_negative) < 1e-7);
}

TEST_CASE("exp saturates instead of overflowing, is 0 far below and keeps NaN") {
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(exp_bounded(0.0f) == 1.0f);
  CHECK(exp_bounded(-inf) == 0.0f);
  CHECK(exp_bounded(-87.31f) == 0.0f);
  CHECK(exp_bounded(-1e30f) == 0.0f);
  CHECK(exp_bounded(inf) == exp_bounded(88.3f));
  CHECK(std::isfinite(exp_bounded(inf)));
  CHECK(std::isnan(exp_bounded(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("tanh stays within 1.6e-7 relative, is odd and keeps NaN") {
  const auto exact = [](double x) { return std::tanh(x); };
  CHECK(worst_error(1e-6f, 20.0f, 101, tanh_bounded, exact) < 1.6e-7);
  CHECK(tanh_bounded(0.0f) == 0.0f);
  CHECK(tanh_bounded(100.0f) == 1.0f);
  CHECK(tanh_bounded(-100.0f) == -1.0f);
  for (float x : {0.1f, 0.62f, 0.63f, 3.0f}) CHECK(tanh_bounded(-x) == -tanh_bounded(x));
  CHECK(std::isnan(tanh_bounded(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("roots stay within 1.2e-7 over a whole period of exponents and far from 1") {
  const auto cube = [](double x) { return std::cbrt(x); };
  const auto fifth = [](double x) { return std::pow(x, 0.2); };
  CHECK(worst_error(1.0f, 8.0f, 3, nth_root<3>, cube) < 1.2e-7);
  CHECK(worst_error(1.0f, 32.0f, 7, nth_root<5>, fifth) < 1.2e-7);
  CHECK(worst_error(1e-7f, 1.0f, 101, nth_root<3>, cube) < 1.2e-7);
  CHECK(worst_error(1e-3f, 1.2f, 31, nth_root<5>, fifth) < 1.2e-7);
}

TEST_CASE("activations are what their names say, and none of them hides a NaN") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(relu(-1.0f) == 0.0f);
  CHECK(relu(2.5f) == 2.5f);
  CHECK(leaky_relu(-2.0f, 0.2f) == -0.4f);
  CHECK(leaky_relu(2.0f, 0.2f) == 2.0f);
  CHECK(affine(3.0f, 2.0f, 0.5f) == 6.5f);
  CHECK(sigmoid(0.0f) == 0.5f);
  CHECK(sigmoid(200.0f) == 1.0f);
  CHECK(sigmoid(-200.0f) < 1e-37f);
  CHECK(std::isnan(relu(nan)));
  CHECK(std::isnan(leaky_relu(nan, 0.2f)));
  CHECK(std::isnan(sigmoid(nan)));
  const auto exact = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
  CHECK(worst_error(1e-3f, 30.0f, 101, sigmoid, exact) < 1.3e-7);
  const auto mirrored = [](float x) { return sigmoid(-x); };
  const auto exact_mirrored = [](double x) { return 1.0 / (1.0 + std::exp(x)); };
  CHECK(worst_error(1e-3f, 80.0f, 101, mirrored, exact_mirrored) < 1.7e-7);
}

TEST_CASE("all_finite finds what is no number, wherever it stands") {
  constexpr float kLargest = std::numeric_limits<float>::max();
  for (const int count : {0, 1, 15, 16, 17, 40}) {
    std::vector<float> values(static_cast<std::size_t>(count), kLargest);  // their sum would not be finite
    CHECK(all_finite(values.data(), count));
    for (float& v : values) {
      for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                              -std::numeric_limits<float>::infinity()}) {
        v = bad;
        CHECK_FALSE(all_finite(values.data(), count));
      }
      v = -kLargest;
    }
  }
}

}  // namespace
}  // namespace cuhue
