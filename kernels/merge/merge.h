// The end of a colorization in one op: upsample ab to the photo, take the photo's own luminance, Lab to RGB,
// bytes.
#pragma once

#include <cstdint>

#include "kernels/core/device_tensor.h"
#include "kernels/core/photo.h"
#include "kernels/core/stream.h"

namespace cuhue {

enum class ByteRounding : std::uint8_t { nearest_even, truncate };

struct MergeParams {
  PhotoRef photo;  // L* comes from here, at full resolution and full depth
  // Same width, height and sample size, interleaved; 3 or 4 channels; may be the photo itself (in place).
  MutablePhotoRef out;
  const float* ab =
      nullptr;  // [2, ab_h, ab_w] in ab units, dense; torch bilinear (align_corners=False) to the photo
  std::int64_t ab_h = 0, ab_w = 0;
  float chroma = 1.0f;  // ab times this
  ByteRounding rounding = ByteRounding::nearest_even;
};

// Alpha is copied (opaque where the photo has none). Allocates nothing.
void merge_cpu(const MergeParams& p);

// On CUDA the network's own last upsampling may be left to this kernel: the map it reads is then `ab`
// upsampled by `factor` (as kernels/upsample does it, with its scale), which is never stored.
enum class AbUpsampling : std::uint8_t { none, nearest, bilinear };

struct MergeDeviceParams {
  PhotoRef photo;
  MutablePhotoRef out;  // may be the photo itself
  DeviceTensor ab;      // [1, h, w, 2], any element and pitch
  AbUpsampling upsampling = AbUpsampling::none;
  int factor = 1;
  float scale = 1.0f;
  float chroma = 1.0f;
  ByteRounding rounding = ByteRounding::nearest_even;
  int* not_finite = nullptr;  // set to 1 when ab holds NaN or infinity; never cleared here; may be nullptr
};
// One launch, any size.
void merge_cuda(const MergeDeviceParams& p, Stream stream);

}  // namespace cuhue
