// Packed pixels as kernels take them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cuhue {

// Interleaved samples of a photo, rows `stride` bytes apart. red/green/blue/alpha are sample indices inside a
// pixel: rgb 0,1,2; bgr 2,1,0; grey 0,0,0. alpha -1 = none.
template <class Byte>
struct PhotoRefOf {
  Byte* data = nullptr;
  std::int64_t width = 0, height = 0;
  std::ptrdiff_t stride = 0;
  int channels = 3;          // samples a pixel
  int bytes_per_sample = 1;  // 1, or 2 in the machine's byte order
  int red = 0, green = 1, blue = 2, alpha = -1;
};
using PhotoRef = PhotoRefOf<const std::uint8_t>;
using MutablePhotoRef = PhotoRefOf<std::uint8_t>;

}  // namespace cuhue
