// Picture files in and out. Nothing here knows of networks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/image/pixels.h"

namespace cuhue {

enum class FileFormat : std::uint8_t { png, jpeg, bmp, pnm };

// From a file name's extension (".jpg", ".JPEG", "png", …); nothing when it is not one we write.
std::optional<FileFormat> file_format_from_extension(std::string_view name_or_extension);
std::string_view extension(FileFormat format);  // ".png", ".jpg", ".bmp", ".ppm"

struct DecodeLimits {
  std::int64_t max_pixels = 400'000'000;  // refused before anything is allocated
};

// Decodes PNG (1 to 16 bit, palette, alpha), JPEG (baseline, progressive, grey, CMYK), BMP and PNM (P1-P6),
// applies the EXIF orientation to the pixels, and keeps ICC, EXIF and XMP. Format by content, not by name.
// label names the picture in messages. Throws Error: Status::input (not a picture, cut short, corrupt, over
// the limit, of a format that is not read: named when it is known), Status::out_of_memory. Samples leave as
// they are stored: no colour management, gAMA ignored; CMYK becomes RGB by the plain product and loses its
// profile. A JPEG that only lacks its end marker is whole; any other missing or corrupt picture data are an
// error. All functions here may be called from any thread at once.
Image decode_image(std::span<const std::byte> file, const std::string& label,
                   const DecodeLimits& limits = {});

struct EncodeOptions {
  int jpeg_quality = 95;  // 1..100
  int png_level = 1;      // zlib level 0..9
  bool jpeg_subsample = false;
};

// Encodes pixels with the given profiles. JPEG takes grey8 and rgb8/bgr8 (alpha and 16 bits cannot be kept
// there: Status::usage names the formats that can), BMP 8-bit, PNM without alpha, PNG everything. Profiles go
// to PNG and JPEG; left out are an ICC profile that is damaged or not of the pixels' colour space (grey or
// RGB), and EXIF or XMP that no JPEG segment can hold (64 KiB). Throws Error: Status::usage, output,
// out_of_memory.
std::vector<std::byte> encode_image(const ConstPixelView& pixels, FileFormat format,
                                    const EncodeOptions& options, std::span<const std::uint8_t> icc = {},
                                    std::span<const std::uint8_t> exif = {},
                                    std::span<const std::uint8_t> xmp = {});

}  // namespace cuhue
