// Steps over the CPU twins in kernels/.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/annealed_mean/annealed_mean.h"
#include "kernels/argmax/argmax.h"
#include "kernels/core/parallel.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/instance_norm/instance_norm.h"
#include "kernels/reorder/reorder.h"
#include "kernels/softmax/softmax.h"
#include "kernels/upsample/upsample.h"
#include "kernels/winograd/winograd.h"
#include "runtime/cpu/providers.h"
#include "runtime/graph/kernel_params.h"
#include "runtime/graph/overloaded.h"

namespace cuhue::cpu {
namespace {

constexpr const char* kName = "kernels";
constexpr std::size_t kMostElementwise = 8;

// A step whose parameters hold tensors x and out.
template <class Params, void (*kernel)(const Params&)>
class KernelStep final : public Step {
 public:
  KernelStep(const Place& x, const Place& out, const Params& params) : x_(x), out_(out), params_(params) {}
  void bind(const Memory& memory) override {
    params_.x = memory.tensor(x_);
    params_.out = memory.tensor(out_);
  }
  void run() override { kernel(params_); }

 private:
  Place x_, out_;
  Params params_;
};

class AnnealedMeanStep final : public Step {
 public:
  AnnealedMeanStep(const Place& x, const Place& out, int scratch, const AnnealedMeanParams& params)
      : x_(x), out_(out), scratch_(scratch), params_(params) {}
  void bind(const Memory& memory) override {
    params_.x = memory.tensor(x_);
    params_.out = memory.tensor(out_);
    params_.scratch = memory.bytes(scratch_);
  }
  void run() override { annealed_mean_cpu(params_); }

 private:
  Place x_, out_;
  int scratch_;
  AnnealedMeanParams params_;
};

struct PlannedElementwise {
  ElementwiseStep step;
  std::optional<Place> other;  // of add
};

void bind_steps(std::vector<PlannedElementwise>& planned, const Memory& memory,
                std::vector<ElementwiseStep>& steps) {
  steps.clear();
  for (PlannedElementwise& p : planned) {
    if (p.other) p.step.other = memory.tensor(*p.other);
    steps.push_back(p.step);
  }
}

class ElementwiseGroup final : public Step {
 public:
  ElementwiseGroup(const Place& x, const Place& out, std::vector<PlannedElementwise> planned)
      : x_(x), out_(out), planned_(std::move(planned)) {}
  void bind(const Memory& memory) override {
    bind_steps(planned_, memory, steps_);
    params_ = {memory.tensor(x_), memory.tensor(out_), steps_};
  }
  void run() override { elementwise_cpu(params_); }

 private:
  Place x_, out_;
  std::vector<PlannedElementwise> planned_;
  std::vector<ElementwiseStep> steps_;
  ElementwiseParams params_;
};

PlannedElementwise plan_step(const Node& node, Lowering& lowering, const EpilogueStep& op,
                             std::int64_t block) {
  PlannedElementwise planned;
  std::visit(Overloaded{[&](const Activation& a) {
                          planned.step.kind = elementwise_kind(a.kind);
                          planned.step.alpha = a.alpha;
                        },
                        [&](const BatchNormParams& norm) {
                          const auto affine =
                              lowering.weights().affine(lowering.layer_params(node.name, kNone, kNone, norm));
                          planned.step.kind = ElementwiseKind::channel_affine;
                          planned.step.scale = affine.scale;
                          planned.step.shift = affine.shift;
                        },
                        [&](const ScalarAffine& affine) {
                          planned.step.kind = ElementwiseKind::scalar_affine;
                          planned.step.alpha = affine.scale;
                          planned.step.beta = affine.shift;
                        },
                        [&](const Residual& residual) {
                          const bool planes =
                              is_addend_of_planes(lowering.dims(node.output), lowering.dims(residual.value));
                          planned.step.kind = planes ? ElementwiseKind::add_channels : ElementwiseKind::add;
                          planned.other = lowering.read(residual.value, block);
                        }},
             op);
  return planned;
}

class InstanceNormStep final : public Step {
 public:
  InstanceNormStep(const Place& x, const Place& out, int scratch, std::vector<PlannedElementwise> planned,
                   const InstanceNormParams& params)
      : x_(x), out_(out), scratch_(scratch), planned_(std::move(planned)), params_(params) {}
  void bind(const Memory& memory) override {
    params_.x = memory.tensor(x_);
    params_.out = memory.tensor(out_);
    params_.scratch = memory.bytes(scratch_);
    bind_steps(planned_, memory, steps_);
    params_.steps = steps_;
  }
  void run() override { instance_norm_cpu(params_); }

