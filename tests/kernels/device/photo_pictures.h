// Photos of noise in every format, in device memory: what the tests of prepare and merge share.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/core/photo.h"
#include "tests/executor/device_array.h"
#include "tests/kernels/support.h"

namespace cuhue::test {

using Bytes = std::vector<std::uint8_t>;

// A format of photos: the samples of a pixel, their size, and where each colour is.
struct PhotoFormat {
  int channels, size, red, green, blue, alpha;
  bool nv12 = false;
  YuvCoding coding = YuvCoding::bt709_limited;
};
inline constexpr PhotoFormat kPhotoFormats[] = {
    {3, 1, 0, 1, 2, -1},
    {3, 1, 2, 1, 0, -1},
    {4, 1, 0, 1, 2, 3},
    {4, 1, 2, 1, 0, 3},
    {4, 1, 1, 2, 3, 0},
    {1, 1, 0, 0, 0, -1},
    {2, 1, 0, 0, 0, 1},
    {3, 2, 0, 1, 2, -1},
    {4, 2, 0, 1, 2, 3},
    {1, 2, 0, 0, 0, -1},
    {2, 2, 0, 0, 0, 1},
    {1, 1, 0, 0, 0, -1, true, YuvCoding::bt601_full},
    {1, 1, 0, 0, 0, -1, true, YuvCoding::bt709_limited},
};

// Noise in host and device memory, the same bytes: rows `padding` bytes apart, the first one `offset` bytes
// into an aligned address. Nothing lies before the first or after the last byte of the picture.
class DevicePhoto {
 public:
  DevicePhoto(const PhotoFormat& f, std::int64_t w, std::int64_t h, std::int64_t padding, std::int64_t offset,
              std::uint64_t seed)
      : offset_(offset),
        stride_(w * f.channels * f.size + padding),
        chroma_stride_((w + 1) / 2 * 2 + padding),
        chroma_at_(offset + stride_ * (h - 1) + w * f.channels * f.size),
        host_(static_cast<std::size_t>(
            chroma_at_ + (f.nv12 ? offset + chroma_stride_ * ((h + 1) / 2 - 1) + (w + 1) / 2 * 2 : 0))),
        device_(host_.size()) {
    for (std::size_t i = 0; i < host_.size(); ++i) host_[i] = static_cast<std::uint8_t>(splitmix64(seed + i));
    // Levels at the ends of the range, where curves bend and results are clipped.
    for (std::size_t i = 0; i < host_.size(); i += 11) host_[i] = i % 2 == 0 ? 0 : 255;
    device_.write(host_);
    ref_ = {nullptr, w,      h,      static_cast<std::ptrdiff_t>(stride_), f.channels, f.size, f.red,
            f.green, f.blue, f.alpha};
    ref_.coding = f.coding;
    ref_.chroma_stride = static_cast<std::ptrdiff_t>(chroma_stride_);
    nv12_ = f.nv12;
  }
  PhotoRef host() const { return at(host_.data()); }
  PhotoRef device() const { return at(device_.data()); }
  const Bytes& host_bytes() const { return host_; }
  DeviceArray<std::uint8_t>& device_memory() { return device_; }
  std::int64_t offset() const { return offset_; }

 private:
  PhotoRef at(const std::uint8_t* memory) const {
    PhotoRef ref = ref_;
    ref.data = memory + offset_;
    if (nv12_) ref.chroma = memory + chroma_at_ + offset_;
    return ref;
  }

  std::int64_t offset_, stride_, chroma_stride_, chroma_at_;
  Bytes host_;
  DeviceArray<std::uint8_t> device_;
  PhotoRef ref_;
  bool nv12_ = false;
};

}  // namespace cuhue::test
