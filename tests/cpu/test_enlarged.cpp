// Convolutions of an enlarged input: by Winograd, as phases, by oneDNN on the enlarged input, and by plain
// loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "runtime/graph/builder.h"
#include "runtime/graph/passes.h"
#include "tests/cpu/graph_maker.h"

namespace cuhue::test {
namespace {

constexpr double kTolerance = 2e-6;

struct Case {
  Dims in;
  std::int64_t out = 16;
  PadMode mode = PadMode::reflect;
  bool skip = false;  // the input is two values joined
};

using Then = std::function<ValueId(Builder&, ValueId)>;

Graph enlarged(const Case& c, const Then& then = {}) {
  Builder b;
  ValueId x = b.input("x", c.in);
  if (c.skip) {
    const ValueId left = b.conv(x, "left", {.out = 8, .pad = 1}),
                  right = b.conv(x, "right", {.out = 16, .pad = 1});
    x = b.concat({left, right});
  }
  ValueId y = b.conv(b.upsample(x, UpsampleKind::nearest, 2), "c",
                     {.out = c.out, .pad = 1, .bias = false, .pad_mode = c.mode});
  if (then) y = then(b, y);
  b.output("y", y);
  return b.take();
}

// Without Winograd, whose rounding is larger.
const CompileOptions kWays[] = {without({"winograd"}), without({"winograd", "phases"}),
                                without({"winograd", "phases", "onednn"})};

void check(const Case& c, const Then& then = {}, double tolerance = kTolerance) {
  CAPTURE(c.in.n);
  CAPTURE(c.in.c);
  CAPTURE(c.in.h);
  CAPTURE(c.in.w);
  CAPTURE(c.out);
  CAPTURE(static_cast<int>(c.mode));
  const Graph g = enlarged(c, then);
  for (const CompileOptions& way : kWays) CHECK(cpu_error(g, way) < tolerance);
}

ValueId leaky(Builder& b, ValueId x) {
  return b.activation(x, {ActivationKind::leaky_relu, 0.2f});
}

TEST_CASE("a transposed convolution of 2x2 and stride 2 is its definition, by its phases and otherwise") {
  for (const std::int64_t n : {1, 3}) {
    for (const std::int64_t in : {3, 16, 40}) {
      for (const std::int64_t out : {5, 8, 32, 48}) {
        for (const bool bias : {false, true}) {
          Builder b;
          const ValueId x = b.input("x", {n, in, 7, 5});
          ValueId y = b.batch_norm(
              b.conv_transpose(x, "c", {.out = out, .kernel = 2, .stride = 2, .bias = bias}), "n");
          y = b.add(leaky(b, y), b.input("skip", b.dims(y)));
          b.output("y", b.relu(y));
          const Graph g = b.take();
          CAPTURE(n);
          CAPTURE(in);
          CAPTURE(out);
          for (const CompileOptions& way : kWays) CHECK(cpu_error(g, way) < kTolerance);
        }
      }
    }
  }
  for (const int extra : {0, 1}) {  // a row and a column that no window reaches, and one less than all
    for (const int pad : {0, 1}) {
      Builder b;
      const ConvOptions o{.out = 32, .kernel = 2, .stride = 2, .pad = pad, .output_pad = extra};
      b.output("y", b.conv_transpose(b.input("x", {2, 16, 6, 4}), "c", o));
      const Graph g = b.take();
      CAPTURE(extra);
      CAPTURE(pad);
      for (const CompileOptions& way : kWays) CHECK(cpu_error(g, way) < kTolerance);
      const std::string by = provider_of(g, "transposed_convolution");
      CHECK(by.starts_with("phases, onednn jit") == (extra == 0 && pad == 0));
    }
  }
}

TEST_CASE("an enlarged convolution is its definition at every border, for every size and channel count") {
  for (const PadMode mode : {PadMode::zero, PadMode::reflect, PadMode::replicate}) {
    for (const Dims& in : {Dims{1, 8, 16, 16},
                           {2, 16, 17, 23},
                           {1, 24, 1, 256},
                           {1, 8, 300, 1},
                           {1, 3, 20, 16},
                           {1, 8, 3, 5},
                           {1, 8, 1, 1}}) {
      for (const std::int64_t out : {8, 24, 3}) check({in, out, mode});
    }
  }
}

TEST_CASE("an enlarged convolution of joined values, and what follows it") {
  for (const PadMode mode : {PadMode::zero, PadMode::reflect}) {
    const Case c{{2, 5, 16, 18}, 16, mode, true};
    check(c);
    check(c, leaky);
    check(c, [](Builder& b, ValueId x) { return leaky(b, b.batch_norm(x, "n")); });
    check(
        c, [](Builder& b, ValueId x) { return leaky(b, b.batch_norm_per_image(x, "n")); },
        1e-5);  // which magnifies what the sums' rounding left
    check(
        c,
        [](Builder& b, ValueId x) { return b.affine(b.activation(x, {ActivationKind::tanh}), 0.5f, 1.0f); },
        1e-5);  // which is bent, and steepest at 0
    check(c, [](Builder& b, ValueId x) { return b.affine(x, -0.5f, 1.0f); });
    check(c, [](Builder& b, ValueId x) {
      return b.concat({b.conv(x, "d", {.out = 8, .pad = 1}), leaky(b, x)});
    });
    // Into a slice of a concatenation.
    check(c, [](Builder& b, ValueId x) {
      const ValueId y = leaky(b, x);
      return b.concat({b.conv(y, "d", {.out = 8, .pad = 1}), y});
    });
  }
}

TEST_CASE("large maps are convolved as phases, small ones and odd channels enlarged") {
  const auto way = [](const Dims& in, std::int64_t out, const CompileOptions& options = {}) {
    // Without a border the first step is the convolution, or what enlarges its input.
    return provider_of(enlarged({in, out, PadMode::zero}, leaky), "enlarged_convolution", options);
  };
  CHECK(way({1, 8, 16, 16}, 16).starts_with("phases, onednn jit"));
  CHECK_FALSE(way({1, 8, 15, 16}, 16).starts_with("phases"));
  CHECK_FALSE(way({1, 8, 16, 16}, 12).starts_with("phases"));
  CHECK_FALSE(way({1, 8, 16, 16}, 16, without({"phases"})).starts_with("phases"));
}

TEST_CASE("large maps of many channels are convolved by Winograd, at every border, and what follows") {
  constexpr double kWinogradTolerance = 2e-5;
  for (const PadMode mode : {PadMode::zero, PadMode::reflect, PadMode::replicate}) {
    for (const Dims& in : {Dims{1, 64, 16, 16}, {2, 72, 17, 23}, {1, 48, 1, 256}, {1, 80, 9, 40}}) {
      const Case c{in, 40, mode};
      CHECK(provider_of(enlarged(c, leaky), "enlarged_convolution") == "winograd f(5x5)");
      CHECK(cpu_error(enlarged(c)) < kWinogradTolerance);
      CHECK(cpu_error(enlarged(c, leaky)) < kWinogradTolerance);
      CHECK(cpu_error(enlarged(c, [](Builder& b, ValueId x) { return leaky(b, b.batch_norm(x, "n")); })) <
            kWinogradTolerance);
    }
  }
  CHECK(provider_of(enlarged({{1, 64, 15, 17}, 40}), "enlarged_convolution") != "winograd f(5x5)");
}

TEST_CASE("an enlarged convolution's bits are the same alone and in a batch, for one thread and two") {
  const Graph one = enlarged({{1, 8, 20, 17}}, leaky), two = enlarged({{2, 8, 20, 17}}, leaky);
  const Tensors inputs = noise_inputs(two);
  Tensors alone = noise_inputs(one);
  auto& x = alone.at("x").data;
  std::copy_n(inputs.at("x").data.end() - static_cast<std::ptrdiff_t>(x.size()), x.size(), x.begin());
  const Tensors batch = run_cpu(two, inputs);
  CompileOptions threads;
  threads.threads = 1;
  CHECK(same_bits(batch, run_cpu(two, inputs, threads)));
  const Tensors single = run_cpu(one, alone);
  const auto& y = single.at("y").data;
  CHECK(std::equal(y.begin(), y.end(), batch.at("y").data.end() - static_cast<std::ptrdiff_t>(y.size())));
}

}  // namespace
}  // namespace cuhue::test
