// Changes of layout and precision: the caller's planes to and from channels last, checkpoint weights to the
// layouts that convolutions read.
#pragma once

#include <cstdint>

#include "kernels/core/device_tensor.h"
#include "kernels/core/stream.h"

namespace cuhue {

struct PackDeviceParams {
  const float* planes = nullptr;  // [n, c, h, w] float, dense, device memory
  DeviceTensor out;               // [n, h, w, c]
};
void pack_cuda(const PackDeviceParams& p, Stream stream);

struct UnpackDeviceParams {
  DeviceTensor x;           // [n, h, w, c]
  float* planes = nullptr;  // [n, c, h, w] float, dense, device memory
};
void unpack_cuda(const UnpackDeviceParams& p, Stream stream);

// How a convolution's weight lies in memory; k = output channels, r, s = kernel rows, columns, c = input
// channels.
enum class WeightOrder : std::uint8_t {
  krsc,  // cuDNN's NHWC filter, and our implicit GEMM; of a transposed convolution k is still its output
  crsk,  // of transposed convolutions: cuDNN's data-gradient filter
  rsck,  // few input channels: neighbouring threads make neighbouring outputs
};

struct PackWeightDeviceParams {
  const float* weight = nullptr;  // PyTorch's [k, c, r, s]; transposed [c, k, r, s]; device memory
  bool transposed = false;
  std::int64_t k = 0, c = 0;
  int r = 1, s = 1;
  const float* scale = nullptr;  // [k]: a folded batch norm's; nullptr = 1
  WeightOrder order = WeightOrder::krsc;
  Element element = Element::f32;
  void* packed = nullptr;  // k * c * r * s elements, dense
};
void pack_weight_cuda(const PackWeightDeviceParams& p, Stream stream);

}  // namespace cuhue
