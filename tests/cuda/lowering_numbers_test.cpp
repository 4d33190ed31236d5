// Lowered graphs compute what their definition says: kernels on the executor against plain loops in double.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "kernels/upsample/upsample.h"
#include "runtime/cuda/lowering.h"
#include "runtime/cuda/weights.h"
#include "runtime/graph/passes.h"
#include "runtime/networks/network.h"
#include "tests/cpu/graph_maker.h"
#include "tests/cuda/lowering_support.h"
#include "tests/executor/host_device.h"
#include "tests/graph/random_graph.h"

namespace cuhue::test {
namespace {

using cuda::Lowered;
using cuda::LoweringOptions;

// The steps of a lowered graph over an arena that starts as NaN: what is read before it is written shows.
class Run {
 public:
  Run(const Graph& g, std::shared_ptr<const ParamSource> source, cuda::ConvolutionLibrary* library,
      const LoweringOptions& options)
      : weights_(std::make_shared<HostDevice>(), std::move(source)),
        lowered_(cuda::lower(g, weights_, library, options)) {
    weights_.wait();
    const MemoryPlan plan = plan_memory(lowered_.buffers, cuda::kDeviceAlignment);
    offsets_ = plan.offsets;
    bytes_ = static_cast<std::size_t>(plan.arena_bytes);
    arena_.reset(static_cast<std::byte*>(::operator new[](bytes_, kAlignment)));
    for (auto& step : lowered_.steps) step.step->bind(addresses());
  }

  Tensors outputs(const Tensors& inputs) {
    std::memset(arena_.get(), 0xFF, bytes_);  // NaN as float and as half
    for (const auto& port : lowered_.inputs) {
      const auto& data = inputs.at(port.name).data;
      for (std::size_t i = 0; i < data.size(); ++i) planes(port)[i] = static_cast<float>(data[i]);
    }
    for (auto& step : lowered_.steps) step.step->run(nullptr);
    Tensors all;
    for (const auto& port : lowered_.outputs) {
      ReferenceTensor t = make_tensor(port.dims);
      for (std::size_t i = 0; i < t.data.size(); ++i) t.data[i] = planes(port)[i];
      all.emplace(port.name, std::move(t));
    }
    return all;
  }

  // An output as the merge would make it from its map, the steps behind it left out.
  ReferenceTensor from_map(const Tensors& inputs, std::size_t output) {
    const cuda::OutputMap& map = lowered_.maps[output].value();
    lowered_.steps.resize(map.first_step);
    outputs(inputs);
    const DeviceTensor small = addresses().tensor(map.map);
    ReferenceTensor t = make_tensor(lowered_.outputs[output].dims);
    std::vector<float> values(t.data.size());
    const DeviceTensor large = dense_device_tensor(values.data(), t.dims, Element::f32);
    switch (map.upsampling) {
      case AbUpsampling::none: elementwise_cuda({small, large, {}}, nullptr); break;
      case AbUpsampling::nearest:
        upsample_nearest_cuda({small, large, map.factor, map.scale}, nullptr);
        break;
      case AbUpsampling::bilinear: upsample_bilinear_cuda({small, large, map.factor, map.scale}, nullptr);
    }
    for (std::int64_t n = 0; n < t.dims.n; ++n)
      for (std::int64_t c = 0; c < t.dims.c; ++c)
        for (std::int64_t y = 0; y < t.dims.h; ++y)
          for (std::int64_t x = 0; x < t.dims.w; ++x)
            t.at(n, c, y, x) =
                values[static_cast<std::size_t>(((n * t.dims.h + y) * t.dims.w + x) * t.dims.c + c)];
    return t;
  }

  const Lowered& lowered() const { return lowered_; }

 private:
  static constexpr std::align_val_t kAlignment{cuda::kDeviceAlignment};
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete[](memory, kAlignment); }
  };
  cuda::Addresses addresses() const { return {arena_.get(), offsets_}; }
  float* planes(const cuda::Port& port) const {
    return reinterpret_cast<float*>(addresses().bytes(port.buffer));
  }

  cuda::CudaWeights weights_;
  Lowered lowered_;
  std::vector<std::int64_t> offsets_;
  std::size_t bytes_ = 0;
  std::unique_ptr<std::byte, Free> arena_;
};

constexpr Precision kPrecisions[] = {Precision::fp32, Precision::tf32, Precision::fp16};
constexpr double kBounds[] = {5e-5, 5e-3, 2e-2};  // of the largest value, by precision

LoweringOptions with(Precision precision) {
  LoweringOptions options;
  options.precision = precision;
  return options;
}

// -1..1, as noise is.
bool takes_noise(const Network& network) {
  return network.inputs[0].about.find("-1..1") != std::string_view::npos;
}

double worst_error(const Tensors& got, const Tensors& expected) {
  REQUIRE(got.size() == expected.size());
  double worst = 0;
  for (const auto& [name, tensor] : expected) worst = std::max(worst, relative_error(got.at(name), tensor));
  return worst;
}

