#include "runtime/cpu/lowering.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/reorder/reorder.h"
#include "runtime/cpu/providers.h"
#include "weights/status.h"

namespace cuhue::cpu {
namespace {

class ReorderStep final : public Step {
 public:
  ReorderStep(const Place& from, const Place& to) : from_(from), to_(to) {}
  void bind(const Memory& memory) override { params_ = {memory.tensor(from_), memory.tensor(to_)}; }
  void run() override { reorder_cpu(params_); }

 private:
  Place from_, to_;
  ReorderParams params_;
};

// Do both layouts put every element at the same address?
bool same_memory(const Place& p, std::int64_t block) {
  if (p.block == block) return true;
  return p.dims.h * p.dims.w == 1 && p.dims.c % p.block == 0 && p.dims.c % block == 0;
}

std::size_t index(int i) {
  return static_cast<std::size_t>(i);
}

}  // namespace

Lowering::Lowering(const Graph& graph, CpuWeights& weights, std::span<const std::string> without)
    : graph_(graph), weights_(weights), without_(without) {
  places_.resize(graph.values.size());
  copies_.resize(graph.values.size());
  uses_left_.resize(graph.values.size());
  slices_.resize(graph.values.size());
}

Lowered Lowering::run() {
  count_uses();
  find_slices();
  place_inputs();
  for (const Node& node : graph_.nodes) lower(node);
  place_outputs();
  return std::move(lowered_);
}

bool Lowering::allowed(std::string_view provider) const {
  return std::ranges::find(without_, provider) == without_.end();
}

LayerParams Lowering::layer_params(const std::string& name, ParamId weight, ParamId bias,
                                   const std::optional<BatchNormParams>& norm, bool transposed) const {
  return cuhue::layer_params(graph_, name, weight, bias, norm, transposed);
}

void Lowering::count_uses() {
  for (const Node& node : graph_.nodes) {
    for (const ValueId v : uses(node)) ++uses_left_[index(v)];
  }
  for (const Binding& output : graph_.outputs) ++uses_left_[index(output.value)];
}

void Lowering::find_slices() {
  for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
    const Node& node = graph_.nodes[n];
    if (!std::holds_alternative<Concat>(node.op)) continue;
    std::int64_t channel = 0;
    for (const ValueId v : node.inputs) {
      if (!slices_[index(v)]) slices_[index(v)] = ConcatSlice{n, channel};
      channel += dims(v).c;
    }
  }
}

void Lowering::place_inputs() {
  for (const Binding& input : graph_.inputs) {
    const Place place = new_buffer(dims(input.value), 1);
    shared_[index(place.buffer)] = true;
    places_[index(input.value)] = place;
    lowered_.inputs.emplace_back(input.name, place);
  }
  touched_.clear();
}

// Inputs and outputs keep their memory for the whole run: what the caller wrote stays, what he reads is last.
void Lowering::place_outputs() {
  for (const Binding& output : graph_.outputs) {
    Place place = *places_[index(output.value)];
    const bool is_input = std::ranges::any_of(
        lowered_.inputs, [&](const auto& input) { return input.second.buffer == place.buffer; });
    if (is_input || !place.dense() || !same_memory(place, 1)) {
      node_ = nullptr;
      place = copied(place, 1, output.name);
    }
    place.block = 1;
    lowered_.outputs.emplace_back(output.name, place);
  }
  const int last = std::max(0, static_cast<int>(lowered_.steps.size()) - 1);
  for (const auto& [name, place] : lowered_.outputs) lowered_.buffers[index(place.buffer)].last_step = last;
  for (const auto& [name, place] : lowered_.inputs) {
    auto& life = lowered_.buffers[index(place.buffer)];
    life.first_step = 0;
    life.last_step = last;
  }
}

void Lowering::lower(const Node& node) {
  node_ = &node;
  const bool served = std::ranges::any_of(kProviders, [&](const Provider& provider) {
    touched_.clear();
    return allowed(provider.name) && provider.serve(node, *this);
  });
  if (!served) {
    throw Error(Status::usage, "layer " + node.name + ": no provider serves this " +
                                   std::string(op_name(node.op)) + ": switch fewer providers off");
  }
  for (const ValueId v : uses(node)) --uses_left_[index(v)];
}

Place Lowering::new_buffer(const Dims& dims, std::int64_t block) {
  // Kernels and oneDNN's generated code index with 32 bits.
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
  Place place;
  place.buffer = scratch(padded * static_cast<std::int64_t>(sizeof(float)));
  place.dims = dims;
  place.block = block;
  place.batch_stride = place.image();
  return place;
}

