#include <doctest/doctest.h>

#include "runtime/cpu/onednn.h"
#include "tests/cpu/graph_maker.h"

namespace cuhue::test {
namespace {

constexpr double kTolerance = 2e-6;
constexpr double kWinogradTolerance = 2e-5;

Convolution conv(std::int64_t out, int kernel = 3) {
  Convolution op;
  op.out_channels = out;
  op.kernel_h = op.kernel_w = kernel;
  op.pad_top = op.pad_left = op.pad_bottom = op.pad_right = kernel / 2;
  return op;
}

TEST_CASE("matrix products") {
  for (const std::int64_t n : {1, 3}) {
    for (const std::int64_t in : {1, 13, 64}) {
      for (const std::int64_t out : {1, 8, 100}) {
        GraphMaker m;
        m.output(m.matmul(m.input({n, in, 1, 1}), out, out != 8));
        CAPTURE(n);
        CAPTURE(in);
        CAPTURE(out);
        CHECK(cpu_error(m.graph) < kTolerance);
        CHECK(cpu_error(m.graph, without({"onednn"})) < kTolerance);
      }
    }
  }
}

TEST_CASE("matrix products with an epilogue") {
  for (const bool last : {false, true}) {
    GraphMaker m;
    const ValueId x = m.input({3, 20, 1, 1});
    const ValueId residual = m.matmul(x, 24);
    const ValueId y = m.matmul(x, 24);
    auto& op = std::get<MatMul>(m.graph.nodes.back().op);
    op.epilogue = {Activation{}, m.batch_norm(24), Residual{residual}};
    if (last) op.epilogue = {Residual{residual}, Activation{}, ScalarAffine{2.0f, 1.0f}};
    m.output(m.matmul(y, 5));
    CHECK(cpu_error(m.graph) < kTolerance);
  }
}

TEST_CASE("a matrix product after pooled blocked activations") {
  for (const std::int64_t channels : {13, 64}) {
    GraphMaker m;
    const ValueId x = m.convolution(conv(channels), m.input({2, 3, 8, 8}));
    Pool pool;
    pool.kind = PoolKind::average;
    pool.kernel = pool.stride = 8;
    m.output(m.matmul(m.pool(pool, x), 10));
    CHECK(cpu_error(m.graph) < kTolerance);
  }
}

TEST_CASE("pooling of every kind and window") {
  for (const PoolKind kind : {PoolKind::max, PoolKind::average, PoolKind::average_valid}) {
    for (const std::int64_t channels : {1, 3, 16}) {
      for (const int kernel : {2, 3}) {
        for (const int stride : {1, 2}) {
          Pool pool{kind, kernel, stride, 1, 0, 0, 1};
          GraphMaker m;
          m.output(m.pool(pool, m.input({2, channels, 9, 7})));
          GraphMaker blocked;
          const ValueId x = blocked.convolution(conv(channels), blocked.input({2, 8, 9, 7}));
          blocked.output(blocked.pool({kind, kernel, stride, 1, 1, 1, 1}, x));
          CAPTURE(static_cast<int>(kind));
          CAPTURE(channels);
          CAPTURE(kernel);
          CAPTURE(stride);
          CHECK(cpu_error(m.graph) < kTolerance);
          CHECK(cpu_error(m.graph, without({"onednn"})) < kTolerance);
          CHECK(cpu_error(blocked.graph) < kTolerance);
        }
      }
    }
  }
}

TEST_CASE("elementwise ops, softmax and upsampling in either layout") {
  const std::vector<Op> ops = {Activation{ActivationKind::tanh, 0.0f},
                               Activation{ActivationKind::sigmoid, 0.0f}, ScalarAffine{2.0f, -1.0f},
                               Softmax{0.5f}};
  for (const std::int64_t channels : {2, 13, 16}) {
    for (const bool blocked : {false, true}) {
      for (const Op& op : ops) {
        GraphMaker m;
        ValueId x = m.input({2, channels, 5, 6});
        if (blocked) x = m.convolution(conv(channels), x);
        const ValueId y = m.same(op, {x});
        // A convolution reads the padding channels of a block: they must have stayed zero.
        m.output(m.convolution(conv(4), y), "conv");
        m.output(y);
        m.output(m.upsample({UpsampleKind::nearest, 2, 1.0f}, y), "nearest");
        m.output(m.upsample({UpsampleKind::bilinear, 4, 0.5f}, y), "bilinear");
        CAPTURE(op.index());
        CAPTURE(channels);
        CAPTURE(blocked);
        CHECK(cpu_error(m.graph, without({"winograd"})) < kTolerance);
        CHECK(cpu_error(m.graph) < kWinogradTolerance);
      }
    }
  }
}

TEST_CASE("argmax of planes and of blocked scores, in a slice of a concatenation, of its own result") {
  for (const std::int64_t batch : {1, 3}) {
    for (const std::int64_t channels : {13, 60}) {
      GraphMaker m;
      const ValueId x = m.input({batch, 21, 5, 7});
      const ValueId planes = m.argmax(x), blocked = m.argmax(m.convolution(conv(channels), x));
      m.output(m.concat({planes, blocked, x}));
      m.output(blocked, "blocked");
      m.output(m.argmax(blocked), "zero");
      CHECK(cpu_error(m.graph) < kTolerance);
    }
  }
}

TEST_CASE("batch norm and addition as nodes of their own") {
  for (const std::int64_t channels : {3, 16}) {
    GraphMaker m;
    const ValueId x = m.input({2, channels, 5, 6});
    const ValueId a = m.convolution(conv(channels), x);
    const ValueId b = m.same(m.batch_norm(channels), {a});
    const ValueId twice = m.same(Add{}, {b, b});
    const ValueId sum = m.same(Add{}, {x, twice});  // NCHW + blocked
    m.output(m.same(Add{}, {m.convolution(conv(channels), sum), x}));
    CHECK(cpu_error(m.graph, {.threads = 0, .optimize = false, .without = {"winograd"}}) < kTolerance);
    CHECK(cpu_error(m.graph, without({"winograd"})) < kTolerance);
    CHECK(cpu_error(m.graph) < kWinogradTolerance);
  }
}

TEST_CASE("concatenation in place: aligned parts cost no copy") {
  GraphMaker m;
  const ValueId x = m.input({1, 8, 10, 9});
  // Of 16 channels each: others stand in different blocks where oneDNN writes channels last.
  const ValueId a = m.convolution(conv(16), x), b = m.convolution(conv(16), x),
                c = m.convolution(conv(16), x);
  m.output(m.convolution(conv(8), m.concat({a, b, c})));
  CHECK(cpu_error(m.graph, without({"winograd"})) < kTolerance);
  const auto program = compile(m.graph);
  for (const StepProfile& step : program->profile()) CHECK(step.op != "concat");
}

TEST_CASE("oneDNN is asked for blocks of channels or for all channels last, never for something between") {
  onednn::Request request;
  request.in = {1, 64, 8, 8};
  request.out = {1, 32, 8, 8};
  request.kernel_h = request.kernel_w = 3;
  request.pad_top = request.pad_left = 1;
  const auto made = [&](std::int64_t in_block, std::int64_t out_block) {
    request.in_block = in_block;
    request.out_block = out_block;
    return onednn::Primitive::create(request) != nullptr;
  };
  CHECK(made(onednn::kAnyBlock, onednn::kAnyBlock));
  CHECK(made(16, 16));
  CHECK(made(64, 32));
  CHECK_FALSE(made(32, onednn::kAnyBlock));  // the layout of a concatenation of two channels-last values
  CHECK_FALSE(made(onednn::kAnyBlock, 24));
}

TEST_CASE("blocks of channels are read as they stand: no copy before a convolution, nor for what it adds") {
  GraphMaker m;
  const ValueId x = m.input({1, 8, 10, 9});
  const ValueId both = m.concat({m.convolution(conv(16), x), m.convolution(conv(16), x)});
  m.output(m.same(Activation{}, {m.same(Add{}, {m.convolution(conv(32, 1), both), both})}));
  const auto program = compile(m.graph, without({"winograd"}));
  for (const StepProfile& step : program->profile()) {
    CAPTURE(step.name);
    CAPTURE(step.provider);
    // What the caller gave and gets are planes, copied to and from blocks.
    CHECK((step.op != "reorder" || step.name == "x" || step.name == "y"));
  }
  CHECK(cpu_error(m.graph, without({"winograd"})) < kTolerance);
}

TEST_CASE(
    "concatenation of any parts: batches, odd channels, twice the same, inputs, nested, read elsewhere") {
  for (const std::int64_t n : {1, 3}) {
    for (const std::int64_t channels : {8, 5, 1}) {
      GraphMaker m;
      const ValueId x = m.input({n, channels, 6, 7});
      const ValueId a = m.convolution(conv(channels), x), b = m.convolution(conv(16), x);
      const ValueId inner = m.concat({b, a});
      const ValueId relu = m.same(Activation{}, {b});  // must not change the part of `inner`
      const ValueId outer = m.concat({inner, x, a, a, relu});
      m.output(m.convolution(conv(3), outer), "conv");
      m.output(outer, "outer");
      m.output(a, "a");
      m.output(m.same(Activation{}, {inner}), "inner");
      CAPTURE(n);
      CAPTURE(channels);
      CHECK(cpu_error(m.graph) < kWinogradTolerance);
      CHECK(cpu_error(m.graph, without({"onednn"})) < kWinogradTolerance);
      CHECK(cpu_error(m.graph, without({"winograd"})) < kTolerance);
      CHECK(cpu_error(m.graph, without({"winograd", "onednn"})) < kTolerance);
    }
  }
}

TEST_CASE("an input that is an output, an output read on, one value under two names") {
  GraphMaker m;
  const ValueId x = m.input({2, 3, 4, 5});
  const ValueId y = m.same(Activation{}, {x});
  const ValueId z = m.same(ScalarAffine{3.0f, 1.0f}, {y});
  m.output(x, "x");
  m.output(y, "y");
  m.output(z, "z");
  m.output(z, "again");
  CHECK(cpu_error(m.graph) == doctest::Approx(0).epsilon(1e-6));
}

TEST_CASE("convolution to bins, softmax and product fused into an annealed mean") {
  for (const float temperature : {1.0f, 0.38f}) {
    GraphMaker m;
    const ValueId x = m.convolution(conv(24), m.input({2, 3, 9, 7}));
    const ValueId bins = m.convolution(conv(31, 1), x);
    const ValueId probabilities = m.same(Softmax{temperature}, {bins});
    m.output(m.convolution(conv(2, 1), probabilities, false));
    CHECK(provider_of(m.graph, "annealed_mean") == "kernels");
    CHECK(cpu_error(m.graph) < 5e-6);
    CHECK(cpu_error(m.graph, {.threads = 0, .optimize = false, .without = {}}) < 5e-6);
  }
}

}  // namespace
}  // namespace cuhue::test
