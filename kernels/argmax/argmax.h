// Which channel of a pixel is the greatest.
#pragma once

#include "kernels/core/device_tensor.h"
#include "kernels/core/stream.h"
#include "kernels/core/tensor.h"

namespace cuhue {

// The index of the greatest channel, of equal ones the lowest; NaN where a channel is NaN: a broken network
// has no labels.
struct ArgmaxParams {
  TensorRef x;    // [n, c, h, w], any block
  TensorRef out;  // [n, 1, h, w], block 1; not x
};
void argmax_cpu(const ArgmaxParams& p);

struct ArgmaxDeviceParams {
  DeviceTensor x;    // [n, h, w, c], any element and pitch
  DeviceTensor out;  // [n, h, w, 1], any element that holds the indices, any pitch; not x
};
void argmax_cuda(const ArgmaxDeviceParams& p, Stream stream);

}  // namespace cuhue
