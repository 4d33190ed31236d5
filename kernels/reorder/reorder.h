// Copies between channel-blocked layouts.
#pragma once

#include "kernels/core/tensor.h"

namespace cuhue {

struct ReorderParams {
  TensorRef x, out;  // equal dims, any two blocks, any batch strides; padding channels of out become 0
};
void reorder_cpu(const ReorderParams& p);

}  // namespace cuhue
