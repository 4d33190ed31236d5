// EXIF blocks: a TIFF structure in memory. Only the orientation is understood; everything else passes
// through.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cuhue {

// True when the block starts with a TIFF header of either byte order.
bool is_exif(std::span<const std::uint8_t> block);

// The orientation tag (0x0112) of the first directory: 1..8 as TIFF 6.0 defines it; 1 when it is absent, out
// of range or the block is damaged. Never reads outside the block.
int exif_orientation(std::span<const std::uint8_t> block);

// Makes the block true for pixels that have been turned upright: orientation 1 and, when the turn swapped the
// sides, PixelXDimension and PixelYDimension swapped. The embedded thumbnail stays as it is. A block without
// these tags is left alone.
void make_exif_upright(std::vector<std::uint8_t>& block);

}  // namespace cuhue
