// Single layers as the CPU backend executes them, at the sizes they have in the networks: one-layer graphs
// through Builder, passes and backend. Arguments: threads. macs counts multiply-accumulates of the direct
// form.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/graph/backend.h"
#include "runtime/graph/builder.h"

namespace cuhue {
namespace {

// Small weights that are neither equal nor zero: arithmetic on zeros can be faster.
class RampSource final : public ParamSource {
 public:
  std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const override {
    std::size_t count = 1;
    for (const std::int64_t extent : p.shape) count *= static_cast<std::size_t>(extent);
    scratch.resize(count);
    for (std::size_t i = 0; i < count; ++i) scratch[i] = static_cast<float>(i % 251 + 1) * 1e-4f;
    return scratch;
  }
};

// x [1, c, size, size] -> the layer's output.
using Layer = ValueId (*)(Builder& b, ValueId x);

void run_layer(benchmark::State& state, std::int64_t channels, std::int64_t size, Layer layer) {
  Builder b;
  b.output("y", layer(b, b.input("x", {1, channels, size, size})));
  Graph graph = b.take();
  std::int64_t work = 0;
  for (const Node& node : graph.nodes) work += macs(graph, node);

  const std::unique_ptr<Backend> backend = make_cpu_backend();
  CompileOptions options;
  options.threads = static_cast<int>(state.range(0));
  const std::unique_ptr<Program> program =
      backend->compile(std::move(graph), backend->make_weights(std::make_shared<RampSource>()), options);
  const TensorRef x = program->input("x");
  for (std::int64_t i = 0; i < x.dims.count(); ++i) x.data[i] = static_cast<float>(i % 83) * 0.01f;
  for (auto _ : state) program->run();
  state.counters["macs"] =
      benchmark::Counter(static_cast<double>(work), benchmark::Counter::kIsIterationInvariantRate);

  std::string providers;
  for (const StepProfile& step : program->profile()) {
    if (step.macs > 0) providers += (providers.empty() ? "" : ", ") + step.provider;
  }
  state.SetLabel(providers);
}

struct Case {
  const char* name;
  std::int64_t channels, size;
  Layer layer;
};

const Case kCases[] = {
    {"conv3x3/1-64/256", 1, 256,
     [](Builder& b, ValueId x) { return b.relu(b.conv(x, "w", {.out = 64, .pad = 1})); }},
    {"conv3x3_stride2/64-64/256", 64, 256,
     [](Builder& b, ValueId x) { return b.relu(b.conv(x, "w", {.out = 64, .stride = 2, .pad = 1})); }},
    {"conv3x3/256-256/64", 256, 64,
     [](Builder& b, ValueId x) { return b.relu(b.conv(x, "w", {.out = 256, .pad = 1})); }},
    {"conv3x3/512-512/32", 512, 32,
     [](Builder& b, ValueId x) { return b.relu(b.conv(x, "w", {.out = 512, .pad = 1})); }},
    {"conv3x3_relu_bn/512-512/32", 512, 32,
     [](Builder& b, ValueId x) {
       return b.batch_norm(b.relu(b.conv(x, "w", {.out = 512, .pad = 1})), "bn");
     }},
    {"conv3x3_dilation2/512-512/32", 512, 32,
     [](Builder& b, ValueId x) { return b.relu(b.conv(x, "w", {.out = 512, .pad = 2, .dilation = 2})); }},
    {"conv3x3_reflect/64-64/128", 64, 128,
     [](Builder& b, ValueId x) {
       return b.relu(b.conv(x, "w", {.out = 64, .pad = 1, .pad_mode = PadMode::reflect}));
     }},
    {"conv7x7_stride2/1-64/256", 1, 256,
     [](Builder& b, ValueId x) {
       return b.relu(b.conv(x, "w", {.out = 64, .kernel = 7, .stride = 2, .pad = 3}));
     }},
    {"conv1x1/256-313/64", 256, 64,
     [](Builder& b, ValueId x) { return b.conv(x, "w", {.out = 313, .kernel = 1}); }},
    {"conv3x3/32-2/128", 32, 128, [](Builder& b, ValueId x) { return b.conv(x, "w", {.out = 2, .pad = 1}); }},
    {"transposed4x4/512-256/32", 512, 32,
     [](Builder& b, ValueId x) {
       return b.relu(b.conv_transpose(x, "w", {.out = 256, .kernel = 4, .stride = 2, .pad = 1}));
     }},
    {"enlarged3x3/256-128/64", 256, 64,
     [](Builder& b, ValueId x) {
       return b.relu(b.conv(b.upsample(x, UpsampleKind::nearest, 2), "w", {.out = 128, .pad = 1}));
     }},
    {"transposed3x3/64-2/112", 64, 112,
     [](Builder& b, ValueId x) {
       return b.conv_transpose(x, "w", {.out = 2, .stride = 2, .pad = 1, .output_pad = 1});
     }},
    {"matmul/1001-256", 1001, 1, [](Builder& b, ValueId x) { return b.linear(x, "w", 256); }},
    {"max_pool3x3_stride2/64/128", 64, 128,
     [](Builder& b, ValueId x) { return b.pool(x, {.kernel = 3, .stride = 2, .pad = 1}); }},
};

[[maybe_unused]] const bool kRegistered = [] {
  for (const Case& c : kCases) {
    benchmark::RegisterBenchmark(
        c.name, [c](benchmark::State& state) { run_layer(state, c.channels, c.size, c.layer); })
        ->ArgName("threads")
        ->Arg(1)
        ->Arg(2)
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
  return true;
}();

}  // namespace
}  // namespace cuhue
