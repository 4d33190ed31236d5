// Every network on CUDA against the CPU: its outputs in every precision, and every intermediate value in
// fp32.
#include <algorithm>
#include <cmath>
#include <string>

#include <doctest/doctest.h>

#include "tests/gpu/gpu_support.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

// What a precision promises, of the largest value of an output.
double bound_of(Precision precision) {
  return precision == Precision::fp32 ? 1e-4 : 1e-2;
}

std::unique_ptr<Program> compiled(Backend& backend, const Network& network, Graph graph) {
  return backend.compile(std::move(graph), backend.make_weights(std::make_shared<FormulaSource>(network)),
                         {});
}

// For the executor, see kMostWork.
bool too_much([[maybe_unused]] const Graph& graph) {
#if defined(CUHUE_GPU_TESTS_SMALL)
  std::int64_t work = 0;
  for (const Node& node : graph.nodes) work += macs(graph, node);
  return work > kMostWork;
#else
  return false;
#endif
}

// Every value that some layer makes, as an output. Nothing can be fused then: this is the plain form of each
// layer.
Graph with_taps(Graph graph) {
  graph.outputs.clear();
  for (const Node& node : graph.nodes) graph.outputs.push_back({"tap " + node.name, node.output});
  return graph;
}

// Where the labels differ: how much lower the score of the GPU's is than that of the best, of the largest
// score. Two that are closer than rounding may change places.
double label_error(const TensorRef& gpu, const TensorRef& cpu, const TensorRef& scores) {
  const std::int64_t plane = scores.dims.h * scores.dims.w;
  double error = 0, most = 0;
  for (std::int64_t i = 0; i < scores.dims.count(); ++i)
    most = std::max(most, std::abs(static_cast<double>(scores.data[i])));
  for (std::int64_t i = 0; i < cpu.dims.count(); ++i) {
    const auto label = static_cast<std::int64_t>(gpu.data[i]);
    if (static_cast<float>(label) != gpu.data[i] || label < 0 || label >= scores.dims.c) return 1e30;
    const float* pixel = scores.data + i / plane * scores.dims.c * plane + i % plane;
    const double best = pixel[static_cast<std::int64_t>(cpu.data[i]) * plane], its = pixel[label * plane];
    error = std::max(error, (best - its) / most);
  }
  return error;
}

double error_of(Program& gpu, Program& cpu, const Graph& graph, const Binding& output) {
  const auto maker = std::ranges::find(graph.nodes, output.value, &Node::output);
  if (maker != graph.nodes.end() && std::holds_alternative<Argmax>(maker->op)) {
    const auto scores = std::ranges::find(graph.outputs, maker->inputs[0], &Binding::value);
    if (scores != graph.outputs.end())  // both of its scores are off by the bound at most
      return label_error(gpu.output(output.name), cpu.output(output.name), cpu.output(scores->name)) / 2;
  }
  return relative_error(gpu.output(output.name), cpu.output(output.name));
}

void check_parity(Program& gpu, Program& cpu, const Graph& graph, const std::string& where, double bound) {
  gpu.run();
  cpu.run();
  double worst = 0;
  std::string worst_name;
  for (const Binding& output : graph.outputs) {
    const double error = error_of(gpu, cpu, graph, output);
    CAPTURE(output.name);
    CHECK(error <= bound);
    if (error >= worst) {
      worst = error;
      worst_name = output.name;
    }
  }
  note_fact(R"({"fact": "parity", )" + where + R"(, "worst": ")" + worst_name + R"(", "error": )" +
            std::to_string(worst * 1e6) + R"(e-6, "bound": )" + std::to_string(bound) + "}");
}

std::string place(const Network& network, Precision precision, std::int64_t side, const char* what) {
  return R"("network": ")" + std::string(network.name) + R"(", "precision": ")" + name_of(precision) +
         R"(", "side": )" + std::to_string(side) + R"(, "of": ")" + what + "\"";
}

}  // namespace

TEST_SUITE("parity") {
  TEST_CASE("the outputs of every network, as on the CPU") {
    for (const Network& network : networks()) {
      if (left_out(network, kMostWork)) continue;
      const std::int64_t side = test_side(network);
      const Graph graph = build_graph(network, 1, side, side);
      const auto cpu = make_cpu_backend();
      const auto reference = compiled(*cpu, network, graph);
      fill_inputs(network, *reference);
      for (const Precision precision : kPrecisions) {
        CAPTURE(network.name);
        CAPTURE(name_of(precision));
        const auto cuda = cuda_backend(precision);
        const auto program = compiled(*cuda, network, graph);
        fill_inputs(network, *program);
        check_parity(*program, *reference, graph, place(network, precision, side, "outputs"),
                     bound_of(precision));
      }
    }
  }

  TEST_CASE("every intermediate value, unfused") {
    for (const Network& network : networks()) {
      if (left_out(network, kMostWork)) continue;
      const std::int64_t side = test_side(network);
      const Graph graph = with_taps(build_graph(network, 1, side, side));
      const auto cpu = make_cpu_backend();
      const auto cuda = cuda_backend(Precision::fp32);
      const auto reference = compiled(*cpu, network, graph), program = compiled(*cuda, network, graph);
      fill_inputs(network, *reference);
      fill_inputs(network, *program);
      CAPTURE(network.name);
      check_parity(*program, *reference, graph, place(network, Precision::fp32, side, "taps"), 1e-4);
    }
  }

  TEST_CASE("the parts of detectors, every output, as on the CPU") {
    for (const Network& network : networks()) {
      for (const NetworkPart& part : network.parts) {
        const std::int64_t side = test_side(network), batch = &part == &network.parts.front() ? 1 : 4;
        const Graph graph = build_part(network, part.name, batch, side, side);
        if (too_much(graph)) continue;
        const auto cpu = make_cpu_backend();
        const auto reference = compiled(*cpu, network, graph);
        fill_inputs(part.inputs, *reference);
        for (const Precision precision : kPrecisions) {
          CAPTURE(network.name);
          CAPTURE(part.name);
          CAPTURE(name_of(precision));
          const auto cuda = cuda_backend(precision);
          const auto program = compiled(*cuda, network, graph);
          fill_inputs(part.inputs, *program);
          check_parity(*program, *reference, graph,
                       place(network, precision, side, ("part " + std::string(part.name)).c_str()),
                       bound_of(precision));
        }
      }
    }
  }

  TEST_CASE("batches and odd sizes") {
    for (const Network& network : networks()) {
      if (left_out(network)) continue;
      const std::int64_t h = usable_side(network, network.size_multiple * 3),
                         w = usable_side(network, network.size_multiple * 2);
      const Graph graph = build_graph(network, 3, h, w);
      const auto cpu = make_cpu_backend();
      const auto cuda = cuda_backend(Precision::fp32);
      const auto reference = compiled(*cpu, network, graph), program = compiled(*cuda, network, graph);
      fill_inputs(network, *reference);
      fill_inputs(network, *program);
      CAPTURE(network.name);
      check_parity(*program, *reference, graph, place(network, Precision::fp32, h, "batch of 3"), 1e-4);
    }
  }
}
