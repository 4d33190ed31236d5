// Pooling over windows.
#pragma once

#include <cstdint>

#include "kernels/core/device_tensor.h"
#include "kernels/core/stream.h"
#include "kernels/core/tensor.h"

namespace cuhue {

enum class PoolingKind : std::uint8_t {
  max,
  average,
  average_valid
};  // average_valid: padding is not counted

struct PoolWindow {
  PoolingKind kind = PoolingKind::max;
  int kernel = 2, stride = 2;
  int pad_top = 0, pad_left = 0;  // those below and to the right follow from the sizes
};

struct PoolParams {
  TensorRef x, out;  // [n, c, h, w] -> [n, c, oh, ow], equal block
  PoolWindow window;
};
void pool_cpu(const PoolParams& p);

struct PoolDeviceParams {
  DeviceTensor x, out;
  PoolWindow window;
};
void pool_cuda(const PoolDeviceParams& p, Stream stream);

}  // namespace cuhue
