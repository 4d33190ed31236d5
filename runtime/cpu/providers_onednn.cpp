// Convolutions, matrix products and pooling by oneDNN, activations in the blocked layouts it asks for.
#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/winograd/winograd.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/onednn_step.h"
#include "runtime/cpu/pad.h"
#include "runtime/cpu/providers.h"

namespace cuhue::cpu {
namespace {

// The first steps of an epilogue as oneDNN post-ops.
struct PostChain {
  std::vector<onednn::PostOp> ops;
  std::vector<const float*> operands;  // one an op, nullptr where it needs none
  std::vector<ValueId> residuals;      // one an op: what it adds, kNone where nothing or in place
};

// What a convolution or matrix product is to this provider.
struct Job {
  const Node& node;
  onednn::Request request;
  LayerParams layer;
  std::span<const EpilogueStep> epilogue;
  // oneDNN adds a vector of channels to all images or to none: where each image has its own, `request` is of
  // one image, and runs for each.
  std::int64_t images = 1;
};

ValueId residual_of(const EpilogueStep& step) {
  const auto* residual = std::get_if<Residual>(&step);
  return residual != nullptr ? residual->value : kNone;
}

bool adds_to_planes(const Job& job, const Lowering& lowering, ValueId v) {
  return is_addend_of_planes(lowering.dims(job.node.output), lowering.dims(v));
}

// Only one residual can be summed in place, the first of the result's size.
ValueId first_residual(const Job& job, const Lowering& lowering, std::span<const EpilogueStep> steps) {
  for (const EpilogueStep& step : steps) {
    const ValueId v = residual_of(step);
    if (v != kNone && !adds_to_planes(job, lowering, v)) return v;
  }
  return kNone;
}

PostChain chain_of(const Job& job, Lowering& lowering, std::size_t length, ValueId summed,
                   std::int64_t block) {
  PostChain chain;
  const auto add = [&chain](const onednn::PostOp& op, const float* operand = nullptr,
                            ValueId residual = kNone) {
    chain.ops.push_back(op);
    chain.operands.push_back(operand);
    chain.residuals.push_back(residual);
  };
  for (const EpilogueStep& step : job.epilogue.first(length)) {
    if (const auto* activation = std::get_if<Activation>(&step)) {
      add(activation_op(*activation));
    } else if (const auto* scalar = std::get_if<ScalarAffine>(&step)) {
      add({onednn::PostKind::linear, scalar->scale, scalar->shift});
    } else if (const auto* norm = std::get_if<BatchNormParams>(&step)) {
      const auto affine =
          lowering.weights().affine(lowering.layer_params(job.node.name, kNone, kNone, *norm));
      add({onednn::PostKind::mul_channel}, affine.scale);
      add({onednn::PostKind::add_channel}, affine.shift);
    } else if (const ValueId v = residual_of(step); v == summed) {
      add({onednn::PostKind::sum});
    } else if (adds_to_planes(job, lowering, v)) {
      add({onednn::PostKind::add_channel}, nullptr, v);
    } else {
      add({onednn::PostKind::add_tensor, 0.0f, 0.0f, block}, nullptr, v);
    }
  }
  return chain;
}

// The weight in the layout it already stands in when that is as good as the primitive's own choice: programs
// of several sizes share one copy.
std::unique_ptr<onednn::Primitive> create(const Job& job, Lowering& lowering, onednn::Request request,
                                          const PostChain& chain) {
  request.post = chain.ops;
  auto own = onednn::Primitive::create(request);
  const auto standing = lowering.weights().layout_of(job.layer);
  if (!own || !standing || standing->id() == own->weight_layout().id()) return own;
  request.weights = &*standing;
  auto shared = onednn::Primitive::create(request);
  return shared && shared->fast() >= own->fast() ? std::move(shared) : std::move(own);
}

struct Choice {
  std::unique_ptr<onednn::Primitive> primitive;
  std::size_t fused = 0;  // epilogue steps inside
  ValueId summed = kNone;
};

// The longest part of the epilogue that a fast implementation takes; else the longest any takes. oneDNN runs
// the post-ops of a transposed convolution as plain loops: an elementwise step of ours is faster.
Choice choose(const Job& job, Lowering& lowering) {
  Choice fallback;
  const bool fuse = job.request.kind != onednn::Kind::transposed_convolution;
  for (std::size_t left = (fuse ? job.epilogue.size() : 0) + 1; left-- > 0;) {
    const auto part = job.epilogue.first(left);
    const ValueId first = first_residual(job, lowering, part);
    ValueId summed = first;
    if (summed != kNone && !lowering.may_overwrite(summed)) summed = kNone;
    auto request = job.request;
    std::unique_ptr<onednn::Primitive> primitive;
    if (summed != kNone) {
      // Summing in place needs the residual to stand in the layout of the result.
      request.out_block = lowering.place(summed).block;
      primitive = create(job, lowering, request, chain_of(job, lowering, left, summed, 0));
      if (!primitive || !primitive->fast()) {
        summed = kNone;
        primitive = nullptr;
        request.out_block = job.request.out_block;
      }
    }
    if (!primitive) {
      // Of the result, before anybody chose it: operands of the epilogue are described in it.
      const std::int64_t guess = is_channel_block(request.in_block) ? request.in_block : 8;
      primitive = create(job, lowering, request, chain_of(job, lowering, left, kNone, guess));
      if (primitive && first != kNone && primitive->out_block() != guess) {
        request.out_block = primitive->out_block();
        primitive = create(job, lowering, request, chain_of(job, lowering, left, kNone, request.out_block));
      }
    }
    if (!primitive) continue;
    const bool fast = primitive->fast();
    if (fast || !fallback.primitive) fallback = {std::move(primitive), left, summed};
    if (fast) break;
  }
  return fallback;
}

// Blocks of channels, as they stand or as a network's first convolution makes them, are as good to a fast
// implementation as the channels last that it would ask for; and concatenations, sums and Winograd's layers
// have them without a copy.
Choice choose_in_blocks(Job& job, Lowering& lowering) {
  const onednn::Request asked = job.request;
  const std::int64_t stands = lowering.place(job.node.inputs[0]).block;
  if (asked.in_block == onednn::kAnyBlock && is_channel_block(stands)) {
    job.request.in_block = stands;
  } else if (asked.kind == onednn::Kind::convolution && stands == 1 && asked.out.c >= winograd_block()) {
    job.request.out_block = winograd_block();
  } else {
    return choose(job, lowering);
  }
  Choice choice = choose(job, lowering);
  if (choice.primitive && choice.primitive->fast()) return choice;
  job.request = asked;
  return choose(job, lowering);
}

bool serve(Job job, Lowering& lowering, const std::optional<Place>& padded = {}) {
  Choice choice = choose_in_blocks(job, lowering);
  if (!choice.primitive) return false;
  const onednn::Primitive& primitive = *choice.primitive;
  PostChain chain = chain_of(job, lowering, choice.fused, choice.summed, primitive.out_block());
  const bool dense = job.images == 1;  // else each image is found by its own address

  OnednnStep::Places places;
  places.images = job.images;
  places.in = padded ? *padded : lowering.read(job.node.inputs[0], primitive.in_block(), dense);
  for (std::size_t i = 0; i < chain.ops.size(); ++i) {
    const ValueId v = chain.residuals[i];
    const bool channels = chain.ops[i].kind == onednn::PostKind::add_channel;
    auto& place = places.post_in.emplace_back();
    if (v != kNone)
      place = lowering.read(v, channels ? onednn::kChannelOperandBlock : chain.ops[i].block, dense);
  }
  places.post = std::move(chain.operands);
  places.out = choice.summed != kNone ? lowering.overwrite(choice.summed)
                                      : lowering.write(primitive.out_block(), dense);
  if (primitive.scratch_bytes() > 0) {
    places.scratch = lowering.scratch(static_cast<std::int64_t>(primitive.scratch_bytes()));
  }
  places.bias = job.request.bias ? lowering.weights().bias(job.layer) : nullptr;
  places.weights = lowering.weights().packed(job.layer, primitive.weight_layout());
  choice.primitive->build();

  const Place out = places.out, in = places.in;
  const std::string provider = "onednn " + primitive.implementation();
  lowering.emit(std::make_unique<OnednnStep>(std::move(choice.primitive), std::move(places)), provider,
                out.dims, macs(lowering.graph(), job.node), {in});
  const auto left = job.epilogue.subspan(choice.fused);
  if (!left.empty()) emit_elementwise(job.node, lowering, out, out, left);
  return true;
}

bool serve_convolution(const Node& node, Lowering& lowering, const Convolution& op) {
  const ValueId x = node.inputs[0];
  onednn::Request request;
  request.layer = node.name;
  request.kind = op.transposed ? onednn::Kind::transposed_convolution : onednn::Kind::convolution;
  request.in = lowering.dims(x);
  request.out = lowering.dims(node.output);
  request.kernel_h = op.kernel_h;
  request.kernel_w = op.kernel_w;
  request.stride = op.stride;
  request.dilation = op.dilation;
  request.pad_top = op.pad_top;
  request.pad_left = op.pad_left;
  request.bias = op.bias != kNone || op.folded.has_value();
  Job job{node, request, lowering.layer_params(node.name, op), op.epilogue};
  const bool of_planes = std::ranges::any_of(op.epilogue, [&](const EpilogueStep& step) {
    const ValueId v = residual_of(step);
    return v != kNone && adds_to_planes(job, lowering, v);
  });
  if (of_planes) {
    job.images = request.in.n;
    job.request.in.n = job.request.out.n = 1;
  }
  const bool bordered = op.pad_mode != PadMode::zero;
  if (!bordered && !op.enlarged) return serve(job, lowering);

  // oneDNN pads with zeros only, and reads what is there: the input as the convolution sees it is made first.
  if (op.transposed) return false;
  Border border{op.pad_mode, 0, 0, op.enlarged};
  if (op.enlarged) {
    job.request.in.h *= 2;
    job.request.in.w *= 2;
  }
  if (bordered) {
    border.top = op.pad_top;
    border.left = op.pad_left;
    job.request.pad_top = job.request.pad_left = 0;
    job.request.in.h += op.pad_top + op.pad_bottom;
    job.request.in.w += op.pad_left + op.pad_right;
  }
  job.layer.enlarged = false;  // the weight is the 3x3 one
  job.request.in_block = lowering.place(x).block;
  if (!choose(job, lowering).primitive) return false;
  Dims with_border = job.request.in;
  with_border.n = lowering.dims(x).n;
  const Place padded = emit_pad(border, x, with_border, lowering);
  return serve(job, lowering, padded);
}

bool serve_matmul(const Node& node, Lowering& lowering, const MatMul& op) {
  onednn::Request request;
  request.layer = node.name;
  request.kind = onednn::Kind::inner_product;
  request.in = lowering.dims(node.inputs[0]);
  request.out = lowering.dims(node.output);
  request.in_block = 1;
  request.out_block = 1;
  request.bias = op.bias != kNone;
  return serve(
      {node, request, lowering.layer_params(node.name, op.weight, op.bias, std::nullopt), op.epilogue},
      lowering);
}

bool serve_pool(const Node& node, Lowering& lowering, const Pool& op) {
  const ValueId x = node.inputs[0];
  onednn::Request request;
  request.layer = node.name;
  request.kind = op.kind == PoolKind::max       ? onednn::Kind::max_pool
                 : op.kind == PoolKind::average ? onednn::Kind::average_pool
                                                : onednn::Kind::average_pool_valid;
  request.in = lowering.dims(x);
  request.out = lowering.dims(node.output);
  request.in_block = lowering.place(x).block;
  request.out_block = request.in_block;
  request.kernel_h = request.kernel_w = op.kernel;
  request.stride = op.stride;
  request.pad_top = op.pad_top;
  request.pad_left = op.pad_left;
  auto primitive = onednn::Primitive::create(request);
  if (!primitive) return false;

  OnednnStep::Places places;
  places.in = lowering.read(x, request.in_block, true);
  places.out = lowering.write(primitive->out_block(), true);
  if (primitive->scratch_bytes() > 0) {
    places.scratch = lowering.scratch(static_cast<std::int64_t>(primitive->scratch_bytes()));
  }
  primitive->build();
  const std::string provider = "onednn " + primitive->implementation();
  lowering.emit(std::make_unique<OnednnStep>(std::move(primitive), places), provider, request.out, 0);
  return true;
}

}  // namespace

bool serve_onednn(const Node& node, Lowering& lowering) {
  if (const auto* op = std::get_if<Convolution>(&node.op)) return serve_convolution(node, lowering, *op);
  if (const auto* op = std::get_if<MatMul>(&node.op)) return serve_matmul(node, lowering, *op);
  if (const auto* op = std::get_if<Pool>(&node.op)) return serve_pool(node, lowering, *op);
  return false;
}

}  // namespace cuhue::cpu
