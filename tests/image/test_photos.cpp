// The photos that travel with the project, decoded.
#include <fstream>
#include <iterator>

#include "tests/image/expect.h"

using namespace cuhue;
using namespace cuhue::fixtures;

namespace {

Image load(const std::string& name) {
  std::ifstream file(std::string(CUHUE_TEST_DATA) + "/photos/" + name, std::ios::binary);
  REQUIRE(file.good());
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return decode_image(std::as_bytes(std::span(bytes)), name);
}

}  // namespace

TEST_CASE("the demo photos decode to known sizes, formats and profiles, and survive a PNG exactly") {
  struct Photo {
    std::string name;
    int width, height;
    PixelFormat format;
    bool icc, xmp;
  };
  const Photo photos[] = {{"camera.png", 512, 512, PixelFormat::grey8, false, false},
                          {"chelsea.png", 451, 300, PixelFormat::rgb8, true, true},
                          {"coffee.png", 600, 400, PixelFormat::rgb8, false, false},
                          {"rocket.jpg", 640, 427, PixelFormat::rgb8, true, false}};
  for (const Photo& photo : photos) {
    CAPTURE(photo.name);
    const Image image = load(photo.name);
    CHECK(image.width == photo.width);
    CHECK(image.height == photo.height);
    CHECK(image.format == photo.format);
    CHECK(image.icc.empty() != photo.icc);
    CHECK(image.xmp.empty() != photo.xmp);
    const Image again = decode_image(
        encode_image(image.view(), FileFormat::png, {}, image.icc, image.exif, image.xmp), photo.name);
    CHECK(again.pixels == image.pixels);
    CHECK(again.icc == image.icc);
    CHECK(again.xmp == image.xmp);
  }
}
