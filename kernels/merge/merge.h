// The end of a colorization in one op: upsample ab to the photo, take the photo's own luminance, Lab to RGB,
// bytes.
#pragma once

#include <cstdint>

#include "kernels/core/photo.h"

namespace cuhue {

enum class ByteRounding : std::uint8_t { nearest_even, truncate };

struct MergeParams {
  PhotoRef photo;  // L* comes from here, at full resolution and full depth
  MutablePhotoRef
      out;  // same width, height and sample size; 3 or 4 channels; may be the photo itself (in place)
  const float* ab =
      nullptr;  // [2, ab_h, ab_w] in ab units, dense; torch bilinear (align_corners=False) to the photo
  std::int64_t ab_h = 0, ab_w = 0;
  float chroma = 1.0f;  // ab times this
  ByteRounding rounding = ByteRounding::nearest_even;
};

// Alpha is copied (opaque where the photo has none). Allocates nothing.
void merge_cpu(const MergeParams& p);

}  // namespace cuhue
