// Which part of a photo is to be coloured.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/core/photo.h"
#include "kernels/merge/merge.h"
#include "runtime/image/pixels.h"

namespace cuhue {

// Levels of a photo's pixels: 255 = colour, 0 = leave grey.
class Mask {
 public:
  // Of a picture its luma (BT.601), as bytes; alpha is not looked at. Error(Status::usage) for video.
  explicit Mask(const ConstPixelView& picture);
  std::int64_t width() const { return width_; }
  std::int64_t height() const { return height_; }
  PhotoRef photo() const;
  GateRef gate() const { return {levels_.data(), static_cast<std::ptrdiff_t>(width_)}; }

 private:
  std::int64_t width_, height_;
  std::vector<std::uint8_t> levels_;
};

}  // namespace cuhue
