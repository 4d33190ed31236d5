#include "runtime/cuda/lowering.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "kernels/pack/pack.h"
#include "runtime/cuda/providers.h"

namespace cuhue::cuda {
namespace {

// Values of few channels stay in f32: they are small, and no tensor core takes them.
constexpr std::int64_t kFewChannels = 4;

class PackStep final : public Step {
 public:
  PackStep(int planes, const Place& out) : planes_(planes), out_(out) {}
  void bind(const Addresses& at) override {
    params_ = {reinterpret_cast<const float*>(at.bytes(planes_)), at.tensor(out_)};
  }
  void run(Stream stream) override { pack_cuda(params_, stream); }

 private:
  int planes_;
  Place out_;
  PackDeviceParams params_;
};

class UnpackStep final : public Step {
 public:
  UnpackStep(const Place& x, int planes) : x_(x), planes_(planes) {}
  void bind(const Addresses& at) override {
    params_ = {at.tensor(x_), reinterpret_cast<float*>(at.bytes(planes_))};
  }
  void run(Stream stream) override { unpack_cuda(params_, stream); }

 private:
  Place x_;
  int planes_;
  UnpackDeviceParams params_;
};

// Do planes and channels last put every element at the same address?
bool planes_are_pixels(const Dims& d) {
  return d.c == 1 || d.h * d.w == 1;
}

std::size_t index(int i) {
  return static_cast<std::size_t>(i);
}

bool is_scalar_affine(const std::vector<EpilogueStep>& ops) {
  return ops.size() == 1 && std::holds_alternative<ScalarAffine>(ops[0]);
}

}  // namespace

Lowering::Lowering(const Graph& graph, WeightStore& weights, ConvolutionLibrary* library,
                   const LoweringOptions& options)
    : LoweringBooks(graph, options.without),
      weights_(weights),
      library_(library),
      options_(options),
      places_(graph.values.size()),
      only_reader_(graph.values.size()),
      in_float_(graph.values.size()),
      outputs_(graph.outputs.size()) {
  for (const Node& node : graph.nodes) {
    for (const ValueId v : uses(node)) only_reader_[index(v)] = uses_left(v) == 1 ? &node : nullptr;
    const bool scores = std::holds_alternative<Softmax>(node.op) || std::holds_alternative<Argmax>(node.op);
    if (scores) in_float_[index(node.inputs[0])] = true;
  }
  for (const Binding& output : graph.outputs) {
    only_reader_[index(output.value)] = nullptr;
    if (planes_are_pixels(dims(output.value))) in_float_[index(output.value)] = true;
  }
  lowered_.outputs.resize(graph.outputs.size());
}

Lowered Lowering::run() {
  // What is packed of inputs that change is no part of what is kept.
  const std::size_t inputs = graph().inputs.size(), kept = graph().kept_nodes;
  place_inputs(0, kept > 0 ? graph().kept_inputs : inputs);
  for (std::size_t i = 0; i < graph().nodes.size(); ++i) {
    if (i > 0 && i == kept) {
      keep(lowered_.steps.size());
      place_inputs(graph().kept_inputs, inputs);
    }
    lower(graph().nodes[i]);
  }
  if (kept > 0 && kept == graph().nodes.size()) place_inputs(graph().kept_inputs, inputs);
  finish();
  return std::move(lowered_);
}

ConvolutionMath math_of(Precision precision) {
  switch (precision) {
    case Precision::fp32: return ConvolutionMath::fp32;
    case Precision::tf32: return ConvolutionMath::tf32;
    case Precision::fp16: break;
  }
  return ConvolutionMath::fp16;
}

Element Lowering::element_of(ValueId v) const {
  const bool half = options_.precision == Precision::fp16 && dims(v).c > kFewChannels && !in_float_[index(v)];
  return half ? Element::f16 : Element::f32;
}

void Lowering::place_inputs(std::size_t begin, std::size_t end) {
  for (const Binding& input : std::span(graph().inputs).subspan(begin, end - begin)) {
    const ValueId v = input.value;
    const Place planes = new_place(dims(v), Element::f32);
    share(planes.buffer);
    lowered_.inputs.push_back({input.name, dims(v), planes.buffer});
    life(planes.buffer).first_step = 0;
    life(planes.buffer).last_step = 0;
    touched().clear();
    places_[index(v)] = planes;
    if (planes_are_pixels(dims(v)) || uses_left(v) == 0) continue;
    const Place packed = place_of_output(v);
    places_[index(v)] = packed;
    touch(planes.buffer);
    touch(packed.buffer);
    record(lowered_.steps.size());
    lowered_.steps.push_back({std::make_unique<PackStep>(planes.buffer, packed),
                              {input.name, "pack", "kernels", packed.dims, 0, 0.0},
                              1});
  }
  // Outputs that are inputs.
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (places_[index(graph().outputs[i].value)] && lowered_.outputs[i].buffer < 0) place_output(i);
  }
}

