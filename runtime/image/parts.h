// What the parts of the codec share. Internal to runtime/image.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/image/codec.h"
#include "runtime/image/pixels.h"
#include "weights/status.h"

namespace cuhue {

using ByteSpan = std::span<const std::uint8_t>;

// A picture file in memory and how to speak of it.
struct PictureFile {
  ByteSpan bytes;
  const std::string& label;
  std::int64_t max_pixels;
};

// What travels beside the pixels; already fit for them (see codec.h).
struct Extras {
  ByteSpan icc, exif, xmp;
};

// Throws Status::input: "label: <text>".
[[noreturn]] void refuse(const PictureFile& file, const std::string& text);
// Refuses an empty picture and one above the limit. Called before anything of its size is allocated.
void check_size(const PictureFile& file, std::int64_t width, std::int64_t height);
// Gives the image its size and format, and zeroed pixels.
void allocate_pixels(Image& image, std::int64_t width, std::int64_t height, PixelFormat format);

// Decoders: pixels as stored, EXIF as stored. Each throws Status::input.
Image decode_png(const PictureFile& file);
Image decode_jpeg(const PictureFile& file);
Image decode_bmp(const PictureFile& file);
Image decode_pnm(const PictureFile& file);

// Encoders: the view is valid, the format is one the file format can hold.
std::vector<std::byte> encode_png(const ConstPixelView& pixels, int level, const Extras& extras);
std::vector<std::byte> encode_jpeg(const ConstPixelView& pixels, int quality, bool subsample,
                                   const Extras& extras);
std::vector<std::byte> encode_bmp(const ConstPixelView& pixels);
std::vector<std::byte> encode_pnm(const ConstPixelView& pixels);

}  // namespace cuhue
