// All networks as programs of our own kernels, and the two of deep-koalarization: what runs side by side, and
// in how many launches.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/cuda/lowering.h"
#include "runtime/graph/passes.h"
#include "runtime/networks/network.h"
#include "tests/cuda/lowering_support.h"
#include "tests/support/disjoint.h"

namespace cuhue::test {
namespace {

constexpr Precision kPrecisions[] = {Precision::fp32, Precision::tf32, Precision::fp16};
const char* const kPrecisionNames[] = {"fp32", "tf32", "fp16"};

cuda::Lowered lowered(const char* name, std::string_view output, Precision precision,
                      const Settings& settings, const std::vector<std::string>& keep) {
  const Network& network = network_or_throw(name);
  Graph g = build_graph(network, 1, network.default_size, network.default_size, settings, {&output, 1});
  optimize(g);
  keep_first(g, keep);
  PaperWeights weights;
  cuda::LoweringOptions options;
  options.precision = precision;
  cuda::Lowered result = cuda::lower(g, weights, nullptr, options);
  CHECK(weights.clashes() == 0);
  CHECK(disjoint(result.buffers, plan_memory(result.buffers, cuda::kDeviceAlignment)));
  return result;
}

TEST_CASE("every layer of every network is served by a kernel of ours, in every precision") {
  for (const Network& network : networks()) {
    std::size_t steps = 0;
    for (const Precision precision : kPrecisions) {
      Graph g = build_graph(network, 1, network.default_size, network.default_size);
      optimize(g);
      PaperWeights weights;
      cuda::LoweringOptions options;
      options.precision = precision;
      const cuda::Lowered program = cuda::lower(g, weights, nullptr, options);
      CHECK(program.steps.size() > 1);
      for (const cuda::PlannedStep& step : program.steps) CHECK(step.launches > 0);
      steps = std::max(steps, program.steps.size());
    }
    MESSAGE("fact: lowered " << std::string(network.name) << " " << steps);
  }
}

TEST_CASE(
    "koalarization: the encoder does not wait for the features, the fusion is one convolution's epilogue") {
  for (const Precision precision : kPrecisions) {
    const cuda::Lowered colours = lowered("koalarization", "ab", precision, {{"units", 1.0}}, {"l"});
    REQUIRE(colours.maps[0].has_value());
    // Eight layers of the encoder, and the shift of its input; the other inputs come behind.
    std::vector<std::string> beside;
    for (std::size_t i = 0; i < colours.kept_steps; ++i) beside.push_back(colours.steps[i].about.op);
    CHECK(std::ranges::count(beside, "convolution") == 8);
    CHECK(colours.kept_steps <= 9);
    CHECK(colours.kept_inputs == 1);
    CHECK(colours.inputs[0].name == "l");
    CHECK(colours.inputs[1].name == "embedding");
    // Nothing that is kept for the fusion or the next photo is a large value.
    std::int64_t whole_life = 0;
    for (const BufferLife& life : colours.buffers) {
      if (life.first_step < static_cast<int>(colours.kept_steps) &&
          life.last_step + 1 == static_cast<int>(colours.steps.size()))
        whole_life += life.bytes;
    }
    CHECK(whole_life <= (224 * 224 + 28 * 28 * 256 + 1001) * 4);
    const cuda::Lowered features = lowered("inception-resnet-v2", "logits", precision, {}, {});
    CHECK(features.inputs[0].dims == Dims{1, 3, 299, 299});
    CHECK(features.outputs[0].dims.count() == 1001);
    const int of_colours = launches(colours, colours.maps[0]->first_step);
    const int of_features = launches(features, features.steps.size());
    MESSAGE("a photo in " << std::string(kPrecisionNames[static_cast<int>(precision)]) << ": " << of_features
                          << " kernels of the features beside " << launches(colours, colours.kept_steps)
                          << " of " << of_colours << " of the colours (" << steps_by_op(colours) << "; "
                          << steps_by_op(features) << ")");
    CHECK(of_colours <= 24);
    // 245 layers, of which many of few pixels split their sums: a launch more each.
    CHECK(of_features <= 460);
  }
}

}  // namespace
}  // namespace cuhue::test
