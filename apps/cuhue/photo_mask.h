// What `colorize` is to colour of each photo: a mask from a file, or rectangles.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/cuhue/api.h"
#include "apps/cuhue/extra.h"
#include "apps/cuhue/options.h"

namespace cuhue::app {

class PhotoMask final : public Extra {
 public:
  // Reads --mask. Throws Failure: CUHUE_INPUT, CUHUE_USAGE when system masks-gan has no mask.
  explicit PhotoMask(const ColorizeOptions& options);
  std::vector<FileUse> inputs() const override { return {{name_, "--mask"}}; }
  // CUHUE_INPUT when the file is of another size, CUHUE_USAGE when a rectangle lies outside.
  void check_photo(std::int64_t width, std::int64_t height) const override;
  // CUHUE_USAGE when a mask is given to a system that takes none, or the one that needs it has none.
  void set_up(cuhue_colorizer* colorizer) const override;
  void change(cuhue_colorize_options& options) const override { options.gate = gate_ ? 1 : 0; }
  void before(const ExtraCall& call) const override;

 private:
  std::string name_;
  Picture picture_;  // empty: no file
  cuhue_pixels pixels_{};
  std::vector<Rectangle> rectangles_;
  bool gate_;
};

// Always there: without a mask it says what masks-gan lacks.
std::unique_ptr<Extra> make_mask_extra(const ColorizeOptions& options);

// Grey levels [height, width]: white inside of the rectangles.
std::vector<std::uint8_t> draw_rectangles(std::span<const Rectangle> rectangles, std::int64_t width,
                                          std::int64_t height);

}  // namespace cuhue::app
