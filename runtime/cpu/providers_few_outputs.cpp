// Convolutions to at most four channels, straight into planes.
#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include "kernels/few_outputs/few_outputs.h"
#include "runtime/cpu/providers.h"
#include "runtime/graph/kernel_params.h"

namespace cuhue::cpu {
namespace {

// Below, vectors of input channels are as empty as those of output channels.
constexpr std::int64_t kLeastInputs = 16;

class FewOutputsStep final : public Step {
 public:
  FewOutputsStep(FewOutputsPlan plan, const Place& in, const Place& out, const FewOutputsParams& params)
      : plan_(std::move(plan)), in_(in), out_(out), params_(params) {}
  void bind(const Memory& memory) override {
    params_.plan = &plan_;
    params_.x = memory.tensor(in_);
    params_.out = memory.tensor(out_);
  }
  void run() override { few_outputs_cpu(params_); }

 private:
  FewOutputsPlan plan_;
  Place in_, out_;
  FewOutputsParams params_;
};

bool fits(const Convolution& op, const Dims& in) {
  if (op.out_channels > kMostFewOutputs || in.c < kLeastInputs || few_outputs_lanes() < 4) return false;
  if (op.enlarged || op.dilation != 1 || op.kernel_h * op.kernel_w > kMostFewOutputTaps) return false;
  return op.transposed ? op.stride == 2 && op.pad_mode == PadMode::zero : op.stride == 1;
}

}  // namespace

std::int64_t readable_block(const Lowering& lowering, ValueId v, int lanes) {
  const std::int64_t stands = lowering.place(v).block;
  return stands % lanes == 0 ? stands : std::max(8, lanes);
}

bool serve_few_outputs(const Node& node, Lowering& lowering) {
  const auto* op = std::get_if<Convolution>(&node.op);
  if (op == nullptr) return false;
  const ValueId x = node.inputs[0];
  FewOutputsShape shape;
  shape.in = lowering.dims(x);
  shape.out = lowering.dims(node.output);
  if (!fits(*op, shape.in)) return false;
  shape.kernel_h = op->kernel_h;
  shape.kernel_w = op->kernel_w;
  shape.pad_top = op->pad_top;
  shape.pad_left = op->pad_left;
  shape.border = border_kind(op->pad_mode);
  shape.transposed = op->transposed;
  FewOutputsPlan plan = plan_few_outputs(shape);

  const LayerParams layer = lowering.layer_params(node.name, *op);
  const Place in = lowering.read(x, readable_block(lowering, x, few_outputs_lanes()));
  const Place out = lowering.write(1);
  FewOutputsParams params;
  params.bias = lowering.weights().bias(layer);
  params.weight = lowering.weights().custom(
      layer, "few outputs", few_outputs_weight_floats(plan),
      [&plan](const float* weight, float* packed) { pack_few_outputs_weight(plan, weight, packed); });
  lowering.emit(std::make_unique<FewOutputsStep>(std::move(plan), in, out, params), "few outputs", out.dims,
                macs(lowering.graph(), node));
  if (!op->epilogue.empty()) emit_elementwise(node, lowering, out, out, op->epilogue);
  return true;
}

}  // namespace cuhue::cpu
