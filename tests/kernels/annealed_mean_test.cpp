#include "kernels/annealed_mean/annealed_mean.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/annealed_mean/logit_kernel.h"
#include "tests/kernels/support.h"

namespace cuhue {
namespace {

using test::Guarded;
using test::Random;
using test::Scratch;

struct Case {
  Dims dims;
  std::int64_t block, bins, outputs, extra_stride;
  float temperature = 1.0f;
};

struct Head {
  std::vector<float> weight, bias, centres, packed;
};

Head make_head(const Case& c) {
  Random random(77);
  Head head;
  const double spread = std::sqrt(3 * 2.4 / static_cast<double>(c.dims.c));  // logits of a few units
  for (std::int64_t i = 0; i < c.bins * c.dims.c; ++i)
    head.weight.push_back(static_cast<float>(random.uniform(-spread, spread)));
  for (std::int64_t i = 0; i < c.bins; ++i) head.bias.push_back(static_cast<float>(random.uniform(-1, 1)));
  for (std::int64_t i = 0; i < c.bins * c.outputs; ++i)
    head.centres.push_back(static_cast<float>(random.uniform(-1, 1)));
  head.packed.assign(static_cast<std::size_t>(annealed_mean_packed_floats(c.bins, c.dims.c)),
                     std::numeric_limits<float>::quiet_NaN());
  pack_annealed_mean_weight(head.weight.data(), c.bins, c.dims.c, head.packed.data());
  return head;
}

void run(const Case& c, const Head& head, const TensorRef& x, const TensorRef& out) {
  const Scratch scratch(annealed_mean_scratch_bytes(c.bins, c.dims.c, max_threads()));
  annealed_mean_cpu({x, out, head.packed.data(), head.bias.data(), head.centres.data(), c.bins, c.temperature,
                     scratch.data()});
}

std::vector<double> exact(const Case& c, const Head& head, Guarded& x, std::int64_t n, std::int64_t y,
                          std::int64_t col) {
  std::vector<double> z(static_cast<std::size_t>(c.bins));
  for (std::int64_t q = 0; q < c.bins; ++q) {
    double sum = static_cast<double>(head.bias[static_cast<std::size_t>(q)]);
    for (std::int64_t i = 0; i < c.dims.c; ++i)
      sum += static_cast<double>(head.weight[static_cast<std::size_t>(q * c.dims.c + i)]) *
             static_cast<double>(x.at(n, i, y, col));
    z[static_cast<std::size_t>(q)] = sum / static_cast<double>(c.temperature);
  }
  const double max = *std::max_element(z.begin(), z.end());
  double total = 0;
  std::vector<double> mean(static_cast<std::size_t>(c.outputs), 0.0);
  for (std::size_t q = 0; q < z.size(); ++q) {
    const double e = std::exp(z[q] - max);
    total += e;
    for (std::size_t k = 0; k < mean.size(); ++k)
      mean[k] += e * static_cast<double>(head.centres[k * z.size() + q]);
  }
  for (double& m : mean) m /= total;
  return mean;
}

constexpr Case kCases[] = {
    {{1, 256, 8, 16}, 8, 313, 2, 0},
    {{1, 256, 8, 16}, 1, 313, 2, 0},
    {{2, 256, 5, 7}, 8, 313, 2, 96, 0.38f},
    {{3, 20, 3, 5}, 8, 6, 2, 8},
    {{2, 65, 4, 9}, 1, 7, 3, 11},
    {{2, 33, 1, 17}, 33, 32, 2, 5},
    {{1, 5, 1, 1}, 16, 1, 1, 0},
    {{2, 130, 3, 11}, 16, 65, 2, 0, 2.0f},
};

TEST_CASE("the annealed mean is centres . softmax((W x + b) / T) for any layout, size and batch stride") {
  for (const Case& c : kCases) {
    CAPTURE(c.dims.c);
    CAPTURE(c.block);
    CAPTURE(c.bins);
    const Head head = make_head(c);
    Guarded x(c.dims, c.block, c.extra_stride);
    x.fill(5, -1, 2);
    Guarded out({c.dims.n, c.outputs, c.dims.h, c.dims.w}, 1, c.extra_stride);
    CHECK(test::same_for_any_threads(out, [&](Guarded& o) { run(c, head, x.ref(), o.ref()); }));
    double worst = 0;
    for (std::int64_t n = 0; n < c.dims.n; ++n)
      for (std::int64_t y = 0; y < c.dims.h; ++y)
        for (std::int64_t col = 0; col < c.dims.w; ++col) {
          const auto truth = exact(c, head, x, n, y, col);
          for (std::int64_t k = 0; k < c.outputs; ++k)
            worst = std::max(worst, std::abs(static_cast<double>(out.at(n, k, y, col)) -
                                             truth[static_cast<std::size_t>(k)]));
        }
    CHECK(worst < 1e-6 / static_cast<double>(std::min(c.temperature, 1.0f)));
    CHECK(out.intact());
  }
}

TEST_CASE("the portable matrix product and this machine's own agree with a double one") {
  Random random(3);
  for (std::int64_t depth : {0, 1, 7, 64}) {
    std::vector<float> weight, features, start;
    for (std::int64_t i = 0; i < depth * kLogitBins; ++i)
      weight.push_back(static_cast<float>(random.uniform(-1, 1)));
    for (std::int64_t i = 0; i < depth * kLogitPixels; ++i)
      features.push_back(static_cast<float>(random.uniform(-1, 1)));
    for (std::int64_t i = 0; i < kLogitBins * kLogitPixels; ++i)
      start.push_back(static_cast<float>(random.uniform(-1, 1)));
    for (LogitKernel kernel : {logits_portable, logit_kernel()}) {
      std::vector<float> logits = start;
      kernel(weight.data(), features.data(), depth, logits.data());
      double worst = 0;
      for (std::int64_t q = 0; q < kLogitBins; ++q) {
        for (std::int64_t i = 0; i < kLogitPixels; ++i) {
          const auto at = static_cast<std::size_t>(q * kLogitPixels + i);
          double truth = static_cast<double>(start[at]);
          for (std::int64_t c = 0; c < depth; ++c)
            truth += static_cast<double>(weight[static_cast<std::size_t>(c * kLogitBins + q)]) *
                     static_cast<double>(features[static_cast<std::size_t>(c * kLogitPixels + i)]);
          worst = std::max(worst, std::abs(static_cast<double>(logits[at]) - truth));
        }
      }
      CHECK(worst < 3e-6);
    }
  }
}

TEST_CASE("huge logits neither overflow nor lose the winning bin") {
  const Case c{{1, 1, 1, 3}, 1, 9, 1, 0};
  Head head = make_head(c);
  for (std::size_t q = 0; q < 9; ++q) head.weight[q] = q == 4 ? 1e6f : -1e6f * static_cast<float>(q + 1);
  pack_annealed_mean_weight(head.weight.data(), c.bins, c.dims.c, head.packed.data());
  Guarded x(c.dims, 1), out({1, 1, 1, 3}, 1);
  x.fill(1, 1, 2);
  run(c, head, x.ref(), out.ref());
  for (std::int64_t i = 0; i < 3; ++i) CHECK(out.at(0, 0, 0, i) == head.centres[4]);
}

TEST_CASE("a NaN feature makes a NaN colour, and only at its pixel") {
  const Case c{{1, 16, 2, 20}, 8, 313, 2, 0};
  const Head head = make_head(c);
  Guarded x(c.dims, c.block), out({1, 2, 2, 20}, 1);
  x.fill(9, -1, 1);
  x.at(0, 3, 1, 2) = std::numeric_limits<float>::quiet_NaN();
  run(c, head, x.ref(), out.ref());
  test::for_each_element(out.ref().dims,
                         [&](std::int64_t n, std::int64_t k, std::int64_t y, std::int64_t col) {
                           CHECK(std::isnan(out.at(n, k, y, col)) == (y == 1 && col == 2));
                         });
}

}  // namespace
}  // namespace cuhue
