// 3x3 convolutions of stride 1 by Winograd's F(4x4, 3x3), transposed ones of stride 2 and those of an
// enlarged input by F(5x5, 2x2), where that is faster than the direct form.
//
// The choice is a fixed rule over the layer's channels, not a timing: every process makes the same one, so
// results repeat to the bit, and nothing is measured or cached at start. It does not ask for the size of the
// images: programs of all sizes share one copy of the weights, and none changes what another one computes.
// (Of an enlarged input, small maps are oneDNN's, as they are of the phases'.)
#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/core/parallel.h"
#include "kernels/winograd/winograd.h"
#include "runtime/cpu/providers.h"
#include "runtime/graph/kernel_params.h"

namespace cuhue::cpu {
namespace {

// By how much it must be expected to be faster.
constexpr double kMargin = 1.1;

struct Fused {
  ElementwiseStep step;
  std::optional<Place> other;  // of add
};

class WinogradStep final : public Step {
 public:
  struct Places {
    Place in, out;
    int scratch = -1;
  };
  WinogradStep(WinogradPlan plan, const Places& places, WinogradParams params, std::vector<Fused> fused)
      : plan_(std::move(plan)), places_(places), params_(params), fused_(std::move(fused)) {}

  void bind(const Memory& memory) override {
    steps_.clear();
    for (const Fused& f : fused_) {
      steps_.push_back(f.step);
      if (f.other) steps_.back().other = memory.tensor(*f.other);
    }
    params_.plan = &plan_;
    params_.x = memory.tensor(places_.in);
    params_.out = memory.tensor(places_.out);
    params_.steps = steps_;
    params_.scratch = memory.bytes(places_.scratch);
  }
  void run() override { winograd_cpu(params_); }