 private:
  Place x_, out_;
  int scratch_;
  std::vector<PlannedElementwise> planned_;
  std::vector<ElementwiseStep> steps_;
  InstanceNormParams params_;
};

bool serve_elementwise(const Node& node, Lowering& lowering, const EpilogueStep& op) {
  const ValueId x = node.inputs[0];
  const Place from = lowering.read(x, lowering.place(x).block);
  const Place to = lowering.may_overwrite(x) ? lowering.overwrite(x) : lowering.write(from.block);
  // The output may have come into a layout of its own: a slice of a concatenation.
  emit_elementwise(node, lowering, from, to, std::span(&op, 1));
  return true;
}

bool serve_concat(const Node& node, Lowering& lowering) {
  std::int64_t wanted = lowering.place(node.inputs[0]).block;
  if (wanted != 1 && !is_channel_block(wanted)) wanted = winograd_block();  // channels last
  std::int64_t channel = 0, block = wanted;
  for (const ValueId v : node.inputs) {
    if (channel % wanted != 0) block = 1;
    channel += lowering.dims(v).c;
  }
  const Place whole = lowering.write(block);
  channel = 0;
  for (const ValueId v : node.inputs) {
    Place slice = whole;
    slice.offset += channel * whole.dims.h * whole.dims.w;
    slice.dims = lowering.dims(v);
    channel += slice.dims.c;
    const Place& part = lowering.place(v);
    if (part.buffer == slice.buffer && part.offset == slice.offset) continue;  // written there at once
    const Place from = lowering.read(v, part.block);
    lowering.emit(std::make_unique<KernelStep<ReorderParams, reorder_cpu>>(from, slice, ReorderParams{}),
                  kName, slice.dims, 0, {whole});
  }
  return true;
}

bool serve_upsample(const Node& node, Lowering& lowering, const Upsample& op) {
  const ValueId x = node.inputs[0];
  // Few channels leave most of a block empty, and upsampling is all memory traffic.
  const Place& stands = lowering.place(x);
  const bool wasteful = stands.block > 1 && stands.dims.c * 2 <= stands.block;
  const Place from = lowering.read(x, wasteful ? 1 : stands.block);
  const Place to = lowering.write(from.block);
  UpsampleParams params;
  params.factor = op.factor;
  params.scale = op.scale;
  if (op.kind == UpsampleKind::nearest) {
    lowering.emit(std::make_unique<KernelStep<UpsampleParams, upsample_nearest_cpu>>(from, to, params), kName,
                  to.dims, 0);
  } else {
    lowering.emit(std::make_unique<KernelStep<UpsampleParams, upsample_bilinear_cpu>>(from, to, params),
                  kName, to.dims, 0);
  }
  return true;
}

bool serve_softmax(const Node& node, Lowering& lowering, const Softmax& op) {
  const ValueId x = node.inputs[0];
  const Place from = lowering.read(x, lowering.place(x).block);
  const Place to = lowering.may_overwrite(x) ? lowering.overwrite(x) : lowering.write(from.block);
  SoftmaxParams params;
  params.temperature = op.temperature;
  lowering.emit(std::make_unique<KernelStep<SoftmaxParams, softmax_cpu>>(from, to, params), kName, to.dims,
                0);
  return true;
}

bool serve_argmax(const Node& node, Lowering& lowering) {
  const ValueId x = node.inputs[0];
  const Place from = lowering.read(x, lowering.place(x).block);
  const Place to = lowering.write(1);
  lowering.emit(std::make_unique<KernelStep<ArgmaxParams, argmax_cpu>>(from, to, ArgmaxParams{}), kName,
                to.dims, 0);
  return true;
}

bool serve_instance_norm(const Node& node, Lowering& lowering, const InstanceNorm& op) {
  const ValueId x = node.inputs[0];
  const Place from = lowering.read(x, lowering.place(x).block);
  const auto fused = std::span(op.epilogue).first(std::min(op.epilogue.size(), kMostInstanceNormSteps));
  std::vector<PlannedElementwise> planned;
  planned.reserve(fused.size());
  for (const EpilogueStep& step : fused) planned.push_back(plan_step(node, lowering, step, from.block));
  const Place to = lowering.may_overwrite(x) ? lowering.overwrite(x) : lowering.write(from.block);
  InstanceNormParams params;
  params.eps = op.eps;
  if (op.gamma != kNone) {
    const BatchNormParams norm{op.gamma, op.beta, kNone, kNone, op.eps};
    const auto affine = lowering.weights().affine(lowering.layer_params(node.name, kNone, kNone, norm));
    params.gamma = affine.scale;
    params.beta = affine.shift;
  }
  const int scratch = lowering.scratch(
      static_cast<std::int64_t>(instance_norm_scratch_bytes(dense_tensor(nullptr, from.dims, from.block))));
  lowering.emit(std::make_unique<InstanceNormStep>(from, to, scratch, std::move(planned), params), kName,
                to.dims, 0);
  const auto left = std::span(op.epilogue).subspan(fused.size());
  if (!left.empty()) emit_elementwise(node, lowering, to, to, left);
  return true;
}

bool serve_annealed_mean(const Node& node, Lowering& lowering, const AnnealedMean& op) {
  const ValueId x = node.inputs[0];
  const std::int64_t channels = lowering.dims(x).c;
  const LayerParams layer = lowering.layer_params(node.name, op.weight, op.bias, std::nullopt);
  AnnealedMeanParams params;
  params.bins = op.bins;
  params.temperature = op.temperature;
  params.weight =
      lowering.weights().custom(layer, "annealed_mean", annealed_mean_packed_floats(op.bins, channels),
                                [&](const float* weight, float* packed) {
                                  pack_annealed_mean_weight(weight, op.bins, channels, packed);
                                });
  params.bias = lowering.weights().bias(layer);
  params.centres =
      lowering.weights().plain(lowering.layer_params(node.name, op.centres, kNone, std::nullopt));
  const Place from = lowering.read(x, lowering.place(x).block);
  const Place to = lowering.write(1);
  const int scratch = lowering.scratch(
      static_cast<std::int64_t>(annealed_mean_scratch_bytes(op.bins, channels, max_threads())));
  lowering.emit(std::make_unique<AnnealedMeanStep>(from, to, scratch, params), kName, to.dims,
                macs(lowering.graph(), node));
  return true;
}

}  // namespace

void emit_elementwise(const Node& node, Lowering& lowering, const Place& from, const Place& to,
                      std::span<const EpilogueStep> ops) {
  Place x = from;
  do {
    const auto part = ops.first(std::min(ops.size(), kMostElementwise));
    std::vector<PlannedElementwise> planned;
    planned.reserve(part.size());
    for (const EpilogueStep& op : part) planned.push_back(plan_step(node, lowering, op, x.block));
    lowering.emit(std::make_unique<ElementwiseGroup>(x, to, std::move(planned)), kName, to.dims, 0, {x, to});
    x = to;
    ops = ops.subspan(part.size());
  } while (!ops.empty());
}

bool serve_kernels(const Node& node, Lowering& lowering) {
  return std::visit(
      Overloaded{[&](const Activation& op) { return serve_elementwise(node, lowering, op); },
                 [&](const BatchNormParams& op) { return serve_elementwise(node, lowering, op); },
                 [&](const ScalarAffine& op) { return serve_elementwise(node, lowering, op); },
                 [&](const Add&) { return serve_elementwise(node, lowering, Residual{node.inputs[1]}); },
                 [&](const Concat&) { return serve_concat(node, lowering); },
                 [&](const Upsample& op) { return serve_upsample(node, lowering, op); },
                 [&](const Softmax& op) { return serve_softmax(node, lowering, op); },
                 [&](const Argmax&) { return serve_argmax(node, lowering); },
                 [&](const AnnealedMean& op) { return serve_annealed_mean(node, lowering, op); },
                 [&](const InstanceNorm& op) { return serve_instance_norm(node, lowering, op); },
                 [](const auto&) { return false; }},
      node.op);
}

}  // namespace cuhue::cpu
