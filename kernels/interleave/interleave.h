// Four small planes to one of twice their size.
#pragma once

#include "kernels/core/tensor.h"

namespace cuhue {

// out pixel (2i + p, 2j + q) of channel k is pixel (i + s p, j + s q) of channel (2p + q) c + k of x. s = 1:
// what the four phases of a convolution over an enlarged input make (runtime/graph/layer_params.h) in one
// convolution of 2x2 over the input with a border of one pixel. s = 0: those of a transposed convolution of
// 2x2 and stride 2, in one of 1x1.
struct InterleaveParams {
  TensorRef x;    // [n, 4 c, h + s, w + s]; c in whole blocks
  TensorRef out;  // [n, c, 2 h, 2 w], equal block
};
void interleave_cpu(const InterleaveParams& p);

}  // namespace cuhue