// Graphs whose values stay far from the ends of half: others say nothing about it.
bool fits_half(const Graph& g, const ParamSource& source, const Tensors& inputs) {
  for (const ReferenceTensor& t : evaluate(g, source, inputs)) {
    for (const double v : t.data) {
      if (!(std::abs(v) < 1e4)) return false;
    }
  }
  return true;
}

Convolution conv(std::int64_t out, int kernel = 3, PadMode mode = PadMode::zero) {
  Convolution op;
  op.out_channels = out;
  op.kernel_h = op.kernel_w = kernel;
  op.pad_top = op.pad_left = op.pad_bottom = op.pad_right = kernel / 2;
  op.pad_mode = mode;
  return op;
}

// Channels in whole vectors, as libraries and tensor cores want them, and some that are not; every kind of
// layer.
Graph wide_graph() {
  GraphMaker m;
  const auto relu = [&m](ValueId v) { return m.same(Activation{}, {v}); };
  const ValueId l = m.same(ScalarAffine{0.5f, -0.25f}, {m.input({2, 1, 12, 8}, "l")});
  ValueId x = relu(m.convolution(conv(16, 5, PadMode::reflect), l));
  x = m.same(m.batch_norm(16), {x});
  const ValueId skip = m.pool({PoolKind::max, 3, 2, 1, 1, 1, 1}, x);
  ValueId y = relu(m.same(m.batch_norm(16), {m.convolution(conv(16), skip, false)}));
  y = relu(m.same(Add{}, {m.convolution(conv(16), y), skip}));
  Convolution dilated = conv(24);
  dilated.dilation = 2;
  dilated.pad_top = dilated.pad_left = dilated.pad_bottom = dilated.pad_right = 2;
  const ValueId d = m.same(Activation{ActivationKind::leaky_relu, 0.2f}, {m.convolution(dilated, y)});
  Convolution up = conv(16, 4);
  up.transposed = true;
  up.stride = 2;
  up.pad_top = up.pad_left = up.pad_bottom = up.pad_right = 1;
  const ValueId u = m.same(Activation{ActivationKind::tanh, 0.0f}, {m.convolution(up, d)});
  const ValueId hint = m.input({2, 3, 12, 8}, "hint");
  const ValueId all =
      m.concat({u, m.upsample({UpsampleKind::bilinear, 2, 0.5f}, d), hint, x});  // 59 channels
  const ValueId z = relu(m.convolution(conv(32, 3, PadMode::replicate), all));
  const ValueId large =
      m.convolution(conv(16, 3, PadMode::reflect), m.upsample({UpsampleKind::nearest, 2, 1.0f}, y));
  m.output(m.same(Activation{ActivationKind::leaky_relu, 0.2f}, {large}), "large");
  const ValueId dense =
      m.concat({z, m.same(Activation{ActivationKind::sigmoid, 0.0f}, {m.convolution(conv(8), z)})});
  const ValueId w =
      m.same(Add{}, {relu(m.same(ScalarAffine{0.25f, 0.5f}, {dense})), m.convolution(conv(40, 1), dense)});
  m.output(w, "features");

  const ValueId scores = m.convolution(conv(20, 1), w);
  const ValueId p = m.same(Softmax{0.38f}, {scores});
  m.output(m.upsample({UpsampleKind::bilinear, 2, 1.5f}, m.convolution(conv(2, 1), p, false)), "ab");

  ValueId v = m.pool({PoolKind::average, 6, 6}, y);  // [2, 16, 1, 1]: y is 6 by 4
  v = relu(m.matmul(v, 24));
  m.output(m.matmul(v, 10), "scores");
  return std::move(m.graph);
}

}  // namespace

TEST_CASE("random graphs give the numbers of their definition") {
  const Network generic;
  const auto source = std::make_shared<FormulaSource>(generic);
  double worst[] = {0, 0, 0};
  int graphs[] = {0, 0, 0};
  for (std::uint64_t seed = 0; seed < 240; ++seed) {
    const auto precision = static_cast<Precision>(seed % 3);
    const auto which = static_cast<std::size_t>(precision);
    const Graph plain = random_graph(seed);
    const Tensors inputs = random_inputs(plain, seed);
    if (precision == Precision::fp16 && !fits_half(plain, *source, inputs)) continue;
    Graph g = plain;
    if (seed % 4 != 3) optimize(g);
    TestLibrary library(seed % 2 == 0);
    LoweringOptions options = with(precision);
    options.choose = [seed](const cuda::ConvolutionProblem& problem) {
      return static_cast<cuda::ConvolutionChoice>((seed + static_cast<std::uint64_t>(problem.shape.out.c)) %
                                                  4);
    };
    Run run(g, source, &library, options);
    const double error = worst_error(run.outputs(inputs), evaluate_outputs(plain, *source, inputs));
    INFO("seed " << seed << ", precision " << which);
    CHECK(error < kBounds[which]);
    worst[which] = std::max(worst[which], error);
    ++graphs[which];
  }
  MESSAGE("worst relative error: fp32 " << worst[0] << " (" << graphs[0] << " graphs), tf32 " << worst[1]
                                        << " (" << graphs[1] << "), fp16 " << worst[2] << " (" << graphs[2]
                                        << ")");
  CHECK(graphs[2] > 40);
}

