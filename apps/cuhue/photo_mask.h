// What `colorize` is to colour of each photo: a mask from a file, or rectangles.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/cuhue/api.h"
#include "apps/cuhue/options.h"

namespace cuhue::app {

class PhotoMask {
 public:
  // Reads --mask. Throws Failure with CUHUE_INPUT.
  explicit PhotoMask(const ColorizeOptions& options);
  // Throws Failure for a photo of this size: CUHUE_INPUT when the file's is another, CUHUE_USAGE when a
  // rectangle lies outside.
  void check_fits(std::int64_t width, std::int64_t height) const;
  // Before a colorizer's first photo. Throws Failure with CUHUE_USAGE when a mask is given to a system that
  // takes none, or the one that needs it has none.
  void give(cuhue_colorizer* colorizer) const;
  // Before each call with these photos.
  void give(cuhue_colorizer* colorizer, std::span<const cuhue_pixels> photos) const;

 private:
  std::string name_;
  Picture picture_;  // empty: no file
  cuhue_pixels pixels_{};
  std::vector<Rectangle> rectangles_;
};

// Grey levels [height, width]: white inside of the rectangles.
std::vector<std::uint8_t> draw_rectangles(std::span<const Rectangle> rectangles, std::int64_t width,
                                          std::int64_t height);

}  // namespace cuhue::app
