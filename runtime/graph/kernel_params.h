// What a graph's ops are to the kernels of either backend.
#pragma once

#include "kernels/elementwise/elementwise.h"
#include "kernels/pad/pad.h"
#include "kernels/pool/pool.h"
#include "runtime/graph/graph.h"

namespace cuhue {

constexpr ElementwiseKind elementwise_kind(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::relu: return ElementwiseKind::relu;
    case ActivationKind::leaky_relu: return ElementwiseKind::leaky_relu;
    case ActivationKind::tanh: return ElementwiseKind::tanh;
    case ActivationKind::sigmoid: break;
  }
  return ElementwiseKind::sigmoid;
}

constexpr PoolWindow pool_window(const Pool& op) {
  const PoolingKind kind = op.kind == PoolKind::max       ? PoolingKind::max
                           : op.kind == PoolKind::average ? PoolingKind::average
                                                          : PoolingKind::average_valid;
  return {kind, op.kernel, op.stride, op.pad_top, op.pad_left};
}

constexpr BorderKind border_kind(PadMode mode) {
  return mode == PadMode::zero      ? BorderKind::zero
         : mode == PadMode::reflect ? BorderKind::reflect
                                    : BorderKind::replicate;
}

}  // namespace cuhue
