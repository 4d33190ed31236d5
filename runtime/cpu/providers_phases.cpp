// A 3x3 convolution over pixels that are each four times there, as one of 2x2 over the pixels themselves:
// 4/9 of the multiplications, and the enlarged input is never made. A transposed convolution of 2x2 and
// stride 2 as one of 1x1, which oneDNN is faster at.
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "kernels/interleave/interleave.h"
#include "kernels/winograd/winograd.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/onednn_step.h"
#include "runtime/cpu/pad.h"
#include "runtime/cpu/providers.h"

namespace cuhue::cpu {
namespace {

class InterleaveStep final : public Step {
 public:
  InterleaveStep(const Place& from, const Place& to) : from_(from), to_(to) {}
  void bind(const Memory& memory) override { params_ = {memory.tensor(from_), memory.tensor(to_)}; }
  void run() override { interleave_cpu(params_); }

 private:
  Place from_, to_;
  InterleaveParams params_;
};

// Does every pixel make a square of 2x2 by itself?
bool makes_squares(const Convolution& op, const Dims& in, const Dims& out) {
  return op.transposed && op.kernel_h == 2 && op.kernel_w == 2 && op.stride == 2 && op.dilation == 1 &&
         op.pad_top == 0 && op.pad_left == 0 && out.h == 2 * in.h && out.w == 2 * in.w;
}

// All phases at every place of the window: of an enlarged input a row and a column more than each uses.
onednn::Request request_of(const Node& node, const Lowering& lowering, const Convolution& op) {
  onednn::Request request;
  request.layer = node.name;
  request.in = request.out = lowering.dims(node.inputs[0]);
  request.out.c = kPhases * op.out_channels;
  request.in_block = lowering.place(node.inputs[0]).block;
  request.bias = op.bias != kNone || op.folded.has_value();
  if (op.transposed) {
    // In blocks, so that every phase is some of the result's.
    if (!is_channel_block(request.in_block)) request.in_block = winograd_block();
    return request;
  }
  ++request.out.h;
  ++request.out.w;
  request.kernel_h = request.kernel_w = 2;
  if (op.pad_mode == PadMode::zero) {
    request.pad_top = request.pad_left = 1;
  } else {
    request.in.h += 2;
    request.in.w += 2;
  }
  return request;
}

// The post-op that the first step of the epilogue is, if it is one.
std::optional<onednn::PostOp> first_post_op(const Convolution& op) {
  if (op.epilogue.empty()) return std::nullopt;
  const auto* activation = std::get_if<Activation>(&op.epilogue.front());
  if (activation == nullptr) return std::nullopt;
  return activation_op(*activation);
}

}  // namespace

bool serve_phases(const Node& node, Lowering& lowering) {
  const auto* op = std::get_if<Convolution>(&node.op);
  if (op == nullptr) return false;
  const ValueId x = node.inputs[0];
  if (!op->enlarged && !makes_squares(*op, lowering.dims(x), lowering.dims(node.output))) return false;
  onednn::Request request = request_of(node, lowering, *op);
  if (op->enlarged && lowering.dims(x).h * lowering.dims(x).w < kLeastEnlargedPixels) return false;
  const auto post = first_post_op(*op);
  if (post) request.post = {&*post, 1};
  auto primitive = onednn::Primitive::create(request);
  if (!primitive || !primitive->fast() || op->out_channels % primitive->out_block() != 0) return false;

  OnednnStep::Places places;
  if (op->pad_mode == PadMode::zero) {
    places.in = lowering.read(x, primitive->in_block(), true);
  } else {  // at the edges of the enlarged input a reflected pixel is the edge's own
    places.in = emit_pad({PadMode::replicate, 1, 1}, x, request.in, lowering);
  }
  const Place phases = lowering.temporary(request.out, primitive->out_block());
  const LayerParams layer = lowering.layer_params(node.name, *op);
  places.out = phases;
  places.weights = lowering.weights().packed_phases(layer, primitive->weight_layout());
  places.bias = request.bias ? lowering.weights().bias_of_phases(layer) : nullptr;
  if (post) {
    places.post.push_back(nullptr);
    places.post_in.emplace_back();
  }
  if (primitive->scratch_bytes() > 0)
    places.scratch = lowering.scratch(static_cast<std::int64_t>(primitive->scratch_bytes()));
  primitive->build();
  const std::string provider = "phases, onednn " + primitive->implementation();
  const Place in = places.in;
  lowering.emit(std::make_unique<OnednnStep>(std::move(primitive), std::move(places)), provider,
                lowering.dims(node.output), macs(lowering.graph(), node), {in, phases});
  const Place out = lowering.write(phases.block);
  lowering.emit(std::make_unique<InterleaveStep>(phases, out), "kernels", out.dims, 0, {phases});
  const auto left = std::span(op->epilogue).subspan(post ? 1 : 0);
  if (!left.empty()) emit_elementwise(node, lowering, out, out, left);
  return true;
}

}  // namespace cuhue::cpu