void Lowering::lower(const Node& node) {
  begin(&node);
  deferring_ = false;
  const bool served = std::ranges::any_of(kProviders, [&](const Provider& provider) {
    touched().clear();
    releasing_.clear();
    return allowed(provider.name) && provider.serve(node, *this);
  });
  if (!served) not_served();
  if (!deferring_) {
    for (const ValueId v : uses(node)) --uses_left(v);
    for (const ValueId v : releasing_) --uses_left(v);
  }
  releasing_.clear();
  touched().clear();
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (graph().outputs[i].value == node.output) place_output(i);
  }
}

// The value is made: its planes are ready at once or after one more step.
void Lowering::place_output(std::size_t i) {
  const Binding& output = graph().outputs[i];
  const Place from = place(output.value);
  Port& port = lowered_.outputs[i];
  port = {output.name, from.dims, from.buffer};
  if (output.layout == OutputLayout::as_made) port.made = from;
  outputs_[i].map = map_of(output);
  const bool input =
      std::ranges::any_of(lowered_.inputs, [&](const Port& its) { return its.buffer == from.buffer; });
  if (input || !planes_are_pixels(from.dims) || !from.dense() || from.offset != 0 ||
      from.element != Element::f32) {
    port.buffer = new_place(from.dims, Element::f32).buffer;
    touch(from.buffer);
    record(lowered_.steps.size());
    lowered_.steps.push_back({std::make_unique<UnpackStep>(from, port.buffer),
                              {output.name, "unpack", "kernels", from.dims, 0, 0.0},
                              1});
  }
  outputs_[i].end = lowered_.steps.size();
}

std::optional<OutputMap> Lowering::map_of(const Binding& output) const {
  if (dims(output.value).c != 2) return std::nullopt;
  const auto upsampled = upsampled_.find(output.value);
  if (upsampled != upsampled_.end() && uses_left(output.value) == 1) return upsampled->second;
  OutputMap map;
  map.map = place(output.value);
  map.first_step = lowered_.steps.size();
  return map;
}

void Lowering::finish() {
  const std::size_t count = lowered_.steps.size();
  const int last = std::max(0, static_cast<int>(count) - 1);
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    life(lowered_.outputs[i].buffer).last_step = last;
    if (const auto& made = lowered_.outputs[i].made) life(made->buffer).last_step = last;
    std::optional<OutputMap>& map = outputs_[i].map;
    if (map && outputs_[i].end != count) {
      // Steps of others come behind: nothing can be left out.
      map = OutputMap{};
      map->map = place(graph().outputs[i].value);
      map->first_step = count;
    }
    if (map) life(map->map.buffer).last_step = last;
    lowered_.maps.push_back(map);
  }
  lowered_.keeps_inputs = lowered_.inputs.size() > 1;
  for (const Port& input : lowered_.inputs) {
    if (lowered_.keeps_inputs) life(input.buffer).last_step = last;
  }
  lowered_.kept_steps = kept_steps();
  lowered_.kept_inputs = graph().kept_nodes > 0 ? graph().kept_inputs : 0;
  keep_to(last);
  lowered_.buffers = take_lives();
}

Place Lowering::new_place(const Dims& dims, Element element) {
  Place place;
  place.buffer = scratch(tensor_bytes(dims, 1, element_bytes(element)));
  place.dims = dims;
  place.element = element;
  place.pitch = dims.c;
  return place;
}

