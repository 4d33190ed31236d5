// libFuzzer entry: any bytes as a picture. Either a whole picture that survives a PNG exactly, or
// Status::input.
#include <cstddef>
#include <cstdint>

#include "runtime/image/codec.h"
#include "weights/status.h"

namespace {

void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cuhue;
  constexpr DecodeLimits kLimits{.max_pixels = 1 << 18};
  Image image;
  try {
    image = decode_image({reinterpret_cast<const std::byte*>(data), size}, "fuzz", kLimits);
  } catch (const Error& e) {
    require(e.status() == Status::input);
    return 0;
  }
  require(image.width > 0 && image.height > 0 && image.width * image.height <= kLimits.max_pixels);
  require(image.pixels.size() == static_cast<std::size_t>(image.stride() * image.height));
  const auto file = encode_image(image.view(), FileFormat::png, {}, image.icc, image.exif, image.xmp);
  const Image again = decode_image(file, "again", kLimits);
  require(again.format == image.format && again.width == image.width && again.pixels == image.pixels);
  return 0;
}
