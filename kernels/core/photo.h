// Packed pixels as kernels take them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cuhue {

// What the Y, U and V of video stand for: the matrix of ITU-R BT.601 or BT.709; luma in 16..235 and chroma in
// 16..240 ("limited"), or both in 0..255 ("full", as JPEG with BT.601).
enum class YuvCoding : std::uint8_t { bt601_limited, bt601_full, bt709_limited, bt709_full };

// Interleaved samples of a photo, rows `stride` bytes apart. red/green/blue/alpha are sample indices inside a
// pixel: rgb 0,1,2; bgr 2,1,0; grey 0,0,0. alpha -1 = none.
//
// NV12, as input only: `chroma` is set. `data` and `stride` are of Y [height, width]; chroma holds pairs (U,
// V) [ceil(height / 2), ceil(width / 2), 2], rows `chroma_stride` bytes apart, each pair for its four pixels
// (nearest chroma sample). 8 bits, channels 1, no alpha; red, green and blue are not looked at. Its meaning
// is the 8-bit RGB picture of kernels/color/yuv.h.
template <class Byte>
struct PhotoRefOf {
  Byte* data = nullptr;
  std::int64_t width = 0, height = 0;
  std::ptrdiff_t stride = 0;
  int channels = 3;          // samples a pixel
  int bytes_per_sample = 1;  // 1, or 2 in the machine's byte order
  int red = 0, green = 1, blue = 2, alpha = -1;
  Byte* chroma = nullptr;
  std::ptrdiff_t chroma_stride = 0;
  YuvCoding coding = YuvCoding::bt709_limited;

  constexpr bool nv12() const { return chroma != nullptr; }
  friend bool operator==(const PhotoRefOf&, const PhotoRefOf&) = default;  // the same place and layout
};
using PhotoRef = PhotoRefOf<const std::uint8_t>;
using MutablePhotoRef = PhotoRefOf<std::uint8_t>;

// [height, width, 3] bytes of red, green and blue without gaps between rows.
template <class Byte>
constexpr PhotoRefOf<Byte> rgb_photo(Byte* data, std::int64_t width, std::int64_t height) {
  return {data, width, height, static_cast<std::ptrdiff_t>(3 * width)};
}

// A part of a photo. Of NV12 x and y must be even.
constexpr PhotoRef crop_of(PhotoRef photo, std::int64_t x, std::int64_t y, std::int64_t w, std::int64_t h) {
  photo.data += y * photo.stride + x * photo.channels * photo.bytes_per_sample;
  if (photo.nv12()) photo.chroma += y / 2 * photo.chroma_stride + x;
  photo.width = w;
  photo.height = h;
  return photo;
}

}  // namespace cuhue
