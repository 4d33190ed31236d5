// Steps over the CUDA kernels of kernels/, but for convolutions.
#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "kernels/annealed_mean/annealed_mean.h"
#include "kernels/argmax/argmax.h"
#include "kernels/instance_norm/instance_norm.h"
#include "kernels/pool/pool.h"
#include "kernels/softmax/softmax.h"
#include "kernels/upsample/upsample.h"
#include "runtime/cuda/providers.h"
#include "runtime/graph/kernel_params.h"
#include "runtime/graph/overloaded.h"

namespace cuhue::cuda {
namespace {

constexpr const char* kName = "kernels";
constexpr std::int64_t kMostMeanChannels = 4;  // of annealed_mean_cuda

// A step whose parameters hold tensors x and out.
template <class Params, void (*kernel)(const Params&, Stream)>
class KernelStep final : public Step {
 public:
  KernelStep(const Place& x, const Place& out, const Params& params) : x_(x), out_(out), params_(params) {}
  void bind(const Addresses& at) override {
    params_.x = at.tensor(x_);
    params_.out = at.tensor(out_);
  }
  void run(Stream stream) override { kernel(params_, stream); }

 private:
  Place x_, out_;
  Params params_;
};

template <class Params, void (*kernel)(const Params&, Stream)>
void emit_kernel(Lowering& lowering, const Place& x, const Place& out, const Params& params) {
  lowering.emit(std::make_unique<KernelStep<Params, kernel>>(x, out, params),
                {.provider = kName, .output = out.dims}, {x, out});
}

class AnnealedMeanStep final : public Step {
 public:
  AnnealedMeanStep(const Place& logits, const Place& out, const AnnealedMeanDeviceParams& params)
      : logits_(logits), out_(out), params_(params) {}
  void bind(const Addresses& at) override {
    params_.logits = at.tensor(logits_);
    params_.out = at.tensor(out_);
  }
  void run(Stream stream) override { annealed_mean_cuda(params_, stream); }

 private:
  Place logits_, out_;
  AnnealedMeanDeviceParams params_;
};

class InstanceNormStep final : public Step {
 public:
  InstanceNormStep(const Place& x, const Place& out, int scratch, PlannedEpilogue epilogue,
                   const InstanceNormDeviceParams& params)
      : x_(x), out_(out), scratch_(scratch), epilogue_(std::move(epilogue)), params_(params) {}
  void bind(const Addresses& at) override {
    params_.x = at.tensor(x_);
    params_.out = at.tensor(out_);
    params_.scratch = scratch_ >= 0 ? at.bytes(scratch_) : nullptr;
    params_.epilogue = epilogue_.bound(at);
  }
  void run(Stream stream) override { instance_norm_cuda(params_, stream); }

 private:
  Place x_, out_;
  int scratch_;
  PlannedEpilogue epilogue_;
  InstanceNormDeviceParams params_;
};

class ElementwiseGroup final : public Step {
 public:
  ElementwiseGroup(const Place& x, const Place& out, PlannedEpilogue epilogue)
      : x_(x), out_(out), epilogue_(std::move(epilogue)) {}
  void bind(const Addresses& at) override { params_ = {at.tensor(x_), at.tensor(out_), epilogue_.bound(at)}; }
  void run(Stream stream) override { elementwise_cuda(params_, stream); }

