#include "runtime/image/orient.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

namespace cuhue {
namespace {

// Where the pixel of the upright picture comes from: byte offset = first + x * step_x + y * step_y.
struct Walk {
  std::ptrdiff_t first, step_x, step_y;
};

Walk walk_of(int orientation, std::int64_t width, std::int64_t height, std::ptrdiff_t pixel) {
  const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(width) * pixel;
  const std::ptrdiff_t right = row - pixel;  // last column
  const std::ptrdiff_t bottom = (static_cast<std::ptrdiff_t>(height) - 1) * row;
  switch (orientation) {
    case 2: return {right, -pixel, row};            // mirrored left to right
    case 3: return {right + bottom, -pixel, -row};  // half a turn
    case 4: return {bottom, pixel, -row};           // mirrored top to bottom
    case 5: return {0, row, pixel};                 // mirrored at the main diagonal
    case 6: return {bottom, -row, pixel};           // needs a quarter turn clockwise
    case 7: return {right + bottom, -row, -pixel};  // mirrored at the other diagonal
    default: return {right, row, -pixel};           // 8: needs a quarter turn anticlockwise
  }
}

// In tiles: a turn reads along columns, and a whole column of a photo does not fit the cache.
template <int Pixel>
void copy_turned(const std::uint8_t* from, const Walk& walk, std::uint8_t* to, std::int64_t width,
                 std::int64_t height) {
  constexpr std::int64_t kTile = 32;
  for (std::int64_t y0 = 0; y0 < height; y0 += kTile)
    for (std::int64_t x0 = 0; x0 < width; x0 += kTile)
      for (std::int64_t y = y0; y < std::min(y0 + kTile, height); ++y) {
        const std::uint8_t* source = from + walk.first + x0 * walk.step_x + y * walk.step_y;
        std::uint8_t* target = to + (y * width + x0) * Pixel;
        for (std::int64_t x = x0; x < std::min(x0 + kTile, width);
             ++x, source += walk.step_x, target += Pixel)
          std::memcpy(target, source, Pixel);
      }
}

}  // namespace

void apply_orientation(Image& image, int orientation) {
  if (orientation < 2 || orientation > 8 || image.pixels.empty()) return;
  const int pixel = bytes_per_pixel(image.format);
  const Walk walk = walk_of(orientation, image.width, image.height, pixel);
  if (orientation >= 5) std::swap(image.width, image.height);
  std::vector<std::uint8_t> turned(image.pixels.size());
  const std::uint8_t* from = image.pixels.data();
  switch (pixel) {
    case 1: copy_turned<1>(from, walk, turned.data(), image.width, image.height); break;
    case 2: copy_turned<2>(from, walk, turned.data(), image.width, image.height); break;
    case 3: copy_turned<3>(from, walk, turned.data(), image.width, image.height); break;
    case 4: copy_turned<4>(from, walk, turned.data(), image.width, image.height); break;
    case 6: copy_turned<6>(from, walk, turned.data(), image.width, image.height); break;
    default: copy_turned<8>(from, walk, turned.data(), image.width, image.height); break;
  }
  image.pixels = std::move(turned);
}

}  // namespace cuhue
