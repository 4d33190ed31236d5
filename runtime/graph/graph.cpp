#include "runtime/graph/graph.h"

#include <array>
#include <string>

#include "weights/status.h"

namespace cuhue {
namespace {

const std::vector<EpilogueStep>* epilogue_of(const Op& op) {
  if (const auto* conv = std::get_if<Convolution>(&op)) return &conv->epilogue;
  if (const auto* product = std::get_if<MatMul>(&op)) return &product->epilogue;
  if (const auto* norm = std::get_if<InstanceNorm>(&op)) return &norm->epilogue;
  return nullptr;
}

struct Visit {
  const Graph& g;
  const Node& node;

  const Dims& in() const { return g.values[static_cast<std::size_t>(node.inputs[0])].dims; }
  const Dims& out() const { return g.values[static_cast<std::size_t>(node.output)].dims; }

  std::int64_t operator()(const Convolution& c) const {
    const std::int64_t positions = c.transposed ? in().n * in().h * in().w : out().n * out().h * out().w;
    return positions * in().c * out().c * c.kernel_h * c.kernel_w;
  }
  std::int64_t operator()(const MatMul& m) const { return in().n * in().c * m.out_channels; }
  std::int64_t operator()(const AnnealedMean& a) const {
    return in().n * in().h * in().w * a.bins * (in().c + a.out_channels);
  }
  template <class Other>
  std::int64_t operator()(const Other&) const {
    return 0;
  }
};

[[noreturn]] void broken(const std::string& what) {
  throw Error(Status::internal, "graph: " + what + "; this is a defect in cuhue, please report it");
}

}  // namespace

std::vector<ValueId> uses(const Node& node) {
  std::vector<ValueId> all = node.inputs;
  if (const auto* steps = epilogue_of(node.op)) {
    for (const EpilogueStep& step : *steps) {
      if (const auto* residual = std::get_if<Residual>(&step)) all.push_back(residual->value);
    }
  }
  return all;
}

std::string_view op_name(const Op& op) {
  // The order of Op's alternatives.
  constexpr std::array<std::string_view, std::variant_size_v<Op>> names = {
      "convolution", "matmul",   "pool",    "batch_norm",    "activation",    "affine", "add",
      "concat",      "upsample", "softmax", "annealed_mean", "instance_norm", "argmax"};
  if (const auto* conv = std::get_if<Convolution>(&op)) {
    if (conv->transposed) return "transposed_convolution";
    if (conv->enlarged) return "enlarged_convolution";
  }
  return names[op.index()];
}

std::int64_t macs(const Graph& g, const Node& node) {
  return std::visit(Visit{g, node}, node.op);
}

void check_graph(const Graph& g) {
  std::vector<bool> made(g.values.size(), false);
  const auto known = [&](ValueId v) { return v >= 0 && static_cast<std::size_t>(v) < made.size(); };
  for (const Binding& input : g.inputs) {
    if (!known(input.value)) broken("input " + input.name + " has no value");
    made[static_cast<std::size_t>(input.value)] = true;
  }
  for (const Node& node : g.nodes) {
    for (const ValueId v : uses(node)) {
      if (!known(v)) broken(node.name + " reads a value that does not exist");
      if (!made[static_cast<std::size_t>(v)])
        broken(node.name + " reads " + g.values[static_cast<std::size_t>(v)].name + " before it is made");
    }
    if (!known(node.output)) broken(node.name + " makes a value that does not exist");
    if (made[static_cast<std::size_t>(node.output)])
      broken(node.name + " makes " + g.values[static_cast<std::size_t>(node.output)].name + " a second time");
    made[static_cast<std::size_t>(node.output)] = true;
  }
  for (const Binding& output : g.outputs) {
    if (!known(output.value) || !made[static_cast<std::size_t>(output.value)])
      broken("output " + output.name + " is never made");
  }
}

}  // namespace cuhue
