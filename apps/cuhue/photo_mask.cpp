#include "apps/cuhue/photo_mask.h"

#include <algorithm>
#include <string_view>

namespace cuhue::app {
namespace {

std::string size_text(std::int64_t width, std::int64_t height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

[[noreturn]] void no_mask() {
  throw Failure(CUHUE_USAGE,
                "system masks-gan colours what a mask shows; give one with --mask FILE or "
                "--mask-rect X,Y,W,H");
}

}  // namespace

std::vector<std::uint8_t> draw_rectangles(std::span<const Rectangle> rectangles, std::int64_t width,
                                          std::int64_t height) {
  std::vector<std::uint8_t> levels(static_cast<std::size_t>(width * height), 0);
  for (const Rectangle& r : rectangles) {
    const std::int64_t right = std::min(r.x + r.width, width), bottom = std::min(r.y + r.height, height);
    for (std::int64_t y = r.y; y < bottom; ++y)
      std::fill(levels.data() + y * width + std::min(r.x, right), levels.data() + y * width + right,
                std::uint8_t{255});
  }
  return levels;
}

PhotoMask::PhotoMask(const ColorizeOptions& options)
    : name_(options.mask), rectangles_(options.mask_rectangles), gate_(options.gate) {
  // Known before weights are looked for.
  if (options.system == "masks-gan" && name_.empty() && rectangles_.empty()) no_mask();
  if (name_.empty()) return;
  picture_ = make<Picture>(cuhue_image_read, name_.c_str());
  pixels_ = sized<cuhue_pixels>();
  call(cuhue_image_pixels, picture_.get(), &pixels_);
}

void PhotoMask::check_photo(std::int64_t width, std::int64_t height) const {
  const std::string photo = "the photo " + size_text(width, height);
  if (picture_ && (pixels_.width != width || pixels_.height != height)) {
    throw Failure(CUHUE_INPUT, name_ + ": the mask is " + size_text(pixels_.width, pixels_.height) + ", " +
                                   photo + "; they must be equal");
  }
  for (const Rectangle& r : rectangles_) {
    if (r.x < width && r.y < height) continue;
    throw Failure(CUHUE_USAGE, "--mask-rect " + std::to_string(r.x) + "," + std::to_string(r.y) + "," +
                                   std::to_string(r.width) + "," + std::to_string(r.height) + ": " + photo +
                                   " ends before it");
  }
}

void PhotoMask::set_up(cuhue_colorizer* colorizer) const {
  if (picture_) {
    call(cuhue_colorizer_set_mask, colorizer, CUHUE_ALL_PHOTOS, &pixels_);
  } else if (!rectangles_.empty()) {
    call(cuhue_colorizer_clear_masks, colorizer);
  } else if (std::string_view(cuhue_colorizer_system(colorizer)) == "masks-gan") {
    no_mask();
  }
}

void PhotoMask::before(const ExtraCall& photos) const {
  if (rectangles_.empty()) return;
  call(cuhue_colorizer_clear_masks, photos.colorizer);
  for (std::size_t i = 0; i < photos.photos.size(); ++i) {
    const cuhue_pixels& photo = photos.photos[i];
    std::vector<std::uint8_t> levels = draw_rectangles(rectangles_, photo.width, photo.height);
    auto mask = sized<cuhue_pixels>();
    mask.data = levels.data();
    mask.width = photo.width;
    mask.height = photo.height;
    mask.format = CUHUE_GREY8;
    call(cuhue_colorizer_set_mask, photos.colorizer, i, &mask);
  }
}

std::unique_ptr<Extra> make_mask_extra(const ColorizeOptions& options) {
  return std::make_unique<PhotoMask>(options);
}

}  // namespace cuhue::app
