// Softmax over channels with a temperature.
#pragma once

#include "kernels/core/tensor.h"

namespace cuhue {

struct SoftmaxParams {
  TensorRef x, out;          // [n, c, h, w], equal block; out may be x
  float temperature = 1.0f;  // softmax(x / temperature), maximum subtracted first
};
void softmax_cpu(const SoftmaxParams& p);

}  // namespace cuhue
