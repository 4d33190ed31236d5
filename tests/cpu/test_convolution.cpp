#include <doctest/doctest.h>

#include "tests/cpu/graph_maker.h"

namespace cuhue::test {
namespace {

constexpr double kTolerance = 2e-6;          // float sums of at most 3136 products
constexpr double kWinogradTolerance = 2e-5;  // sums of transformed values

Graph single(const Convolution& op, const Dims& in, bool bias = true, int output_padding = 0) {
  GraphMaker m;
  m.output(m.convolution(op, m.input(in), bias, output_padding));
  return std::move(m.graph);
}

Convolution square(int kernel, int stride, int dilation, int pad, std::int64_t out) {
  Convolution op;
  op.out_channels = out;
  op.kernel_h = op.kernel_w = kernel;
  op.stride = stride;
  op.dilation = dilation;
  op.pad_top = op.pad_left = op.pad_bottom = op.pad_right = pad;
  return op;
}

void check(const Convolution& op, const Dims& in, bool bias = true, int output_padding = 0) {
  CAPTURE(op.kernel_h);
  CAPTURE(op.stride);
  CAPTURE(op.dilation);
  CAPTURE(op.pad_top);
  CAPTURE(op.pad_right);
  CAPTURE(op.out_channels);
  CAPTURE(in.n);
  CAPTURE(in.c);
  CAPTURE(in.h);
  CAPTURE(bias);
  const Graph g = single(op, in, bias, output_padding);
  CHECK(cpu_error(g) < kWinogradTolerance);
  CHECK(cpu_error(g, without({"winograd"})) < kTolerance);
  CHECK(cpu_error(g, without({"onednn"})) < kWinogradTolerance);
  CHECK(cpu_error(g, without({"winograd", "onednn"})) < 1e-6);
}

TEST_CASE("every window gives the sums of the definition") {
  for (const int kernel : {1, 3, 4, 7}) {
    for (const int stride : {1, 2}) {
      for (const int dilation : {1, 2}) {
        for (const int pad : {0, kernel / 2 * dilation}) {
          check(square(kernel, stride, dilation, pad, 16), {1, 8, 15, 17});
          check(square(kernel, stride, dilation, pad, 8), {1, 3, 17, 15}, false);
        }
      }
    }
  }
}

// oneDNN names channels last of 8 or 16 channels otherwise than blocks of as many: the same memory.
TEST_CASE("8 or 16 channels, in or out, never fall to plain loops") {
  for (const auto& channels : {std::pair(1, 16), {16, 32}, {8, 32}, {16, 16}, {8, 8}}) {
    const int in = channels.first, out = channels.second;
    for (const int stride : {1, 2}) {
      CAPTURE(in);
      CAPTURE(out);
      CAPTURE(stride);
      const Graph g = single(square(3, stride, 1, 1, out), {1, in, 32, 32});
      for (const auto& without_these : {CompileOptions{}, without({"winograd"})}) {
        const auto program = compile(g, without_these);
        for (const StepProfile& step : program->profile()) CHECK(step.provider != "reference");
      }
    }
  }
}

TEST_CASE("every channel count gives the sums of the definition, alone and in a batch") {
  for (const std::int64_t in : {1, 2, 3, 8, 13, 64}) {
    for (const std::int64_t out : {1, 2, 3, 8, 13, 64}) {
      check(square(3, 1, 1, 1, out), {1, in, 9, 11});
      check(square(3, 2, 1, 1, out), {3, in, 9, 11});
    }
  }
}

TEST_CASE("padding may differ from side to side") {
  for (const int extra : {0, 1, 2, 3}) {
    Convolution op = square(4, 2, 1, 0, 13);
    op.pad_top = extra;
    op.pad_left = (extra + 1) % 4;
    op.pad_bottom = (extra + 2) % 4;
    op.pad_right = (extra + 3) % 4;
    check(op, {1, 8, 13, 14});
  }
}

TEST_CASE("kernels need not be square") {
  Convolution op = square(1, 1, 1, 0, 8);
  op.kernel_h = 7;
  op.pad_top = op.pad_bottom = 3;
  check(op, {1, 8, 9, 9});
  op = square(1, 1, 1, 0, 8);
  op.kernel_w = 7;
  op.pad_left = op.pad_right = 3;
  check(op, {1, 8, 9, 9});
}

TEST_CASE("reflected and repeated borders") {
  for (const PadMode mode : {PadMode::reflect, PadMode::replicate}) {
    for (const std::int64_t channels : {1, 3, 8, 13}) {
      Convolution op = square(7, 1, 1, 3, 8);
      op.pad_mode = mode;
      check(op, {2, channels, 9, 11});
      op = square(3, 2, 2, 2, 3);
      op.pad_mode = mode;
      op.pad_right = 1;
      check(op, {1, channels, 8, 9});
    }
  }
}

TEST_CASE("a border after blocked activations stays blocked") {
  GraphMaker m;
  const ValueId x = m.convolution(square(3, 1, 1, 1, 16), m.input({2, 3, 12, 10}));
  Convolution op = square(3, 1, 1, 1, 5);
  op.pad_mode = PadMode::reflect;
  m.output(m.convolution(op, x));
  CHECK(cpu_error(m.graph) < kWinogradTolerance);
  CHECK(cpu_error(m.graph, without({"winograd"})) < kTolerance);
}

TEST_CASE("transposed convolutions") {
  for (const int kernel : {2, 3, 4}) {
    for (const int stride : {1, 2}) {
      for (const std::int64_t channels : {1, 8, 13}) {
        Convolution op = square(kernel, stride, 1, 1, 8);
        op.transposed = true;
        check(op, {1, channels, 6, 7});
        check(op, {3, channels, 6, 7}, false);
        if (stride == 2) check(op, {1, channels, 6, 7}, true, 1);
      }
    }
  }
  Convolution dilated = square(3, 2, 2, 1, 13);
  dilated.transposed = true;
  check(dilated, {1, 8, 5, 6});
}

TEST_CASE("oneDNN's generated code runs the layers of colorization networks") {
  struct Layer {
    int kernel, stride, dilation, pad;
    std::int64_t in, out;
  };
  for (const Layer& l : {Layer{3, 1, 1, 1, 64, 64}, Layer{3, 2, 1, 1, 64, 64}, Layer{3, 1, 2, 2, 64, 64},
                         Layer{7, 2, 1, 3, 1, 64}, Layer{1, 2, 1, 0, 64, 128}}) {
    const Graph g = single(square(l.kernel, l.stride, l.dilation, l.pad, l.out), {1, l.in, 16, 16});
    CAPTURE(l.kernel);
    const std::string provider = provider_of(g, "convolution", without({"winograd"}));
    CHECK(provider.find("ref") == std::string::npos);
    CHECK(provider.find("onednn") == 0);
  }
  CHECK(provider_of(single(square(3, 1, 1, 1, 8), {1, 8, 8, 8}), "convolution",
                    without({"winograd", "onednn"})) == "reference");
}

TEST_CASE("Winograd runs 3x3 layers of stride 1 where it pays, dilated and bordered ones too") {
  const auto provider = [](const Convolution& op, const Dims& in) {
    return provider_of(single(op, in), "convolution");
  };
  Convolution reflected = square(3, 1, 1, 1, 64);
  reflected.pad_mode = PadMode::reflect;
  for (const Convolution& op : {square(3, 1, 1, 1, 64), square(3, 1, 2, 2, 64), reflected}) {
    CHECK(provider(op, {1, 64, 32, 32}) == "winograd f(4x4)");
    CHECK(provider(op, {3, 64, 5, 3}) == "winograd f(4x4)");  // whatever the size: one copy of the weights
    CHECK(provider(op, {1, 1, 32, 32}) != "winograd f(4x4)");
  }
  CHECK(provider(square(3, 2, 1, 1, 64), {1, 64, 32, 32}) != "winograd f(4x4)");
  CHECK(provider(square(1, 1, 1, 0, 64), {1, 64, 32, 32}) != "winograd f(4x4)");
}

}  // namespace
}  // namespace cuhue::test
