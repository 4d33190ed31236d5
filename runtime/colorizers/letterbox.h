// A photo as deep-koalarization's data set has it: 299x299 with its aspect kept, centred on white.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/core/photo.h"
#include "runtime/image/pixels.h"

namespace cuhue {

// As Pillow 4.3 makes it: LANCZOS down to the box; up, where both sides are smaller, by the nearest pixel.
// Keeps its memory from photo to photo; what it returns is overwritten by the next.
class Letterbox {
 public:
  static constexpr std::int64_t kSide = 299;

  // [299, 299] bytes of luma (TensorFlow's rgb_to_grayscale), taken of the photo before it is resized: for a
  // grey photo the published plane, for a colour photo a third of the work.
  std::span<const std::uint8_t> luma(const ConstPixelView& photo);
  // [299, 299, 3] bytes of red, green and blue.
  std::span<const std::uint8_t> colour(const ConstPixelView& photo);

  std::int64_t bytes() const {
    return static_cast<std::int64_t>(samples_.capacity() + rows_.capacity() + box_.capacity());
  }

 private:
  const std::uint8_t* take_rows(const PhotoRef& photo, std::int64_t columns, int planes);
  std::span<const std::uint8_t> fit(const ConstPixelView& photo, int planes);

  std::vector<std::uint8_t> samples_;  // some rows of the photo
  std::vector<std::uint8_t> rows_;     // all of them, shrunk in width
  std::vector<std::uint8_t> box_;      // [299, 299, planes]
  std::vector<std::int32_t> weights_, first_, count_;
};

// trunc(255.5 (0.2989 R + 0.587 G + 0.114 B)) of bytes as 0..1, in single precision; a grey maps to itself.
std::uint8_t koala_luma(std::uint8_t red, std::uint8_t green, std::uint8_t blue);

}  // namespace cuhue
