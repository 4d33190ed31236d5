#include "kernels/elementwise/elementwise.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/kernels/support.h"

namespace cuhue {
namespace {

using test::Guarded;
using test::Random;
using Kind = ElementwiseKind;

struct Layout {
  Dims dims;
  std::int64_t block, extra_stride;
};
constexpr Layout kLayouts[] = {
    {{1, 64, 32, 32}, 8, 0}, {{2, 13, 5, 7}, 8, 24}, {{2, 13, 5, 7}, 1, 3},    {{1, 20, 9, 11}, 16, 0},
    {{3, 33, 4, 3}, 33, 9},  {{1, 3, 1, 1}, 1, 0},   {{2, 700, 3, 1}, 700, 0}, {{1, 5, 40, 41}, 5, 0},
};

double exact_step(const ElementwiseStep& s, double x, std::size_t c, double other) {
  switch (s.kind) {
    case Kind::relu: return std::max(x, 0.0);
    case Kind::leaky_relu: return x > 0 ? x : static_cast<double>(s.alpha) * x;
    case Kind::tanh: return std::tanh(x);
    case Kind::sigmoid: return 1 / (1 + std::exp(-x));
    case Kind::scalar_affine: return static_cast<double>(s.alpha) * x + static_cast<double>(s.beta);
    case Kind::channel_affine: return static_cast<double>(s.scale[c]) * x + static_cast<double>(s.shift[c]);
    case Kind::add:
    case Kind::add_channels: return x + other;
  }
  return 0;
}

// Every chain of the networks, and one of the greatest length.
const std::vector<std::vector<Kind>> kChains = {
    {Kind::relu},
    {Kind::leaky_relu},
    {Kind::tanh},
    {Kind::sigmoid},
    {Kind::scalar_affine},
    {Kind::channel_affine},
    {Kind::add},
    {Kind::add_channels},
    {Kind::scalar_affine, Kind::add_channels, Kind::relu},
    {},
    {Kind::relu, Kind::channel_affine},
    {Kind::channel_affine, Kind::add, Kind::relu},
    {Kind::add, Kind::leaky_relu, Kind::channel_affine, Kind::tanh, Kind::scalar_affine, Kind::sigmoid,
     Kind::add, Kind::relu},
};

TEST_CASE("a chain applies its steps in order, in any layout, in place too, and leaves padding at 0") {
  for (const Layout& layout : kLayouts) {
    CAPTURE(layout.dims.c);
    CAPTURE(layout.block);
    Guarded x(layout.dims, layout.block, layout.extra_stride),
        other(layout.dims, layout.block, 2 * layout.block),
        addends({layout.dims.n, layout.dims.c, 1, 1}, layout.block, 3 * layout.block);
    x.fill(1, -3, 3);
    other.fill(2, -1, 1);
    addends.fill(4, -1, 1);
    Random random(3);
    std::vector<float> scale(static_cast<std::size_t>(x.ref().blocks() * layout.block)), shift(scale.size());
    for (std::size_t c = 0; c < static_cast<std::size_t>(layout.dims.c); ++c) {
      scale[c] = static_cast<float>(random.uniform(0.5, 1.5));
      shift[c] = static_cast<float>(random.uniform(-0.5, 0.5));
    }
    for (const auto& chain : kChains) {
      CAPTURE(chain.size());
      std::vector<ElementwiseStep> steps;
      steps.reserve(chain.size());
      for (Kind kind : chain)
        steps.push_back({kind, kind == Kind::leaky_relu ? 0.2f : 1.7f, -0.6f, scale.data(), shift.data(),
                         kind == Kind::add_channels ? addends.ref() : other.ref()});
      Guarded out(layout.dims, layout.block, layout.extra_stride + 5);
      CHECK(test::same_for_any_threads(out, [&](Guarded& o) { elementwise_cpu({x.ref(), o.ref(), steps}); }));
      Guarded in_place(x);
      elementwise_cpu({in_place.ref(), in_place.ref(), steps});
      double worst = 0;
      bool same = true;
      test::for_each_element(
          layout.dims, [&](std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t w) {
            double truth = static_cast<double>(x.at(n, c, y, w));
            for (const ElementwiseStep& step : steps) {
              const bool planes = step.kind == Kind::add_channels;
              const float added = planes ? addends.at(n, c, 0, 0) : other.at(n, c, y, w);
              truth = exact_step(step, truth, static_cast<std::size_t>(c), static_cast<double>(added));
            }
            worst = std::max(worst, std::abs(static_cast<double>(out.at(n, c, y, w)) - truth));
            same = same && in_place.at(n, c, y, w) == out.at(n, c, y, w);
          });
      CHECK(worst < 8e-7);
      CHECK(same);
      CHECK(out.intact());
      CHECK(in_place.intact());
    }
  }
}

TEST_CASE("an added tensor may itself be the output") {
  Guarded x({2, 13, 5, 7}, 8), sum({2, 13, 5, 7}, 8);
  x.fill(1, -1, 1);
  sum.fill(2, -1, 1);
  Guarded before(sum);
  const ElementwiseStep add{Kind::add, 0.0f, 0.0f, nullptr, nullptr, sum.ref()};
  elementwise_cpu({x.ref(), sum.ref(), {&add, 1}});
  test::for_each_element(x.ref().dims, [&](std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t w) {
    CHECK(sum.at(n, c, y, w) == x.at(n, c, y, w) + before.at(n, c, y, w));
  });
}

}  // namespace
}  // namespace cuhue
