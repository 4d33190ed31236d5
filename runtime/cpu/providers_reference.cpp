// Plain loops for what nobody else serves, and for tests that switch the others off.
#include <variant>

#include "runtime/cpu/providers.h"
#include "runtime/cpu/reference_ops.h"
#include "runtime/graph/kernel_params.h"

namespace cuhue::cpu {
namespace {

class ReferenceStep final : public Step {
 public:
  ReferenceStep(const Op& op, const Place& in, const Place& out, const float* weight, const float* bias)
      : op_(op), in_(in), out_(out), weight_(weight), bias_(bias) {}
  void bind(const Memory& memory) override {
    x_ = memory.tensor(in_);
    y_ = memory.tensor(out_);
  }
  void run() override {
    if (const auto* convolution = std::get_if<Convolution>(&op_)) {
      reference_convolution(*convolution, x_, weight_, bias_, y_);
    } else if (const auto* pool = std::get_if<Pool>(&op_)) {
      pool_cpu({x_, y_, pool_window(*pool)});
    } else {
      reference_matmul(x_, weight_, bias_, y_);
    }
  }

 private:
  Op op_;
  Place in_, out_;
  const float *weight_, *bias_;
  TensorRef x_, y_;
};

void serve(const Node& node, Lowering& lowering, const LayerParams* layer,
           std::span<const EpilogueStep> epilogue) {
  const float* weight = layer != nullptr ? lowering.weights().plain(*layer) : nullptr;
  const float* bias = layer != nullptr ? lowering.weights().bias(*layer) : nullptr;
  const Place in = lowering.read(node.inputs[0], 1);
  const Place out = lowering.write(1);
  lowering.emit(std::make_unique<ReferenceStep>(node.op, in, out, weight, bias), "reference", out.dims,
                macs(lowering.graph(), node));
  if (!epilogue.empty()) emit_elementwise(node, lowering, out, out, epilogue);
}

}  // namespace

bool serve_reference(const Node& node, Lowering& lowering) {
  if (const auto* op = std::get_if<Convolution>(&node.op)) {
    auto layer = lowering.layer_params(node.name, *op);
    layer.enlarged = false;  // it reads the 3x3 weight
    serve(node, lowering, &layer, op->epilogue);
  } else if (const auto* matmul = std::get_if<MatMul>(&node.op)) {
    const auto layer = lowering.layer_params(node.name, matmul->weight, matmul->bias, std::nullopt);
    serve(node, lowering, &layer, matmul->epilogue);
  } else if (std::holds_alternative<Pool>(node.op)) {
    serve(node, lowering, nullptr, {});
  } else {
    return false;
  }
  return true;
}

}  // namespace cuhue::cpu
