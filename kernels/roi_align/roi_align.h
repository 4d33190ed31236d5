// Crops of a fixed size from the level of a pyramid that suits each box (He et al. 2017; aligned, with as
// many samples a bin as it has pixels).
#pragma once

#include <cstdint>

#include "kernels/core/device_tensor.h"
#include "kernels/core/stream.h"
#include "kernels/core/tensor.h"

namespace cuhue {

constexpr int kCropLevels = 4;  // of strides 4, 8, 16, 32

// Where crop elements go: element (i, c, bin) of box i, bin = y * size + x, stands at data[i * box_stride + c
// * channel_stride + bin * bin_stride].
struct CropPlace {
  float* data = nullptr;
  std::int64_t box_stride = 0, channel_stride = 0, bin_stride = 1;
};

struct RoiAlignParams {
  TensorRef levels[kCropLevels];  // [1, c, h, w], any block, the same c
  const float* boxes = nullptr;   // [count, 4] in pixels of the image
  int count = 0;
  int size = 7;
  CropPlace out;
};
void roi_align_cpu(const RoiAlignParams& p);

struct RoiAlignDeviceParams {
  DeviceTensor levels[kCropLevels];  // [1, h, w, c], any element and pitch
  const float* boxes = nullptr;      // [count, 4] in device memory
  int count = 0;                     // boxes without area give zeros
  int size = 7;
  CropPlace out;
};
void roi_align_cuda(const RoiAlignDeviceParams& p, Stream stream);

}  // namespace cuhue
