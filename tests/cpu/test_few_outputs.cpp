// Convolutions to at most four channels, as programs run them.
#include <doctest/doctest.h>

#include <functional>

#include "runtime/graph/builder.h"
#include "tests/cpu/graph_maker.h"

namespace cuhue::test {
namespace {

constexpr double kTolerance = 3e-6;

using Layer = std::function<ValueId(Builder&, ValueId)>;

// The layer on maps of `c` channels as another layer leaves them.
Graph behind(std::int64_t c, const Layer& layer) {
  Builder b;
  b.output("y", layer(b, b.conv(b.input("x", {2, 8, 9, 13}), "before", {.out = c, .pad = 1})));
  return b.take();
}

TEST_CASE("a convolution to few channels is its definition, and so is what follows it") {
  for (const std::int64_t c : {16, 24, 40, 64}) {
    for (const std::int64_t out : {1, 2, 3, 4}) {
      for (const PadMode mode : {PadMode::zero, PadMode::reflect, PadMode::replicate}) {
        const auto conv = [&](Builder& b, ValueId x) {
          return b.conv(x, "c", {.out = out, .pad = 1, .pad_mode = mode});
        };
        const Layer layers[] = {
            conv,
            // In the range where a tanh has its say.
            [&](Builder& b, ValueId x) {
              return b.activation(b.affine(conv(b, x), 0.05f, 0.0f), {ActivationKind::tanh});
            },
            [&](Builder& b, ValueId x) { return b.affine(b.relu(conv(b, x)), 2.0f, -1.0f); },
            [&](Builder& b, ValueId x) { return b.batch_norm(b.relu(conv(b, x)), "n"); },
            [&](Builder& b, ValueId x) {
              return b.concat({conv(b, x), b.conv(x, "beside", {.out = 2, .kernel = 1})});
            }};
        for (const Layer& layer : layers) {
          CAPTURE(c);
          CAPTURE(out);
          const Graph g = behind(c, layer);
          CHECK(cpu_error(g, without({"winograd"})) < kTolerance);
        }
      }
    }
  }
}

TEST_CASE("transposed convolutions to few channels") {
  for (const int kernel : {3, 4}) {
    for (const int output_pad : {0, 1}) {
      const Graph g = behind(32, [&](Builder& b, ValueId x) {
        return b.conv_transpose(
            x, "t", {.out = 2, .kernel = kernel, .stride = 2, .pad = 1, .output_pad = output_pad});
      });
      CHECK(cpu_error(g, without({"winograd"})) < kTolerance);
      CHECK(provider_of(g, "transposed_convolution") == "few outputs");
    }
  }
}

TEST_CASE("who convolves to few channels") {
  const auto way = [](std::int64_t in, ConvOptions o) {
    Builder b;
    b.output("y", b.conv(b.input("x", {1, in, 20, 20}), "c", o));
    return provider_of(b.take(), "convolution");
  };
  CHECK(way(16, {.out = 4, .pad = 1}) == "few outputs");
  CHECK(way(64, {.out = 1, .kernel = 7, .pad = 3}) == "few outputs");
  CHECK(way(16, {.out = 5, .pad = 1}) != "few outputs");
  CHECK(way(15, {.out = 4, .pad = 1}) != "few outputs");
  CHECK(way(16, {.out = 4, .stride = 2, .pad = 1}) != "few outputs");
  CHECK(way(16, {.out = 4, .pad = 2, .dilation = 2}) != "few outputs");
  CHECK(way(16, {.out = 4, .kernel = 9, .pad = 4}) != "few outputs");
}

}  // namespace
}  // namespace cuhue::test
