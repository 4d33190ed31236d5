// 8-bit bilinear resizing as OpenCV does it, which inference code of published systems calls.
#pragma once

#include <cstdint>
#include <vector>

namespace cuhue {

// Interleaved bytes, rows dense.
struct ByteImage {
  std::int64_t width = 0, height = 0, channels = 3;
  std::vector<std::uint8_t> bytes;

  ByteImage(std::int64_t w, std::int64_t h, std::int64_t c)
      : width(w), height(h), channels(c), bytes(static_cast<std::size_t>(w * h * c)) {}
};

// Bit-exact with OpenCV 4.6, INTER_LINEAR: no antialiasing, 11-bit weights; halving both sides exactly takes
// the mean of four.
ByteImage resize_linear(const ByteImage& from, std::int64_t width, std::int64_t height);

}  // namespace cuhue