int Lowering::scratch(std::int64_t bytes) {
  const int buffer = static_cast<int>(lowered_.buffers.size());
  lowered_.buffers.push_back({bytes, std::numeric_limits<int>::max(), -1});
  shared_.push_back(false);
  touch(buffer);
  return buffer;
}

Place Lowering::temporary(const Dims& dims, std::int64_t block) {
  return new_buffer(dims, block);
}

std::optional<Place> Lowering::slice_place(ValueId v, std::int64_t block, bool dense) {
  const auto& slice = slices_[index(v)];
  if (!slice || (dense && dims(v).n > 1)) return std::nullopt;
  auto whole = concats_.find(slice->node);
  if (whole == concats_.end()) {
    const Node& concat = graph_.nodes[slice->node];
    std::int64_t channel = 0;
    for (const ValueId part : concat.inputs) {
      if (channel % block != 0) return std::nullopt;
      channel += dims(part).c;
    }
    const Place place = place_of_output(concat.output, block, false);
    shared_[index(place.buffer)] = true;
    whole = concats_.emplace(slice->node, place).first;
  }
  Place place = whole->second;
  if (place.block != block) return std::nullopt;
  place.offset += slice->channel * place.dims.h * place.dims.w;
  place.dims = dims(v);
  return place;
}

Place Lowering::place_of_output(ValueId v, std::int64_t block, bool dense) {
  if (const auto slice = slice_place(v, block, dense)) return *slice;
  return new_buffer(dims(v), block);
}

Place Lowering::write(std::int64_t block, bool dense) {
  const ValueId v = node_->output;
  // A concatenation whose parts are in place already has its buffer.
  const auto made = concats_.find(static_cast<std::size_t>(node_ - graph_.nodes.data()));
  const Place place = made != concats_.end() ? made->second : place_of_output(v, block, dense);
  touch(place.buffer);
  places_[index(v)] = place;
  return place;
}

Place Lowering::read(ValueId v, std::int64_t block, bool dense) {
  const Place& place = *places_[index(v)];
  if (same_memory(place, block) && (!dense || place.dense())) {
    touch(place.buffer);
    Place same = place;
    same.block = block;
    return same;
  }
  auto copy = copies_[index(v)].find(block);
  if (copy == copies_[index(v)].end()) {
    copy = copies_[index(v)].emplace(block, copied(place, block, graph_.values[index(v)].name)).first;
  }
  touch(copy->second.buffer);
  return copy->second;
}

Place Lowering::copied(const Place& from, std::int64_t block, const std::string& name) {
  std::vector<int> outer;
  outer.swap(touched_);
  const Place to = new_buffer(from.dims, block);
  touch(from.buffer);
  const int step = static_cast<int>(lowered_.steps.size());
  for (const int buffer : touched_) {
    auto& life = lowered_.buffers[index(buffer)];
    life.first_step = std::min(life.first_step, step);
    life.last_step = std::max(life.last_step, step);
  }
  lowered_.steps.push_back(
      {std::make_unique<ReorderStep>(from, to), {name, "reorder", "kernels", from.dims, 0, 0.0}});
  touched_.swap(outer);
  return to;
}

bool Lowering::may_overwrite(ValueId v) const {
  const Place& place = *places_[index(v)];
  return uses_left_[index(v)] == 1 && !shared_[index(place.buffer)] && place.dense() &&
         !slices_[index(node_->output)];
}

Place Lowering::overwrite(ValueId v) {
  const Place place = *places_[index(v)];
  touch(place.buffer);
  places_[index(node_->output)] = place;
  return place;
}

void Lowering::emit(std::unique_ptr<Step> step, std::string provider, const Dims& output, std::int64_t macs,
                    std::initializer_list<Place> also) {
  for (const Place& place : also) touch(place.buffer);
  const int at = static_cast<int>(lowered_.steps.size());
  for (const int buffer : touched_) {
    auto& life = lowered_.buffers[index(buffer)];
    life.first_step = std::min(life.first_step, at);
    life.last_step = std::max(life.last_step, at);
  }
  touched_.clear();
  lowered_.steps.push_back(
      {std::move(step),
       {node_->name, std::string(op_name(node_->op)), std::move(provider), output, macs, 0.0}});
}

}  // namespace cuhue::cpu
