#include <doctest/doctest.h>

#include "tests/cpu/graph_maker.h"

namespace cuhue::test {
namespace {

constexpr double kTolerance = 3e-6;
constexpr double kWinogradTolerance = 2e-5;

Convolution conv3x3(std::int64_t out) {
  Convolution op;
  op.out_channels = out;
  op.kernel_h = op.kernel_w = 3;
  op.pad_top = op.pad_left = op.pad_bottom = op.pad_right = 1;
  return op;
}

constexpr int kKinds = 8;

// residual: of the result's size; addends: [n, channels, 1, 1]
EpilogueStep step_of(int kind, GraphMaker& m, std::int64_t channels, ValueId residual, ValueId addends) {
  switch (kind) {
    case 0: return Activation{ActivationKind::relu, 0.0f};
    case 1: return Activation{ActivationKind::leaky_relu, 0.2f};
    case 2: return Activation{ActivationKind::tanh, 0.0f};
    case 3: return Activation{ActivationKind::sigmoid, 0.0f};
    case 4: return ScalarAffine{-0.5f, 0.25f};
    case 5: return m.batch_norm(channels);
    case 6: return Residual{residual};
    default: return Residual{addends};
  }
}

// A convolution with the epilogue; its residual is a value that dies there, or one that is read again later.
double error_of(const std::vector<int>& kinds, std::int64_t channels, bool residual_dies,
                bool transposed = false, const char* left_out = "winograd") {
  GraphMaker m;
  const ValueId x = m.input({2, 8, 7, 6});
  const ValueId residual = m.convolution(conv3x3(channels), x);
  const ValueId addends = m.matmul(m.input({2, 3, 1, 1}, "vector"), channels);
  Convolution op = conv3x3(channels);
  op.transposed = transposed;
  for (const int kind : kinds) op.epilogue.push_back(step_of(kind, m, channels, residual, addends));
  const ValueId y = m.convolution(op, x);
  m.output(m.convolution(conv3x3(3), y));
  if (!residual_dies) m.output(residual, "residual");
  return cpu_error(m.graph, {.threads = 0, .optimize = false, .without = {left_out}});
}

TEST_CASE("every epilogue of up to two steps") {
  for (int first = 0; first < kKinds; ++first) {
    for (int second = -1; second < kKinds; ++second) {
      std::vector<int> kinds = {first};
      if (second >= 0) kinds.push_back(second);
      for (const bool dies : {false, true}) {
        CAPTURE(first);
        CAPTURE(second);
        CAPTURE(dies);
        CHECK(error_of(kinds, 16, dies) < kTolerance);
        CHECK(error_of(kinds, 5, dies) < kTolerance);
        CHECK(error_of(kinds, 16, dies, false, "onednn") < kWinogradTolerance);
        CHECK(error_of(kinds, 5, dies, false, "onednn") < kWinogradTolerance);
      }
    }
  }
}

TEST_CASE("every epilogue of three steps out of relu, affine, batch norm, residual and addends of planes") {
  for (const int a : {0, 4, 5, 6, 7}) {
    for (const int b : {0, 4, 5, 6, 7}) {
      for (const int c : {0, 4, 5, 6, 7}) {
        CAPTURE(a);
        CAPTURE(b);
        CAPTURE(c);
        CHECK(error_of({a, b, c}, 16, true) < kTolerance);
      }
    }
  }
}

TEST_CASE("one addend for each plane is added by the convolution, for every image its own") {
  for (const std::int64_t images : {1, 3}) {
    for (const std::int64_t channels : {64, 20}) {
      GraphMaker m;
      const ValueId addends = m.matmul(m.input({images, 10, 1, 1}, "vector"), channels);
      Convolution op;
      op.out_channels = channels;
      op.epilogue = {Residual{addends}, Activation{}};
      m.output(m.convolution(op, m.convolution(conv3x3(64), m.input({images, 8, 9, 7}))));
      CAPTURE(images);
      CAPTURE(channels);
      CHECK(cpu_error(m.graph) < kTolerance);
      CHECK(cpu_error(m.graph, without({"onednn"})) < kTolerance);
      const auto program = compile(m.graph);
      for (const StepProfile& step : program->profile()) {
        CHECK((step.op == "convolution" || step.op == "matmul" || step.op == "reorder"));
        CHECK(step.provider != "kernels elementwise");
      }
    }
  }
}

TEST_CASE("convolutions may read parts of one weight") {
  GraphMaker m;
  const ValueId a = m.input({2, 8, 5, 6}), b = m.input({2, 5, 1, 1}, "vector");
  const ParamId whole = m.param({16, 8 + 5, 1, 1}, ParamRole::weight);
  const auto reads = [&](ValueId x, std::int64_t first) {
    Convolution op;
    op.out_channels = 16;
    op.weight = whole;
    op.part = {first, m.dims(x).c};
    const Dims d = m.dims(x);
    return m.node(op, {x}, {d.n, 16, d.h, d.w});
  };
  const ValueId of_vector = reads(b, 8), of_pixels = reads(a, 0);
  m.output(m.same(Add{}, {of_pixels, of_vector}));
  CHECK(cpu_error(m.graph) < kTolerance);
  CHECK(cpu_error(m.graph, without({"onednn"})) < kTolerance);
}

TEST_CASE("long epilogues are split") {
  const std::vector<int> longest = {0, 4, 5, 1, 6, 4, 5, 0, 4, 5, 1, 6};
  CHECK(error_of(longest, 16, true) < 1e-5);
  CHECK(error_of(longest, 16, true, false, "onednn") < kWinogradTolerance);
  CHECK(error_of(longest, 16, false, true) < 1e-5);
}

TEST_CASE("transposed convolutions have epilogues too") {
  for (int kind = 0; kind < kKinds; ++kind) {
    CAPTURE(kind);
    CHECK(error_of({kind}, 16, true, true) < kTolerance);
    CHECK(error_of({kind, 0}, 13, false, true) < kTolerance);
  }
}

TEST_CASE("batch norm folded into a convolution's weight and bias") {
  for (const bool transposed : {false, true}) {
    for (const bool bias : {false, true}) {
      GraphMaker m;
      Convolution op = conv3x3(13);
      op.transposed = transposed;
      op.folded = m.batch_norm(13);
      op.epilogue = {Activation{}};
      m.output(m.convolution(op, m.input({2, 5, 8, 9}), bias));
      CAPTURE(transposed);
      CAPTURE(bias);
      CHECK(cpu_error(m.graph, without({"winograd"})) < kTolerance);
      CHECK(cpu_error(m.graph, without({"onednn"})) < kWinogradTolerance);
      CHECK(cpu_error(m.graph, without({"winograd", "onednn"})) < kTolerance);
    }
  }
}

TEST_CASE("activation and batch norm cost no step of their own") {
  GraphMaker m;
  Convolution op = conv3x3(64);
  op.epilogue = {Activation{}, m.batch_norm(64)};
  const ValueId x = m.convolution(conv3x3(64), m.input({1, 64, 16, 16}));
  m.output(m.convolution(op, x));
  const auto program = compile(m.graph);
  int steps = 0;
  for (const StepProfile& step : program->profile()) steps += step.op == "convolution" ? 1 : 0;
  CHECK(steps == 2);
  CHECK(cpu_error(m.graph) < kWinogradTolerance);
  CHECK(cpu_error(m.graph, without({"winograd"})) < kTolerance);
}

TEST_CASE("a residual that dies is summed in place") {
  const auto arena = [](bool dies, const CompileOptions& options) {
    GraphMaker m;
    const ValueId x = m.convolution(conv3x3(16), m.input({1, 8, 192, 192}));
    Convolution op = conv3x3(16);
    op.epilogue = {Residual{x}, Activation{}};
    const ValueId y = m.convolution(op, m.convolution(conv3x3(16), x));
    m.output(m.convolution(conv3x3(1), y));
    if (!dies) m.output(m.convolution(conv3x3(1), x), "x");
    CHECK(cpu_error(m.graph, options) < kWinogradTolerance);
    return compile(m.graph, options)->arena_bytes();
  };
  for (const char* left_out : {"winograd", "onednn"}) {
    CAPTURE(left_out);
    const CompileOptions options = without({left_out});
    CHECK(arena(true, options) + 16 * 192 * 192 * 4 <= arena(false, options));
  }
}

TEST_CASE("a value may be both input and residual of one convolution") {
  GraphMaker m;
  const ValueId x = m.convolution(conv3x3(16), m.input({1, 8, 9, 9}));
  Convolution op = conv3x3(16);
  op.epilogue = {Residual{x}, Residual{x}};
  m.output(m.convolution(op, x));
  CHECK(cpu_error(m.graph) < kTolerance);
}

}  // namespace
}  // namespace cuhue::test
