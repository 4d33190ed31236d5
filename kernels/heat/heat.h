// A heat map over a photo: its grey, and over that, the more a map says, the more of a colour that goes from
// dark blue through red to yellow.
#pragma once

#include <cstdint>

#include "kernels/core/device_tensor.h"
#include "kernels/core/photo.h"
#include "kernels/core/stream.h"

namespace cuhue {

struct HeatParams {
  PhotoRef photo;
  // Same width, height and sample size, interleaved; 3 or 4 channels; may be the photo itself.
  MutablePhotoRef out;
  const float* map =
      nullptr;  // [map_h, map_w] 0..1, clipped; torch bilinear (align_corners=False) to the photo
  std::int64_t map_h = 0, map_w = 0, map_pitch = 0;  // floats from row to row
};
// Alpha is copied (opaque where the photo has none). Allocates nothing.
void heat_cpu(const HeatParams& p);

// All addresses are the device's. The bytes of heat_cpu(). One launch.
void heat_cuda(const HeatParams& p, Stream stream);

}  // namespace cuhue
