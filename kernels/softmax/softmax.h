// Softmax over channels with a temperature.
#pragma once

#include "kernels/core/device_tensor.h"
#include "kernels/core/stream.h"
#include "kernels/core/tensor.h"

namespace cuhue {

struct SoftmaxParams {
  TensorRef x, out;          // [n, c, h, w], equal block; out may be x
  float temperature = 1.0f;  // softmax(x / temperature), maximum subtracted first
};
void softmax_cpu(const SoftmaxParams& p);

struct SoftmaxDeviceParams {
  DeviceTensor x, out;  // [n, h, w, c], any elements and pitches; out may be x
  float temperature = 1.0f;
};
void softmax_cuda(const SoftmaxDeviceParams& p, Stream stream);

}  // namespace cuhue
