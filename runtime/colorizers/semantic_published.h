// The arithmetic around the networks of Semantic-driven Colorization as its authors' program does it, byte by
// byte: their sizes, roundings and wrapping bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/core/photo.h"

namespace cuhue::semantic_published {

constexpr std::int64_t kSide = 352;  // of everything; the photo's aspect is not kept

// OpenCV's imread (alpha dropped, the high byte of 16 bits), cubic resize and BGR2GRAY: [out_h, out_w].
std::vector<std::uint8_t> grey_of(const PhotoRef& photo, std::int64_t out_h = kSide,
                                  std::int64_t out_w = kSide);

struct Lab8 {
  std::uint8_t l, a, b;  // L* 255 / 100, a* + 128, b* + 128
};
struct Rgb8 {
  std::uint8_t r, g, b;
};

// From what the network saw and gave: truncated, and wrapping where a byte ends.
Lab8 lab_of(std::uint8_t grey, float first, float second);
// OpenCV's Lab2RGB of bytes.
Rgb8 rgb_of(const Lab8& lab);
// Pixels of `out`, kSide x kSide, any format in colour; 16 bits are bytes times 257, alpha is opaque.
// planes: [2, kSide, kSide].
void write_picture(std::span<const std::uint8_t> grey, const float* planes, const MutablePhotoRef& out);

// What a label is after it was the network's input once.
std::uint8_t label_after(std::uint8_t label);

}  // namespace cuhue::semantic_published
