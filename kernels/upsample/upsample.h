// Integer-factor upsampling.
#pragma once

#include "kernels/core/tensor.h"

namespace cuhue {

struct UpsampleParams {
  TensorRef x, out;  // [n, c, h, w] -> [n, c, factor h, factor w], equal block
  int factor = 2;
  float scale = 1.0f;  // the result times this
};
void upsample_nearest_cpu(const UpsampleParams& p);
// align_corners=False, as torch: source (i + 0.5) / factor - 0.5, clamped at the borders.
void upsample_bilinear_cpu(const UpsampleParams& p);

}  // namespace cuhue
