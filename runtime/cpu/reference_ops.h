// Plain loops: slow, correct, any padding mode. What every other provider is measured against, and what runs
// where none of them serves. Tensors in NCHW (block 1), sums in double.
#pragma once

#include "kernels/core/tensor.h"
#include "runtime/graph/graph.h"

namespace cuhue::cpu {

// weight [out, in, kh, kw], transposed [in, out, kh, kw]; bias [out] or nullptr. Padding mode, window and
// stride from op; its epilogue is not applied.
void reference_convolution(const Convolution& op, const TensorRef& x, const float* weight, const float* bias,
                           const TensorRef& out);
// weight [out, c].
void reference_matmul(const TensorRef& x, const float* weight, const float* bias, const TensorRef& out);

}  // namespace cuhue::cpu
