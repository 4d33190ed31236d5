#include "runtime/graph/passes.h"
#include "runtime/networks/network.h"
#include "tests/graph/graph_helpers.h"
#include "tests/graph/random_graph.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

struct Pass {
  const char* name;
  void (*run)(Graph&);
};
constexpr Pass kPasses[] = {{"fold_subsampling", fold_subsampling},
                            {"fold_batch_norm", fold_batch_norm},
                            {"fuse_annealed_mean", fuse_annealed_mean},
                            {"fuse_epilogues", fuse_epilogues},
                            {"fuse_scale", fuse_scale},
                            {"fuse_enlarging", fuse_enlarging},
                            {"remove_dead", remove_dead},
                            {"optimize", optimize}};

void check_same(const std::map<std::string, ReferenceTensor>& after,
                const std::map<std::string, ReferenceTensor>& before) {
  REQUIRE(after.size() == before.size());
  for (const auto& output : before) {
    INFO(output.first);
    CHECK(relative_error(after.at(output.first), output.second) < 1e-12);
  }
}

}  // namespace

TEST_CASE("passes do not change what a random graph computes") {
  const Network generic;  // formula weights with the usual gain
  const FormulaSource source(generic);
  std::map<std::string, int> rewrites;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Graph g = random_graph(seed);
    check_graph(g);
    const auto inputs = random_inputs(g, seed);
    const auto before = evaluate_outputs(g, source, inputs);
    for (const Pass& pass : kPasses) {
      INFO("seed " << seed << ", pass " << std::string(pass.name));
      Graph rewritten = g;
      pass.run(rewritten);
      check_graph(rewritten);
      CHECK(rewritten.params.size() == g.params.size());
      CHECK(rewritten.nodes.size() <= g.nodes.size());
      rewrites[pass.name] += rewritten.nodes.size() < g.nodes.size();
      check_same(evaluate_outputs(rewritten, source, inputs), before);
    }
  }
  // The graphs are of a kind that every pass has work with.
  for (const Pass& pass : kPasses) {
    INFO(std::string(pass.name) << " rewrote " << rewrites[pass.name] << " of 400 graphs");
    CHECK(rewrites[pass.name] >= 20);
  }
}

TEST_CASE("passes in any order do not change what a random graph computes") {
  const Network generic;
  const FormulaSource source(generic);
  for (std::uint64_t seed = 1000; seed < 1200; ++seed) {
    const Graph g = random_graph(seed);
    const auto inputs = random_inputs(g, seed);
    Graph rewritten = g;
    std::uint64_t order = seed * 7919;
    for (int i = 0; i < 8; ++i, order /= std::size(kPasses))
      kPasses[order % std::size(kPasses)].run(rewritten);
    INFO("seed " << seed);
    check_graph(rewritten);
    check_same(evaluate_outputs(rewritten, source, inputs), evaluate_outputs(g, source, inputs));
  }
}

TEST_CASE("optimize leaves nothing to do for itself") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Graph once = random_graph(seed);
    optimize(once);
    Graph twice = once;
    optimize(twice);
    INFO("seed " << seed);
    CHECK(op_names(twice) == op_names(once));
    CHECK(twice.values.size() == once.values.size());
  }
}
