#include <doctest/doctest.h>

#include "runtime/networks/network.h"
#include "tests/cpu/graph_maker.h"

namespace cuhue::test {
namespace {

// Changes one tensor of another source to zeros.
class Zeroed final : public ParamSource {
 public:
  Zeroed(const ParamSource& source, std::string name) : source_(source), name_(std::move(name)) {}
  std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const override {
    const auto values = source_.fetch(p, scratch);
    if (p.name != name_) return values;
    scratch.assign(values.size(), 0.0f);
    return scratch;
  }

 private:
  const ParamSource& source_;
  std::string name_;
};

ReferenceTensor run_with(const Graph& g, std::shared_ptr<const ParamSource> source, const Tensors& inputs,
                         const CompileOptions& options, const std::string& output) {
  const auto program = compile(g, options, make_cpu_backend()->make_weights(std::move(source)));
  fill_inputs(*program, inputs);
  program->run();
  return read_outputs(*program, g).at(output);
}

void check_network(const char* name, std::int64_t n, std::int64_t h, std::int64_t w, float most,
                   const char* deep) {
  const Network& network = network_or_throw(name);
  const std::string_view only[] = {"ab"};
  const Graph g = build_graph(network, n, h, w, {}, only);
  const auto source = std::make_shared<FormulaSource>(network);
  Tensors inputs = noise_inputs(g);
  for (auto& [key, tensor] : inputs) {
    for (double& v : tensor.data) v = static_cast<float>((v + 1) * 0.5 * most);
  }
  const ReferenceTensor expected = evaluate_outputs(g, *source, inputs).at("ab");
  CompileOptions plain;
  plain.optimize = false;
  CHECK(relative_error(run_with(g, source, inputs, {}, "ab"), expected) < 1e-5);
  CHECK(relative_error(run_with(g, source, inputs, plain, "ab"), expected) < 1e-5);
  // The tolerance means something: a deep layer matters a hundred times more.
  const auto broken = std::make_shared<Zeroed>(*source, deep);
  CHECK(relative_error(run_with(g, broken, inputs, {}, "ab"), expected) > 1e-3);
}

TEST_CASE("eccv16 equals its definition in double precision") {
  check_network("eccv16", 2, 16, 24, 100.0f, "model6.2.weight");
}

TEST_CASE("lite equals its definition in double precision") {
  check_network("lite", 3, 24, 32, 1.0f, "midlevel_resnet.5.1.conv2.weight");
}

TEST_CASE("siggraph17 equals its definition in double precision") {
  check_network("siggraph17", 2, 16, 24, 1.0f, "model6.2.weight");
}

TEST_CASE("every convolution of the networks runs generated code") {
  for (const char* name : {"eccv16", "lite", "siggraph17"}) {
    const Network& network = network_or_throw(name);
    const auto source = std::make_shared<FormulaSource>(network);
    const std::string_view only[] = {"ab"};
    const auto program =
        compile(build_graph(network, 1, 32, 32, {}, only), {}, make_cpu_backend()->make_weights(source));
    for (const StepProfile& step : program->profile()) {
      CAPTURE(step.name);
      CHECK(step.provider.find("ref") == std::string::npos);
      CHECK(step.provider.find("gemm") == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace cuhue::test
