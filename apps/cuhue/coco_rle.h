// Masks as COCO's files have them: lengths of runs down the columns, of 0 and 1 in turns, 0 first.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cuhue::app {

// Nonzero bytes [h, w] of the photo's pixels from x, y; nothing elsewhere.
struct MaskRectangle {
  std::int64_t x = 0, y = 0, w = 0, h = 0;
  std::vector<std::uint8_t> bytes;
};

using Runs = std::vector<std::int64_t>;

// The compressed string of counts. Throws std::invalid_argument with what is wrong with it.
Runs parse_runs(std::string_view text);
std::string runs_text(std::span<const std::int64_t> runs);

// Of a photo of this size; the rectangle is the least one. Throws std::invalid_argument: a run below 0, or
// runs that are not exactly all pixels. at_most: bytes of the rectangle.
MaskRectangle mask_of_runs(std::span<const std::int64_t> runs, std::int64_t width, std::int64_t height,
                           std::int64_t at_most);
// mask: nonzero bytes, rows `stride` bytes apart, of the photo's pixels in `place` (whose bytes do not
// count).
Runs runs_of_mask(const std::uint8_t* mask, std::ptrdiff_t stride, const MaskRectangle& place,
                  std::int64_t width, std::int64_t height);

}  // namespace cuhue::app