 private:
  WinogradPlan plan_;
  Places places_;
  WinogradParams params_;
  std::vector<Fused> fused_;
  std::vector<ElementwiseStep> steps_;
};

bool is_fusible(const Node& node, const Lowering& lowering, const EpilogueStep& step) {
  const auto* residual = std::get_if<Residual>(&step);
  if (residual != nullptr) return lowering.dims(residual->value) == lowering.dims(node.output);
  const auto* activation = std::get_if<Activation>(&step);
  return activation == nullptr || activation->kind == ActivationKind::relu ||
         activation->kind == ActivationKind::leaky_relu;
}

// The step; a residual is read where it stands unless it is where the result goes.
Fused fuse(const Node& node, Lowering& lowering, const EpilogueStep& step, ValueId overwritten) {
  Fused fused;
  if (const auto* activation = std::get_if<Activation>(&step)) {
    fused.step.kind = elementwise_kind(activation->kind);
    fused.step.alpha = activation->alpha;
  } else if (const auto* scalar = std::get_if<ScalarAffine>(&step)) {
    fused.step.kind = ElementwiseKind::scalar_affine;
    fused.step.alpha = scalar->scale;
    fused.step.beta = scalar->shift;
  } else if (const auto* norm = std::get_if<BatchNormParams>(&step)) {
    const auto affine = lowering.weights().affine(lowering.layer_params(node.name, kNone, kNone, *norm));
    fused.step.kind = ElementwiseKind::channel_affine;
    fused.step.scale = affine.scale;
    fused.step.shift = affine.shift;
  } else {
    const ValueId value = std::get<Residual>(step).value;
    fused.step.kind = ElementwiseKind::add;
    fused.other = value == overwritten
                      ? lowering.place(value)
                      : lowering.read(value, readable_block(lowering, value, winograd_lanes()));
  }
  return fused;
}

// The first residual whose memory may become the result's.
ValueId overwritable(std::span<const EpilogueStep> steps, const Lowering& lowering) {
  for (const EpilogueStep& step : steps) {
    const auto* residual = std::get_if<Residual>(&step);
    if (residual != nullptr && lowering.place(residual->value).block % winograd_lanes() == 0 &&
        lowering.may_overwrite(residual->value)) {
      return residual->value;
    }
  }
  return kNone;
}

// At the size that maps of so many channels have in the middle of a network: the more channels, the smaller,
// and the more the transformed filters weigh.
bool pays(WinogradShape shape) {
  const std::int64_t size = std::clamp<std::int64_t>(4096 / shape.out.c, 8, 64);
  const std::int64_t out = shape.has_phases() ? 2 * size : size;
  shape.in = {1, shape.in.c, size, size};
  shape.out = {1, shape.out.c, out, out};
  shape.dilation = shape.pad_top = shape.pad_left = 1;
  return winograd_cost(plan_winograd(shape, 1)) * kMargin < direct_cost(shape);
}

// Channels last after channels last, so that what oneDNN reads and writes so is not copied; but parts of a
// concatenation stand next to each other only in blocks.
std::int64_t written_block(const WinogradShape& shape, std::int64_t read, const Lowering& lowering) {
  const bool last = read == shape.in.c && read > winograd_block() && shape.out.c % winograd_lanes() == 0;
  return last && !lowering.writes_slice() ? std::max(shape.out.c, winograd_block()) : winograd_block();
}

std::optional<WinogradPlan> plan(const Node& node, const Lowering& lowering, const Convolution& op,
                                 bool only_if_it_pays) {
  const bool plain = !op.transposed && op.kernel_h == 3 && op.kernel_w == 3 && op.stride == 1;
  const bool phases = op.transposed && (op.kernel_h == 3 || op.kernel_h == 4) && op.kernel_h == op.kernel_w &&
                      op.stride == 2 && op.dilation == 1 && op.pad_mode == PadMode::zero;
  if (!plain && !phases) return std::nullopt;
  if (winograd_lanes() < 4) return std::nullopt;  // no vectors
  WinogradShape shape;
  shape.in = lowering.dims(node.inputs[0]);
  shape.out = lowering.dims(node.output);
  shape.dilation = op.dilation;
  shape.pad_top = op.pad_top;
  shape.pad_left = op.pad_left;
  shape.border = border_kind(op.pad_mode);
  shape.transposed = op.transposed;
  shape.enlarged = op.enlarged;
  if (op.enlarged) {
    if (shape.in.h * shape.in.w < kLeastEnlargedPixels) return std::nullopt;
    if (shape.border == BorderKind::reflect) shape.border = BorderKind::replicate;  // the edge's double
  }
  shape.kernel = op.kernel_h;
  if (only_if_it_pays && !pays(shape)) return std::nullopt;
  return plan_winograd(shape, max_threads());
}

bool serve(const Node& node, Lowering& lowering, bool only_if_it_pays) {
  const auto* op = std::get_if<Convolution>(&node.op);
  if (op == nullptr) return false;
  auto made = plan(node, lowering, *op, only_if_it_pays);
  if (!made) return false;
  const LayerParams layer = lowering.layer_params(node.name, *op);
  const auto end = std::ranges::find_if_not(
      op->epilogue, [&](const EpilogueStep& step) { return is_fusible(node, lowering, step); });
  const auto count = static_cast<std::size_t>(end - op->epilogue.begin());
  const auto inside = std::span(op->epilogue).first(count), left = std::span(op->epilogue).subspan(count);

  const ValueId x = node.inputs[0];
  const ValueId overwritten = overwritable(inside, lowering);
  std::vector<Fused> fused;
  fused.reserve(count);
  for (const EpilogueStep& step : inside) fused.push_back(fuse(node, lowering, step, overwritten));

  WinogradStep::Places places;
  places.in = lowering.read(x, readable_block(lowering, x, winograd_lanes()));
  places.out = overwritten != kNone ? lowering.overwrite(overwritten)
                                    : lowering.write(written_block(made->shape, places.in.block, lowering));
  places.scratch = lowering.scratch(static_cast<std::int64_t>(winograd_scratch_bytes(*made)));
  const WinogradShape shape = made->shape;
  WinogradParams params;
  params.bias = lowering.weights().bias(layer);
  params.weight = lowering.weights().custom(
      layer, "winograd", winograd_weight_floats(shape),
      [shape](const float* weight, float* packed) { pack_winograd_weight(shape, weight, packed); });
  lowering.emit(std::make_unique<WinogradStep>(*std::move(made), places, params, std::move(fused)),
                shape.has_phases() ? "winograd f(5x5)" : "winograd f(4x4)", places.out.dims,
                macs(lowering.graph(), node));
  if (!left.empty()) emit_elementwise(node, lowering, places.out, places.out, left);
  return true;
}

}  // namespace

bool serve_winograd(const Node& node, Lowering& lowering) {
  return serve(node, lowering, true);
}

bool serve_winograd_at_all(const Node& node, Lowering& lowering) {
  return serve(node, lowering, false);
}

}  // namespace cuhue::cpu
