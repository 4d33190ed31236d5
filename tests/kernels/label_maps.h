// Label maps with gaps between their rows, for the tests of both executions.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/labels/labels.h"
#include "tests/kernels/support.h"

namespace cuhue::test {

struct LabelMap {
  static constexpr std::uint8_t kGap = 0xEE;

  LabelMap(std::int64_t w, std::int64_t h, std::ptrdiff_t gap = 0)
      : width(w), height(h), stride(w + gap), bytes(static_cast<std::size_t>(stride * h), kGap) {}
  std::uint8_t& at(std::int64_t x, std::int64_t y) { return bytes[static_cast<std::size_t>(y * stride + x)]; }
  LabelMapRef<std::uint8_t> ref() { return {bytes.data(), width, height, stride}; }
  LabelMapRef<const std::uint8_t> view() const { return {bytes.data(), width, height, stride}; }

  std::int64_t width, height;
  std::ptrdiff_t stride;
  std::vector<std::uint8_t> bytes;
};

// Patches of a few labels, with single pixels of others in between.
inline LabelMap patches(std::int64_t w, std::int64_t h, std::uint64_t seed, std::ptrdiff_t gap = 0) {
  LabelMap map(w, h, gap);
  Random random(seed);
  for (std::int64_t y = 0; y < h; ++y)
    for (std::int64_t x = 0; x < w; ++x) {
      const std::uint64_t patch = splitmix64(seed + static_cast<std::uint64_t>(y / 5 * 1000 + x / 7));
      map.at(x, y) = static_cast<std::uint8_t>(random.next() % 4 == 0 ? random.next() % 60 : patch % 5 * 13);
    }
  return map;
}

struct LabelSizes {
  std::int64_t in_w, in_h, out_w, out_h;
};
inline constexpr LabelSizes kLabelSizes[] = {{35, 22, 35, 22}, {35, 22, 70, 61}, {61, 70, 22, 35},
                                             {13, 90, 40, 31}, {1, 1, 9, 5},     {9, 5, 1, 1},
                                             {7, 500, 32, 64}, {352, 3, 32, 32}, {64, 33, 63, 32}};

inline LabelPalette test_palette() {
  LabelPalette palette;
  for (int i = 0; i < 256; ++i)
    for (int c = 0; c < 3; ++c) palette.rgb[i][c] = static_cast<std::uint8_t>(i * (7 + 4 * c) + c);
  return palette;
}

}  // namespace cuhue::test
