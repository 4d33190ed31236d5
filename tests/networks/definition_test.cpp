// The networks' definitions alone, without any backend: the graph in double precision against PyTorch.
#include <doctest/doctest.h>

#include "runtime/graph/passes.h"
#include "tests/networks/golden.h"
#include "tests/support/reference_interpreter.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

constexpr double kTolerance = 1e-5;  // PyTorch's own rounding in float32

const char* const kGoldens[] = {"eccv16_16x24_2.json",
                                "lite_16x24_2.json",
                                "siggraph17_16x24_2_hints_mask_cent0.5.json",
                                "masks-gan_64x64_2_halves.json",
                                "masks-gan_64x96_1_halves_norm1.json",
                                "segnet_32x64_1.json",
                                "colornet_64x64_1_blocks.json",
                                "koalarization_16x24_2.json"};

std::map<std::string, ReferenceTensor> inputs_of(const Golden& golden) {
  const Graph g = golden_graph(golden);
  const auto values = golden_inputs(golden);
  std::map<std::string, ReferenceTensor> inputs;
  for (const Binding& input : g.inputs) {
    ReferenceTensor x = make_tensor(g.values[static_cast<std::size_t>(input.value)].dims);
    x.data.assign(values.at(input.name).begin(), values.at(input.name).end());
    REQUIRE(x.data.size() == static_cast<std::size_t>(x.dims.count()));
    inputs.emplace(input.name, std::move(x));
  }
  return inputs;
}

}  // namespace

TEST_CASE("definitions: every layer of each network computes what PyTorch's does") {
  for (const char* file : kGoldens) {
    const Golden golden = read_golden(file);
    const Graph g = golden_graph(golden);
    const auto values = evaluate(g, FormulaSource(*golden.network), inputs_of(golden));
    std::size_t found = 0;
    double worst = 0;
    for (std::size_t v = 0; v < values.size(); ++v) {
      const auto tap = golden.taps.find(g.values[v].name);
      if (tap == golden.taps.end()) continue;
      ++found;
      const double error = error_of(tap->second, values[v].dims, values[v].data);
      INFO(tap->first);
      CHECK(error < kTolerance);
      worst = std::max(worst, error);
    }
    CHECK(found == golden.taps.size());
    for (const Binding& b : g.outputs) {
      const ReferenceTensor& value = values[static_cast<std::size_t>(b.value)];
      const double error = error_of(golden.outputs.at(b.name), value.dims, value.data);
      INFO(b.name);
      CHECK(error < kTolerance);
      worst = std::max(worst, error);
    }
    MESSAGE(golden.label << ": " << found << " taps, worst error " << worst);
  }
}

TEST_CASE("definitions: the optimized graph computes the same outputs") {
  for (const char* file : kGoldens) {
    const Golden golden = read_golden(file);
    const std::string_view picture[] = {picture_of(golden)};
    Graph g = golden_graph(golden, picture);
    optimize(g);
    const auto outputs = evaluate_outputs(g, FormulaSource(*golden.network), inputs_of(golden));
    const std::string name(picture[0]);
    const ReferenceTensor& value = outputs.at(name);
    CHECK(error_of(golden.outputs.at(name), value.dims, value.data) < kTolerance);
  }
}
