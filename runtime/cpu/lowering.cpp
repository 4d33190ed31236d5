#include "runtime/cpu/lowering.h"

#include <algorithm>
#include <utility>

#include "kernels/reorder/reorder.h"
#include "runtime/cpu/providers.h"

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
    : LoweringBooks(graph, without),
      weights_(weights),
      places_(graph.values.size()),
      copies_(graph.values.size()) {}

Lowered Lowering::run() {
  place_inputs();
  for (std::size_t i = 0; i < graph().nodes.size(); ++i) {
    if (i > 0 && i == graph().kept_nodes) keep(lowered_.steps.size());
    lower(graph().nodes[i]);
  }
  place_outputs();
  lowered_.kept_steps = kept_steps();
  lowered_.buffers = take_lives();
  return std::move(lowered_);
}

void Lowering::place_inputs() {
  for (const Binding& input : graph().inputs) {
    const Place place = new_buffer(dims(input.value), 1);
    share(place.buffer);
    places_[index(input.value)] = place;
    lowered_.inputs.emplace_back(input.name, place);
  }
  touched().clear();
}

// Inputs and outputs keep their memory for the whole run: what the caller wrote stays, what he reads is last.
void Lowering::place_outputs() {
  for (const Binding& output : graph().outputs) {
    Place place = *places_[index(output.value)];
    const bool is_input = std::ranges::any_of(
        lowered_.inputs, [&](const auto& input) { return input.second.buffer == place.buffer; });
    const bool as_made = output.layout == OutputLayout::as_made;
    if (is_input || (!as_made && (!place.dense() || !same_memory(place, 1)))) {
      begin(nullptr);
      place = copied(place, 1, output.name);
    }
    if (!as_made) place.block = 1;
    lowered_.outputs.emplace_back(output.name, place);
  }
  const int last = std::max(0, static_cast<int>(lowered_.steps.size()) - 1);
  for (const auto& [name, place] : lowered_.outputs) life(place.buffer).last_step = last;
  for (const auto& [name, place] : lowered_.inputs) {
    life(place.buffer).first_step = 0;
    life(place.buffer).last_step = last;
  }
  keep_to(last);
}

void Lowering::lower(const Node& node) {
  begin(&node);
  const bool served = std::ranges::any_of(kProviders, [&](const Provider& provider) {
    touched().clear();
    return allowed(provider.name) && provider.serve(node, *this);
  });
  if (!served) not_served();
  for (const ValueId v : uses(node)) --uses_left(v);
}

Place Lowering::new_buffer(const Dims& dims, std::int64_t block) {
  Place place;
  place.buffer = scratch(tensor_bytes(dims, block, sizeof(float)));
  place.dims = dims;
  place.block = block;
  place.batch_stride = place.image();
  return place;
}

Place Lowering::temporary(const Dims& dims, std::int64_t block) {
  return new_buffer(dims, block);
}

std::optional<Place> Lowering::slice_place(ValueId v, std::int64_t block, bool dense) {
  const auto& part_of = slice(v);
  const bool whole_has_it = block == 1 || is_channel_block(block);  // unlike channels last
  if (!part_of || !whole_has_it || (dense && dims(v).n > 1)) return std::nullopt;
  auto whole = concats_.find(part_of->node);
  if (whole == concats_.end()) {
    const Node& concat = graph().nodes[part_of->node];
    std::int64_t channel = 0;
    for (const ValueId part : concat.inputs) {
      if (channel % block != 0) return std::nullopt;
      channel += dims(part).c;
    }
    const Place place = place_of_output(concat.output, block, false);
    share(place.buffer);
    whole = concats_.emplace(part_of->node, place).first;
  }
  Place place = whole->second;
  if (place.block != block) return std::nullopt;
  place.offset += part_of->channel * place.dims.h * place.dims.w;
  place.dims = dims(v);
  return place;
}

Place Lowering::place_of_output(ValueId v, std::int64_t block, bool dense) {
  if (const auto part = slice_place(v, block, dense)) return *part;
  return new_buffer(dims(v), block);
}

Place Lowering::write(std::int64_t block, bool dense) {
  const ValueId v = node()->output;
  // A concatenation whose parts are in place already has its buffer.
  const auto made = concats_.find(static_cast<std::size_t>(node() - graph().nodes.data()));
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
    copy = copies_[index(v)].emplace(block, copied(place, block, graph().values[index(v)].name)).first;
  }
  touch(copy->second.buffer);
  return copy->second;
}

Place Lowering::copied(const Place& from, std::int64_t block, const std::string& name) {
  std::vector<int> outer;
  outer.swap(touched());
  const Place to = new_buffer(from.dims, block);
  touch(from.buffer);
  record(lowered_.steps.size());
  lowered_.steps.push_back(
      {std::make_unique<ReorderStep>(from, to), {name, "reorder", "kernels", from.dims, 0, 0.0}});
  touched().swap(outer);
  return to;
}

bool Lowering::may_overwrite(ValueId v) const {
  const Place& place = *places_[index(v)];
  return uses_left(v) == 1 && !shared(place.buffer) && place.dense() && !slice(node()->output);
}

Place Lowering::overwrite(ValueId v) {
  const Place place = *places_[index(v)];
  touch(place.buffer);
  places_[index(node()->output)] = place;
  return place;
}

void Lowering::emit(std::unique_ptr<Step> step, std::string provider, const Dims& output, std::int64_t macs,
                    std::initializer_list<Place> also) {
  for (const Place& place : also) touch(place.buffer);
  record(lowered_.steps.size());
  lowered_.steps.push_back({std::move(step), profile(std::move(provider), output, macs)});
}

}  // namespace cuhue::cpu
