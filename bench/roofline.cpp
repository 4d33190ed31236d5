// How near each layer of a network comes to what this machine's CPU can do at most: its rate of fused
// multiply-adds and its memory's bandwidth, both measured first, in the same process on as many threads.
//
//   cuhue_bench_roofline [NETWORK [SIZE [THREADS]]]      default: every network at its own size, all threads
//
// A layer's roof is the longer of its multiplications (of the direct form) at the peak rate and its bytes
// (weights, inputs, output, each once) at the bandwidth; `of roof` is the roof over the measured time.
// Winograd's convolutions do a quarter to a half of the multiplications, so they may pass 1.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/peak_fma.h"
#include "runtime/graph/backend.h"
#include "runtime/graph/passes.h"
#include "runtime/networks/network.h"

namespace cuhue::bench {
namespace {

constexpr int kRuns = 7;

struct Machine {
  double macs_per_second, bytes_per_second;
};

struct Layer {
  std::string name, provider;
  std::int64_t macs = 0;
  double bytes = 0, seconds = 0;
};

// What a node must move at least.
double bytes_of(const Graph& g, const Node& node) {
  const auto size = [&g](ValueId v) {
    return static_cast<double>(g.values[static_cast<std::size_t>(v)].dims.count());
  };
  double floats = size(node.output);
  for (const ValueId v : uses(node)) floats += size(v);
  if (const auto* op = std::get_if<Convolution>(&node.op)) {
    double weights = 1;
    for (const std::int64_t extent : g.params[static_cast<std::size_t>(op->weight)].shape)
      weights *= static_cast<double>(extent);
    floats += weights;
  }
  return 4 * floats;
}

// The layers in order, each with the least time of a few runs; copies between layouts are layers of their
// own.
std::vector<Layer> measure(const Network& network, std::int64_t size, int threads) {
  Graph graph = build_graph(network, 1, size, size);
  optimize(graph);
  std::map<std::string, double> bytes;
  for (const Node& node : graph.nodes) bytes[node.name] += bytes_of(graph, node);
  const auto backend = make_cpu_backend();
  const auto program =
      backend->compile(std::move(graph), backend->make_weights(std::make_shared<FormulaSource>(network)),
                       {.threads = threads, .optimize = false, .without = {}});
  for (const TensorSpec& input : network.inputs) {
    const TensorRef x = program->input(input.name);
    for (std::int64_t i = 0; i < x.dims.count(); ++i) x.data[i] = static_cast<float>(i * 37 % 101) / 101.0f;
  }
  std::vector<Layer> layers;
  for (int run = 0; run < kRuns; ++run) {
    const auto steps = program->profile();
    if (run == 0) {
      for (const StepProfile& s : steps) {
        const bool copy = s.op == "reorder";
        layers.push_back({s.name, s.op + ", " + s.provider, s.macs, 0, s.seconds});
        auto moved = bytes.find(s.name);
        if (copy) {
          layers.back().bytes = 8.0 * static_cast<double>(s.output.count());
        } else if (moved != bytes.end()) {  // of the node's first step
          layers.back().bytes = moved->second;
          bytes.erase(moved);
        }
      }
    }
    for (std::size_t i = 0; i < layers.size(); ++i)
      layers[i].seconds = std::min(layers[i].seconds, steps[i].seconds);
  }
  return layers;
}

double roof_of(const Layer& layer, const Machine& machine) {
  return std::max(static_cast<double>(layer.macs) / machine.macs_per_second,
                  layer.bytes / machine.bytes_per_second);
}

void report(const Network& network, std::int64_t size, int threads, const Machine& machine) {
  const std::vector<Layer> layers = measure(network, size, threads);
  Layer all;
  double roof = 0;
  for (const Layer& layer : layers) {
    all.seconds += layer.seconds;
    all.macs += layer.macs;
    roof += roof_of(layer, machine);
  }
  std::printf("%s %lldx%lld, %d threads: %.2f ms, %.1f GMAC/s of the direct form, %.2f of the roof\n",
              std::string(network.name).c_str(), static_cast<long long>(size), static_cast<long long>(size),
              threads, 1e3 * all.seconds, 1e-9 * static_cast<double>(all.macs) / all.seconds,
              roof / all.seconds);
  std::printf("%9s %6s %8s %8s %8s  layer\n", "ms", "share", "GMAC/s", "GB/s", "of roof");
  for (const Layer& layer : layers) {
    std::printf("%9.3f %5.1f%% %8.1f %8.1f %8.2f  %s (%s)\n", 1e3 * layer.seconds,
                100 * layer.seconds / all.seconds, 1e-9 * static_cast<double>(layer.macs) / layer.seconds,
                1e-9 * layer.bytes / layer.seconds, roof_of(layer, machine) / layer.seconds,
                layer.name.c_str(), layer.provider.c_str());
  }
}

int run(int argc, char** argv) {
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const int threads = argc > 3 ? std::max(1, std::atoi(argv[3])) : cores;
  const Machine machine = {peak_macs_per_second(threads), peak_bytes_per_second(threads)};
  std::printf("this machine, %d threads: %.1f GMAC/s (%s), %.1f GB/s\n", threads,
              1e-9 * machine.macs_per_second, peak_instructions(), 1e-9 * machine.bytes_per_second);
  for (const Network& network : networks()) {
    if (argc > 1 && network.name != argv[1]) continue;
    const std::int64_t size = argc > 2 ? std::atoll(argv[2]) : network.default_size;
    check_size(network, 1, size, size);
    report(network, size, threads, machine);
  }
  return 0;
}

}  // namespace
}  // namespace cuhue::bench

int main(int argc, char** argv) {
  try {
    if (argc > 1) cuhue::network_or_throw(argv[1]);
    return cuhue::bench::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "cuhue_bench_roofline: %s\n", e.what());
    return 2;
  }
}
