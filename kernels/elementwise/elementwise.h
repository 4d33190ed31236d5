// What happens to one value after another: activations, affine, residual add, in one pass over memory.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/core/tensor.h"

namespace cuhue {

enum class ElementwiseKind : std::uint8_t {
  relu,            // max(x, 0)
  leaky_relu,      // x > 0 ? x : alpha x
  tanh,            //
  sigmoid,         //
  scalar_affine,   // alpha x + beta
  channel_affine,  // scale[c] x + shift[c]
  add,             // x + other
};

struct ElementwiseStep {
  ElementwiseKind kind = ElementwiseKind::relu;
  float alpha = 0.0f, beta = 0.0f;
  const float* scale = nullptr;  // [blocks * block] of channel_affine, padding channels hold 0
  const float* shift = nullptr;
  TensorRef other;  // of add: dims and block of x
};

struct ElementwiseParams {
  TensorRef x, out;                        // equal dims and block; out may be x
  std::span<const ElementwiseStep> steps;  // applied in order, at most 8
};
void elementwise_cpu(const ElementwiseParams& p);

}  // namespace cuhue
