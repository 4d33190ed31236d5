// The goldens of Pillow's bicubic: their pictures (tests/golden/make_pillow_golden.py) and their hash.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/kernels/support.h"

namespace cuhue::test {

// [h, w, 3] bytes of noise.
inline std::vector<std::uint8_t> golden_picture(std::int64_t w, std::int64_t h) {
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(w * h * 3));
  for (std::size_t i = 0; i < rgb.size(); ++i)
    rgb[i] = static_cast<std::uint8_t>(
        splitmix64(i * 0x9E3779B97F4A7C15u + static_cast<std::uint64_t>(w * 65536 + h)) >> 56);
  return rgb;
}

inline std::uint64_t fnv1a64(const std::vector<std::uint8_t>& data) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const std::uint8_t byte : data) hash = (hash ^ byte) * 0x100000001B3u;
  return hash;
}

}  // namespace cuhue::test
