#include "runtime/image/exif.h"
#include "runtime/image/orient.h"
#include "tests/image/expect.h"

using namespace cuhue;
using namespace cuhue::fixtures;

namespace {

// The picture as a camera with this orientation stores it, from what the viewer should see. Straight from the
// words of the EXIF specification: which side of the scene row 0 and column 0 of the file are.
Image stored_as(const Image& scene, int orientation) {
  const bool turned = orientation >= 5;
  Image file = scene;
  file.width = turned ? scene.height : scene.width;
  file.height = turned ? scene.width : scene.height;
  const auto pixel = static_cast<std::size_t>(bytes_per_pixel(scene.format));
  for (std::int64_t row = 0; row < file.height; ++row)
    for (std::int64_t column = 0; column < file.width; ++column) {
      // Distance from the side of the scene that row 0 (column 0) of the file lies at.
      std::int64_t x = turned ? row : column;
      std::int64_t y = turned ? column : row;
      const bool from_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
      const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
      if (from_right) x = scene.width - 1 - x;
      if (from_bottom) y = scene.height - 1 - y;
      std::copy_n(scene.pixels.begin() +
                      static_cast<std::ptrdiff_t>(static_cast<std::size_t>(y * scene.width + x) * pixel),
                  pixel,
                  file.pixels.begin() + static_cast<std::ptrdiff_t>(
                                            static_cast<std::size_t>(row * file.width + column) * pixel));
    }
  return file;
}

}  // namespace

TEST_CASE("each EXIF orientation turns a PNG upright, in both byte orders, and is reset in the EXIF kept") {
  const Image scene = pattern(5, 3, PixelFormat::rgb8);
  std::vector<GoodCase> cases;
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (const bool little : {true, false})
      for (const bool as_long : {false, true}) {
        const Image stored = stored_as(scene, orientation);
        PngParts parts{static_cast<std::uint32_t>(stored.width), static_cast<std::uint32_t>(stored.height), 8,
                       2, stored.pixels};
        parts.before_pixels = png_chunk("eXIf", exif({orientation, little, as_long}));
        GoodCase c{"PNG orientation " + std::to_string(orientation) + (little ? " II" : " MM") +
                       (as_long ? " LONG" : ""),
                   png(parts), scene};
        c.want.exif = exif({1, little, as_long});
        cases.push_back(c);
      }
  check_good(cases);
}

TEST_CASE("each EXIF orientation turns a JPEG upright, grey and colour") {
  std::vector<GoodCase> cases;
  for (const PixelFormat format : {PixelFormat::grey8, PixelFormat::rgb8})
    for (int orientation = 1; orientation <= 8; ++orientation) {
      const Image scene = smooth(29, 13, format);
      GoodCase c{"JPEG orientation " + std::to_string(orientation),
                 jpeg(stored_as(scene, orientation), {.exif = exif({orientation})}), scene, 2.0};
      c.want.exif = exif({1});
      cases.push_back(c);
    }
  check_good(cases);
}

TEST_CASE("orientation moves pixels of every size, sides of one and larger than a tile") {
  for (const PixelFormat format : {PixelFormat::grey8, PixelFormat::grey_alpha8, PixelFormat::rgb8,
                                   PixelFormat::rgba8, PixelFormat::rgb16, PixelFormat::rgba16})
    for (const auto& [width, height] :
         {std::pair{1, 1}, std::pair{1, 70}, std::pair{70, 1}, std::pair{32, 32}, std::pair{67, 41}})
      for (int orientation = 1; orientation <= 8; ++orientation) {
        CAPTURE(orientation);
        const Image scene = pattern(width, height, format);
        Image image = stored_as(scene, orientation);
        apply_orientation(image, orientation);
        CHECK(image.width == scene.width);
        CHECK(image.height == scene.height);
        CHECK(image.pixels == scene.pixels);
      }
}

TEST_CASE("EXIF dimensions swap with the sides, and only then") {
  for (const bool little : {true, false})
    for (int orientation = 1; orientation <= 8; ++orientation) {
      Bytes block = exif({orientation, little, false, 40, 30});
      CHECK(exif_orientation(block) == orientation);
      make_exif_upright(block);
      const bool turned = orientation >= 5;
      CHECK(block == exif({1, little, false, turned ? 30U : 40U, turned ? 40U : 30U}));
    }
}

TEST_CASE("an orientation out of range or of another type counts as upright") {
  for (const int orientation : {0, 9, 65535}) {
    CHECK(exif_orientation(exif({orientation})) == 1);
    const Image scene = pattern(3, 2, PixelFormat::grey8);
    PngParts parts{3, 2, 8, 0, scene.pixels};
    parts.before_pixels = png_chunk("eXIf", exif({orientation}));
    Image want = scene;
    want.exif = exif({1});
    check_good({{"orientation " + std::to_string(orientation), png(parts), want}});
  }
  Bytes ascii = exif({6});
  ascii[8 + 2 + 12 + 2] = 2;
  CHECK(exif_orientation(ascii) == 1);
  Bytes two_values = exif({6});
  two_values[8 + 2 + 12 + 4] = 2;
  CHECK(exif_orientation(two_values) == 1);
}

TEST_CASE("damaged EXIF is read inside its bounds, at every cut and with every byte changed") {
  const Bytes whole = exif({6, true, false, 40, 30});
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    cut.shrink_to_fit();
    const int orientation = exif_orientation(cut);
    CHECK((orientation == 1 || orientation == 6));
    make_exif_upright(cut);
    CHECK(cut.size() == size);
    CHECK(exif_orientation(cut) == 1);
  }
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (int value = 0; value < 256; ++value) {
      Bytes changed = whole;
      changed[at] = static_cast<std::uint8_t>(value);
      const int orientation = exif_orientation(changed);
      CHECK((orientation >= 1 && orientation <= 8));
      make_exif_upright(changed);
      CHECK(changed.size() == whole.size());
    }
}
