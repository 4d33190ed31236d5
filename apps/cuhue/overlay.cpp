#include "apps/cuhue/overlay.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>

#include "apps/cuhue/detection_file.h"
#include "apps/cuhue/overlay_font.h"

namespace cuhue::app {
namespace {

using Rgb = std::array<std::uint8_t, 3>;

// Neighbours in the order differ much: hues a golden section apart.
Rgb color_of(std::size_t object) {
  const double hue = std::fmod(static_cast<double>(object) * 0.6180339887498949, 1.0) * 6;
  Rgb rgb{};
  for (std::size_t c = 0; c < 3; ++c) {
    const double distance = std::abs(std::fmod(hue + 6 - 2 * static_cast<double>(c), 6.0) - 3);
    rgb[c] = static_cast<std::uint8_t>(std::lround(255 * (0.2 + 0.8 * std::clamp(distance - 1, 0.0, 1.0))));
  }
  return rgb;
}

class Canvas {
 public:
  explicit Canvas(const cuhue_pixels& pixels) : pixels_(pixels) {}

  void blend(std::int64_t x, std::int64_t y, const Rgb& color, int percent) const {
    if (x < 0 || y < 0 || x >= pixels_.width || y >= pixels_.height) return;
    std::uint8_t* p = static_cast<std::uint8_t*>(pixels_.data) + y * pixels_.stride + 3 * x;
    for (std::size_t c = 0; c < 3; ++c)
      p[c] = static_cast<std::uint8_t>((p[c] * (100 - percent) + color[c] * percent + 50) / 100);
  }
  // [x0, x1) x [y0, y1), as far as the picture goes.
  void fill(std::int64_t x0, std::int64_t y0, std::int64_t x1, std::int64_t y1, const Rgb& color) const {
    for (std::int64_t y = std::max<std::int64_t>(y0, 0); y < std::min(y1, pixels_.height); ++y)
      for (std::int64_t x = std::max<std::int64_t>(x0, 0); x < std::min(x1, pixels_.width); ++x)
        blend(x, y, color, 100);
  }
  void frame(std::int64_t x0, std::int64_t y0, std::int64_t x1, std::int64_t y1, std::int64_t line,
             const Rgb& color) const {
    fill(x0, y0, x1, y0 + line, color);
    fill(x0, y1 - line, x1, y1, color);
    fill(x0, y0, x0 + line, y1, color);
    fill(x1 - line, y0, x1, y1, color);
  }
  // On a ground of `color`, letters black or white, whichever is easier to read.
  void label(std::int64_t x, std::int64_t y, const std::string& text, std::int64_t scale,
             const Rgb& color) const {
    const std::int64_t advance = (kGlyphWidth + 1) * scale, margin = scale;
    fill(x, y, x + advance * static_cast<std::int64_t>(text.size()) + margin, y + (kGlyphHeight + 2) * scale,
         color);
    const int luma = (299 * color[0] + 587 * color[1] + 114 * color[2]) / 1000;
    const Rgb ink = luma > 127 ? Rgb{0, 0, 0} : Rgb{255, 255, 255};
    x += margin;
    for (const char c : text) {
      const auto* glyph = std::ranges::find(
          kGlyphs, static_cast<char>(std::toupper(static_cast<unsigned char>(c))), &Glyph::letter);
      for (int row = 0; glyph != std::end(kGlyphs) && row < kGlyphHeight; ++row) {
        for (int column = 0; column < kGlyphWidth; ++column) {
          if ((glyph->rows[row] >> (kGlyphWidth - 1 - column) & 1) == 0) continue;
          const std::int64_t left = x + column * scale, top = y + (row + 1) * scale;
          fill(left, top, left + scale, top + scale, ink);
        }
      }
      x += advance;
    }
  }

 private:
  const cuhue_pixels& pixels_;
};

struct Format {
  int channels, size;
  bool bgr;
};
Format format_of(cuhue_pixel_format format) {
  switch (format) {
    case CUHUE_GREY8: return {1, 1, false};
    case CUHUE_GREY_ALPHA8: return {2, 1, false};
    case CUHUE_RGB8: return {3, 1, false};
    case CUHUE_RGBA8: return {4, 1, false};
    case CUHUE_BGR8: return {3, 1, true};
    case CUHUE_BGRA8: return {4, 1, true};
    case CUHUE_GREY16: return {1, 2, false};
    case CUHUE_GREY_ALPHA16: return {2, 2, false};
    case CUHUE_RGB16: return {3, 2, false};
    case CUHUE_RGBA16: return {4, 2, false};
    default: throw Failure(CUHUE_USAGE, "an overlay is drawn over pictures, not over video");
  }
}

void copy_photo(const cuhue_pixels& from, const cuhue_pixels& to) {
  const Format f = format_of(from.format);
  const auto stride =
      from.stride != 0 ? from.stride : static_cast<std::ptrdiff_t>(from.width * f.channels * f.size);
  for (std::int64_t y = 0; y < from.height; ++y) {
    const auto* row = static_cast<const std::uint8_t*>(from.data) + y * stride;
    std::uint8_t* out = static_cast<std::uint8_t*>(to.data) + y * to.stride;
    for (std::int64_t x = 0; x < from.width; ++x, row += f.channels * f.size) {
      for (int c = 0; c < 3; ++c) {
        const int channel = f.channels <= 2 ? 0 : f.bgr ? 2 - c : c;
        std::uint16_t sample = row[channel];
        if (f.size == 2) {
          std::memcpy(&sample, row + 2 * channel, 2);
          sample = static_cast<std::uint16_t>((sample + 128) / 257);
        }
        *out++ = static_cast<std::uint8_t>(sample);
      }
    }
  }
}

}  // namespace

Picture draw_overlay(const cuhue_pixels& photo, const cuhue_detections* detections) {
  auto picture = make<Picture>(cuhue_image_create, photo.width, photo.height, CUHUE_RGB8, nullptr);
  auto pixels = sized<cuhue_pixels>();
  call(cuhue_image_pixels, picture.get(), &pixels);
  copy_photo(photo, pixels);
  const Canvas canvas(pixels);
  constexpr int kVeil = 40;  // percent
  const std::int64_t scale = std::max<std::int64_t>(1, std::min(photo.width, photo.height) / 300);
  const std::size_t count = cuhue_detections_count(detections);
  std::vector<cuhue_detection> objects(count, sized<cuhue_detection>());
  for (std::size_t i = 0; i < count; ++i) {
    cuhue_detection& o = objects[i];
    call(cuhue_detections_at, detections, i, &o);
    for (std::int64_t y = 0; y < o.mask_height; ++y)
      for (std::int64_t x = 0; x < o.mask_width; ++x)
        if (o.mask[y * static_cast<std::ptrdiff_t>(o.mask_width) + x] != 0)
          canvas.blend(o.mask_x + x, o.mask_y + y, color_of(i), kVeil);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const cuhue_detection& o = objects[i];
    canvas.frame(std::lround(o.x0), std::lround(o.y0), std::lround(o.x1), std::lround(o.y1), scale,
                 color_of(i));
  }
  for (std::size_t i = 0; i < count; ++i) {  // no box hides a name
    const cuhue_detection& o = objects[i];
    const std::string text =
        class_name(o.class_index) + " " + std::to_string(std::lround(100 * o.score)) + "%";
    canvas.label(std::lround(o.x0), std::lround(o.y0), text, scale, color_of(i));
  }
  return picture;
}

}  // namespace cuhue::app
