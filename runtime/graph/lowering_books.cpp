#include "runtime/graph/lowering_books.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "weights/status.h"

namespace cuhue {

LoweringBooks::LoweringBooks(const Graph& graph, std::span<const std::string> without)
    : graph_(graph), without_(without), uses_left_(graph.values.size()), slices_(graph.values.size()) {
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    for (const ValueId v : uses(node)) ++uses_left(v);
    if (!std::holds_alternative<Concat>(node.op)) continue;
    std::int64_t channel = 0;
    for (const ValueId v : node.inputs) {
      auto& slice = slices_[static_cast<std::size_t>(v)];
      if (!slice) slice = ConcatSlice{n, channel};
      channel += dims(v).c;
    }
  }
  for (const Binding& output : graph.outputs) ++uses_left(output.value);
}

bool LoweringBooks::allowed(std::string_view provider) const {
  return std::ranges::find(without_, provider) == without_.end();
}

void LoweringBooks::not_served() const {
  throw Error(Status::usage, "layer " + node_->name + ": no provider serves this " +
                                 std::string(op_name(node_->op)) + ": switch fewer providers off");
}

std::int64_t LoweringBooks::tensor_bytes(const Dims& dims, std::int64_t block,
                                         std::int64_t element_bytes) const {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  std::int64_t padded = 1;
  for (const std::int64_t d : {dims.n, (dims.c + block - 1) / block * block, dims.h, dims.w}) {
    if (d <= 0 || padded > kMost / d) {
      throw Error(Status::usage, "layer " + (node_ != nullptr ? node_->name : std::string("input")) +
                                     ": a tensor of " + std::to_string(dims.n) + "x" +
                                     std::to_string(dims.c) + "x" + std::to_string(dims.h) + "x" +
                                     std::to_string(dims.w) +
                                     " elements is more than one can be: use a smaller size or batch");
    }
    padded *= d;
  }
  return padded * element_bytes;
}

int LoweringBooks::scratch(std::int64_t bytes) {
  const int buffer = static_cast<int>(lives_.size());
  lives_.push_back({bytes, std::numeric_limits<int>::max(), -1});
  shared_.push_back(false);
  touch(buffer);
  return buffer;
}

void LoweringBooks::record(std::size_t step) {
  const int at = static_cast<int>(step);
  for (const int buffer : touched_) {
    life(buffer).first_step = std::min(life(buffer).first_step, at);
    life(buffer).last_step = std::max(life(buffer).last_step, at);
  }
  touched_.clear();
}

void LoweringBooks::keep(std::size_t steps) {
  kept_steps_ = steps;
  keeping_ = true;
}

void LoweringBooks::keep_to(int last_step) {
  for (BufferLife& life : lives_) {
    const auto kept = static_cast<int>(kept_steps_);
    if (life.first_step < kept && life.last_step >= kept) life.last_step = last_step;
  }
}

StepProfile LoweringBooks::profile(std::string provider, const Dims& output, std::int64_t macs) const {
  return {node_->name, std::string(op_name(node_->op)), std::move(provider), output, macs, 0.0};
}

}  // namespace cuhue
