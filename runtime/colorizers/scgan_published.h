// SCGAN as its authors' validation script has it: every photo 256x256, and the network's own brightness.
#pragma once

#include <cstdint>

#include "kernels/core/tensor.h"
#include "runtime/image/pixels.h"

namespace cuhue::scgan_published {

inline constexpr std::int64_t kSide = 256;

// Pixels in host memory to the network's input [1, 1 or 3, kSide, kSide]: the photo as bytes, resized as
// OpenCV does it, then its grey (OpenCV's weights), or blue, green and red, / 255.
void fill_input(const ConstPixelView& photo, const TensorRef& grey);

// The network's output [1, 3, kSide, kSide] times 255, below 0 is 0, cut off to bytes, resized to the photo
// as OpenCV does it. blue_first: its channels are blue, green, red. Alpha is that of `photo`; 16-bit samples
// are 257 times the bytes.
void write_picture(const TensorRef& color, bool blue_first, const ConstPixelView& photo,
                   const PixelView& out);

}  // namespace cuhue::scgan_published