TEST_CASE("layers of whole vectors give the numbers of their definition, whoever serves them") {
  const auto source = std::make_shared<NoiseSource>();
  const Graph plain = wide_graph();
  const Tensors inputs = noise_inputs(plain);
  const Tensors expected = evaluate_outputs(plain, *source, inputs);
  TestLibrary nothing_more, everything(true);
  TestDenseLibrary dense;
  for (const Precision precision : kPrecisions) {
    double worst = 0;
    for (const bool optimized : {false, true}) {
      Graph g = plain;
      if (optimized) optimize(g);
      for (const auto choice :
           {cuda::ConvolutionChoice::by_rule, cuda::ConvolutionChoice::own, cuda::ConvolutionChoice::library,
            cuda::ConvolutionChoice::library_epilogue}) {
        for (TestLibrary* library : {static_cast<TestLibrary*>(nullptr), &nothing_more, &everything}) {
          LoweringOptions options = with(precision);
          options.choose = [choice](const cuda::ConvolutionProblem&) { return choice; };
          options.dense = library != nullptr ? &dense : nullptr;
          Run run(g, source, library, options);
          CAPTURE(static_cast<int>(precision));
          CAPTURE(static_cast<int>(choice));
          CAPTURE(optimized);
          const double error = worst_error(run.outputs(inputs), expected);
          CHECK(error < kBounds[static_cast<std::size_t>(precision)]);
          worst = std::max(worst, error);
        }
      }
    }
    MESSAGE("precision " << static_cast<int>(precision) << ": worst relative error " << worst);
  }
  CHECK(everything.problems.size() >= 80);
}

TEST_CASE("the same input gives the same bits again, over an arena full of the last run") {
  Graph g = wide_graph();
  optimize(g);
  const Tensors inputs = noise_inputs(g);
  TestLibrary library;
  Run run(g, std::make_shared<NoiseSource>(), &library, with(Precision::fp16));
  const Tensors first = run.outputs(inputs);
  CHECK_FALSE(same_bits(first, run.outputs(noise_inputs(g, 2))));
  CHECK(same_bits(first, run.outputs(inputs)));
}

TEST_CASE("what is left out for the merge is what the map says") {
  const auto source = std::make_shared<NoiseSource>();
  for (const Precision precision : kPrecisions) {
    for (const bool direct : {false, true}) {  // the output is the map itself
      GraphMaker m;
      ValueId x = m.convolution(conv(2), m.convolution(conv(8), m.input({2, 1, 6, 5})));
      if (!direct) x = m.upsample({UpsampleKind::nearest, 3, 2.0f}, x);
      m.output(x, "ab");
      const Tensors inputs = noise_inputs(m.graph);
      Run run(m.graph, source, nullptr, with(precision));
      const std::size_t steps = run.lowered().steps.size();
      const auto ab = run.outputs(inputs).at("ab");
      const auto made = run.from_map(inputs, 0);
      CHECK(run.lowered().steps.size() + (direct ? 1 : 2) == steps);
      CHECK(made.data == ab.data);
    }
  }
}

TEST_CASE("networks give the numbers of their definition, from their formula weights") {
  int tried = 0;
  for (const Network& network : networks()) {
    const auto source = std::make_shared<FormulaSource>(network);
    const std::string_view picture[] = {graph_outputs(network).back().name};
    const std::int64_t size = usable_side(network, std::max<std::int64_t>(16, network.size_multiple * 2));
    const Graph plain = build_graph(network, 1, size, size, {}, picture);
    std::int64_t work = 0;
    for (const Node& node : plain.nodes) work += macs(plain, node);
    if (work > 100'000'000) continue;  // minutes under a sanitizer
    ++tried;
    Graph g = plain;
    optimize(g);
    Tensors inputs = noise_inputs(g);
    for (auto& [name, tensor] : inputs) {
      if (takes_noise(network)) continue;
      for (double& v : tensor.data) v = static_cast<float>(50.0 + 50.0 * v);
    }
    const Tensors expected = evaluate_outputs(plain, *source, inputs);
    for (const Precision precision : {Precision::fp32, Precision::fp16}) {
      TestLibrary library;
      Run run(g, source, &library, with(precision));
      const double error = worst_error(run.outputs(inputs), expected);
      MESSAGE(std::string(network.name) << " precision " << static_cast<int>(precision) << ": " << error);
      CHECK(error < kBounds[static_cast<std::size_t>(precision)]);
    }
  }
  CHECK(tried > 0);
}

}  // namespace cuhue::test
