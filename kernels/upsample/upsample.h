// Integer-factor upsampling.
#pragma once

#include "kernels/core/device_tensor.h"
#include "kernels/core/stream.h"
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

struct UpsampleDeviceParams {
  DeviceTensor x, out;  // [n, h, w, c] -> [n, factor h, factor w, c]
  int factor = 2;
  float scale = 1.0f;
};
void upsample_nearest_cuda(const UpsampleDeviceParams& p, Stream stream);
void upsample_bilinear_cuda(const UpsampleDeviceParams& p, Stream stream);

}  // namespace cuhue