 private:
  Place x_, out_;
  PlannedEpilogue epilogue_;
  ElementwiseDeviceParams params_;
};

// The rest of an epilogue whose first steps are x's own, when x was left to this node.
bool serve_elementwise(const Node& node, Lowering& lowering, ValueId x, const EpilogueStep& op) {
  Chain chain = lowering.take(x);
  chain.ops.push_back(op);
  if (lowering.defer(chain)) return true;
  const Place from = lowering.read(chain.source);
  const Place to = lowering.may_overwrite(chain.source) ? lowering.overwrite(chain.source) : lowering.write();
  emit_elementwise(node, lowering, from, to, chain.ops);
  return true;
}

bool serve_add(const Node& node, Lowering& lowering) {
  ValueId x = node.inputs[0], other = node.inputs[1];
  if (lowering.deferred(other)) std::swap(x, other);  // never an addend of planes: takes_in()
  return serve_elementwise(node, lowering, x, Residual{other});
}

bool serve_concat(const Node& node, Lowering& lowering) {
  const Place whole = lowering.write();
  std::int64_t channel = 0;
  for (const ValueId v : node.inputs) {
    Place slice = whole;
    slice.offset += channel;
    slice.dims = lowering.dims(v);
    channel += slice.dims.c;
    const Place part = lowering.read(v);
    if (part.buffer == slice.buffer && part.offset == slice.offset) continue;  // written there at once
    emit_elementwise(node, lowering, part, slice, {}, "copy");
  }
  return true;
}

bool serve_upsample(const Node& node, Lowering& lowering, const Upsample& op) {
  const Place from = lowering.read(node.inputs[0]);
  const Place to = lowering.write();
  UpsampleDeviceParams params;
  params.factor = op.factor;
  params.scale = op.scale;
  const bool nearest = op.kind == UpsampleKind::nearest;
  lowering.note_upsampling(from, nearest ? AbUpsampling::nearest : AbUpsampling::bilinear, op.factor,
                           op.scale);
  if (nearest) {
    emit_kernel<UpsampleDeviceParams, upsample_nearest_cuda>(lowering, from, to, params);
  } else {
    emit_kernel<UpsampleDeviceParams, upsample_bilinear_cuda>(lowering, from, to, params);
  }
  return true;
}

bool serve_pool(const Node& node, Lowering& lowering, const Pool& op) {
  const Place from = lowering.read(node.inputs[0]);
  const Place to = lowering.write();
  PoolDeviceParams params;
  params.window = pool_window(op);
  emit_kernel<PoolDeviceParams, pool_cuda>(lowering, from, to, params);
  return true;
}

bool serve_softmax(const Node& node, Lowering& lowering, const Softmax& op) {
  const ValueId x = node.inputs[0];
  const Place from = lowering.read(x);
  const Place to = lowering.may_overwrite(x) ? lowering.overwrite(x) : lowering.write();
  SoftmaxDeviceParams params;
  params.temperature = op.temperature;
  emit_kernel<SoftmaxDeviceParams, softmax_cuda>(lowering, from, to, params);
  return true;
}

bool serve_instance_norm(const Node& node, Lowering& lowering, const InstanceNorm& op) {
  const ValueId x = node.inputs[0];
  const Place from = lowering.read(x);
  const auto fused =
      std::span(op.epilogue).first(std::min<std::size_t>(op.epilogue.size(), DeviceEpilogue::kMost));
  PlannedEpilogue epilogue(node, lowering, fused);
  const Place to = lowering.may_overwrite(x) ? lowering.overwrite(x) : lowering.write();
  InstanceNormDeviceParams params;
  params.x = from_start(from);
  params.out = from_start(to);
  params.eps = op.eps;
  if (op.gamma != kNone) {
    const BatchNormParams norm{op.gamma, op.beta, kNone, kNone, op.eps};
    const auto affine = lowering.weights().affine(lowering.layer_params(node.name, kNone, kNone, norm));
    params.gamma = affine.scale;
    params.beta = affine.shift;
  }
  const auto bytes = static_cast<std::int64_t>(instance_norm_device_scratch_bytes(params));
  const int scratch = bytes > 0 ? lowering.scratch(bytes) : -1;
  const StepFacts facts{.provider = kName, .output = to.dims, .launches = instance_norm_launches(params)};
  lowering.emit(std::make_unique<InstanceNormStep>(from, to, scratch, std::move(epilogue), params), facts,
                {from, to});
  const auto left = std::span(op.epilogue).subspan(fused.size());
  if (!left.empty()) emit_elementwise(node, lowering, to, to, left);
  return true;
}

bool serve_argmax(const Node& node, Lowering& lowering) {
  const Place from = lowering.read(node.inputs[0]);
  const Place to = lowering.write();
  emit_kernel<ArgmaxDeviceParams, argmax_cuda>(lowering, from, to, {});
  return true;
}

bool serve_annealed_mean(const Node& node, Lowering& lowering, const AnnealedMean& op) {
  const Place x = lowering.read(node.inputs[0]), out = lowering.write();
  // The softmax turns what a score lacks into a factor of its probability: f32 also where values are f16.
  const Place logits = lowering.temporary({x.dims.n, op.bins, x.dims.h, x.dims.w}, Element::f32);
  const std::int64_t all = macs(lowering.graph(), node), mean = out.dims.count() * op.bins;
  if (!emit_projection(node, lowering, {x, logits, op.weight, op.bias, all - mean})) return false;
  if (op.out_channels > kMostMeanChannels) {
    SoftmaxDeviceParams softmax;
    softmax.temperature = op.temperature;
    emit_kernel<SoftmaxDeviceParams, softmax_cuda>(lowering, logits, logits, softmax);
    return emit_projection(node, lowering, {logits, out, op.centres, kNone, mean});
  }
  AnnealedMeanDeviceParams params;
  params.temperature = op.temperature;
  params.centres =
      lowering.weights().plain(lowering.layer_params(node.name, op.centres, kNone, std::nullopt));
  lowering.emit(std::make_unique<AnnealedMeanStep>(logits, out, params),
                {.provider = kName, .output = out.dims, .macs = mean}, {logits, out});
  return true;
}

}  // namespace

PlannedEpilogue::PlannedEpilogue(const Node& node, Lowering& lowering, std::span<const EpilogueStep> ops) {
  for (const EpilogueStep& op : ops) {
    auto& planned = steps_.emplace_back();
    auto& step = planned.first;
    auto& other = planned.second;
    std::visit(Overloaded{[&](const Activation& a) {
                            step.kind = elementwise_kind(a.kind);
                            step.alpha = a.alpha;
                          },
                          [&](const BatchNormParams& norm) {
                            const auto affine = lowering.weights().affine(
                                lowering.layer_params(node.name, kNone, kNone, norm));
                            step.kind = ElementwiseKind::channel_affine;
                            step.scale = affine.scale;
                            step.shift = affine.shift;
                          },
                          [&](const ScalarAffine& affine) {
                            step.kind = ElementwiseKind::scalar_affine;
                            step.alpha = affine.scale;
                            step.beta = affine.shift;
                          },
                          [&](const Residual& residual) {
                            const Dims& out = lowering.dims(node.output);
                            const bool planes = is_addend_of_planes(out, lowering.dims(residual.value));
                            step.kind = planes ? ElementwiseKind::add_channels : ElementwiseKind::add;
                            step.plane = static_cast<int>(out.h * out.w);
                            other = lowering.read(residual.value);
                          }},
               op);
  }
}

DeviceEpilogue PlannedEpilogue::bound(const Addresses& at) const {
  DeviceEpilogue epilogue;
  for (const auto& [step, other] : steps_) {
    DeviceEpilogueStep& to = epilogue.steps[epilogue.count++];
    to = step;
    if (other) to.other = at.tensor(*other);
  }
  return epilogue;
}

void emit_elementwise(const Node& node, Lowering& lowering, const Place& from, const Place& to,
                      std::span<const EpilogueStep> ops, std::string_view op) {
  Place x = from;
  do {
    const auto part = ops.first(std::min<std::size_t>(ops.size(), DeviceEpilogue::kMost));
    lowering.emit(std::make_unique<ElementwiseGroup>(x, to, PlannedEpilogue(node, lowering, part)),
                  {.provider = kName, .output = to.dims, .op = op}, {x, to});
    x = to;
    ops = ops.subspan(part.size());
  } while (!ops.empty());
}

bool serve_kernels(const Node& node, Lowering& lowering) {
  const ValueId x = node.inputs[0];
  return std::visit(
      Overloaded{[&](const Activation& op) { return serve_elementwise(node, lowering, x, op); },
                 [&](const BatchNormParams& op) { return serve_elementwise(node, lowering, x, op); },
                 [&](const ScalarAffine& op) { return serve_elementwise(node, lowering, x, op); },
                 [&](const Add&) { return serve_add(node, lowering); },
                 [&](const Concat&) { return serve_concat(node, lowering); },
                 [&](const Upsample& op) { return serve_upsample(node, lowering, op); },
                 [&](const Pool& op) { return serve_pool(node, lowering, op); },
                 [&](const Softmax& op) { return serve_softmax(node, lowering, op); },
                 [&](const Argmax&) { return serve_argmax(node, lowering); },
                 [&](const AnnealedMean& op) { return serve_annealed_mean(node, lowering, op); },
                 [&](const InstanceNorm& op) { return serve_instance_norm(node, lowering, op); },
                 [](const auto&) { return false; }},
      node.op);
}

}  // namespace cuhue::cuda