Place Lowering::temporary(const Dims& dims, Element element) {
  return new_place(dims, element);
}

std::optional<Place> Lowering::slice_place(ValueId v) {
  const auto& part_of = slice(v);
  if (!part_of) return std::nullopt;
  auto whole = concats_.find(part_of->node);
  if (whole == concats_.end()) {
    const Place place = place_of_output(graph().nodes[part_of->node].output);
    share(place.buffer);
    whole = concats_.emplace(part_of->node, place).first;
  }
  Place place = whole->second;
  place.offset += part_of->channel;
  place.dims = dims(v);
  return place;
}

Place Lowering::place_of_output(ValueId v) {
  if (const auto part = slice_place(v)) return *part;
  return new_place(dims(v), element_of(v));
}

Place Lowering::read(ValueId v) {
  touch(place(v).buffer);
  return place(v);
}

Place Lowering::write() {
  const ValueId v = node()->output;
  if (!places_[index(v)]) {
    // A concatenation whose parts are in place already has its buffer.
    const auto made = concats_.find(static_cast<std::size_t>(node() - graph().nodes.data()));
    places_[index(v)] = made != concats_.end() ? made->second : place_of_output(v);
  }
  return read(v);
}

bool Lowering::may_overwrite(ValueId v) {
  const Place& p = place(v);
  return uses_left(v) == 1 && !shared(p.buffer) && p.dense() && !slice(node()->output) &&
         p.element == element_of(node()->output);
}

Place Lowering::overwrite(ValueId v) {
  places_[index(node()->output)] = place(v);
  return read(v);
}

Chain Lowering::take(ValueId v) {
  const auto found = deferred_.find(v);
  if (found == deferred_.end()) return {v, {}};
  Chain chain = found->second;
  const auto& held = held_[v];
  releasing_.insert(releasing_.end(), held.begin(), held.end());
  return chain;
}

bool Lowering::defer(Chain& chain) {
  const ValueId v = node()->output;
  const Node* reader = only_reader_[index(v)];
  if (reader == nullptr || !takes_in(*reader, v, chain)) return false;
  for (const ValueId read : uses(*node())) releasing_.push_back(read);
  held_[v] = releasing_;
  deferred_[v] = std::move(chain);
  deferring_ = true;
  return true;
}

bool Lowering::takes_in(const Node& reader, ValueId v, const Chain& chain) const {
  if (const auto* conv = std::get_if<Convolution>(&reader.op)) {
    return reader.inputs[0] == v && is_scalar_affine(chain.ops) && allowed("own") &&
           convolution_kernel(shape_of(graph(), reader, *conv)) == ConvolutionKernel::few_channels;
  }
  if (chain.ops.size() >= static_cast<std::size_t>(DeviceEpilogue::kMost)) return false;
  if (std::holds_alternative<Add>(reader.op)) {
    return dims(v) == dims(reader.output) &&
           !deferred(reader.inputs[0] == v ? reader.inputs[1] : reader.inputs[0]);
  }
  return std::holds_alternative<Activation>(reader.op) || std::holds_alternative<ScalarAffine>(reader.op) ||
         std::holds_alternative<BatchNormParams>(reader.op);
}

void Lowering::emit(std::unique_ptr<Step> step, StepFacts facts, std::initializer_list<Place> also) {
  for (const Place& place : also) touch(place.buffer);
  record(lowered_.steps.size());
  PlannedStep planned{std::move(step), profile(std::move(facts.provider), facts.output, facts.macs),
                      facts.launches};
  if (!facts.op.empty()) planned.about.op = facts.op;
  lowered_.steps.push_back(std::move(planned));
}

void Lowering::note_upsampling(const Place& map, AbUpsampling kind, int factor, float scale) {
  upsampled_[node()->output] = {map, kind, factor, scale, lowered_.steps.size()};
}

Lowered lower(const Graph& graph, WeightStore& weights, ConvolutionLibrary* library,
              const LoweringOptions& options) {
  return Lowering(graph, weights, library, options).run();
}

}  // namespace cuhue::cuda
