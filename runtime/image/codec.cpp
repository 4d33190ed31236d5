#include "runtime/image/codec.h"

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/image/exif.h"
#include "runtime/image/orient.h"
#include "runtime/image/parts.h"
#include "runtime/image/sniff.h"

namespace cuhue {
namespace {

struct Name {
  std::string_view extension;
  FileFormat format;
};
constexpr std::array kNames = {
    Name{"png", FileFormat::png},  Name{"jpg", FileFormat::jpeg},  Name{"jpeg", FileFormat::jpeg},
    Name{"jpe", FileFormat::jpeg}, Name{"jfif", FileFormat::jpeg}, Name{"bmp", FileFormat::bmp},
    Name{"dib", FileFormat::bmp},  Name{"ppm", FileFormat::pnm},   Name{"pgm", FileFormat::pnm},
    Name{"pnm", FileFormat::pnm},
};

Image decode_as(FileFormat format, const PictureFile& file) {
  switch (format) {
    case FileFormat::png: return decode_png(file);
    case FileFormat::jpeg: return decode_jpeg(file);
    case FileFormat::bmp: return decode_bmp(file);
    default: return decode_pnm(file);
  }
}

[[noreturn]] void refuse_foreign(const PictureFile& file) {
  if (file.bytes.empty()) refuse(file, "the file is empty; give a PNG, JPEG, BMP or PNM picture");
  const std::string what = describe_foreign(file.bytes);
  if (what.empty()) refuse(file, "not a picture this program reads; give a PNG, JPEG, BMP or PNM file");
  refuse(file, "this is " + what + "; convert it to PNG or JPEG first");
}

const char* name_of(FileFormat format) {
  switch (format) {
    case FileFormat::png: return "PNG";
    case FileFormat::jpeg: return "JPEG";
    case FileFormat::bmp: return "BMP";
    default: return "PNM";
  }
}

[[noreturn]] void misuse(const std::string& text) {
  throw Error(Status::usage, text);
}

// Names a format that can hold what `format` cannot.
void check_format_holds(const ConstPixelView& pixels, FileFormat format) {
  if (format == FileFormat::png) return;
  const std::string name = name_of(format);
  const bool wide = bytes_per_sample(pixels.format) == 2;
  if (has_alpha(pixels.format))
    misuse(name + " cannot hold an alpha channel: write PNG, or drop the alpha channel first");
  if (wide && format != FileFormat::pnm)
    misuse(name + " cannot hold 16-bit samples: write PNG or PNM, or reduce to 8 bits first");
}

void check_view(const ConstPixelView& pixels, FileFormat format) {
  if (pixels.data == nullptr || pixels.width <= 0 || pixels.height <= 0)
    misuse("cannot write an empty picture: width and height must be at least 1");
  const std::int64_t side = std::max(pixels.width, pixels.height);
  const std::int64_t most = format == FileFormat::jpeg ? 65'500 : 0x7fff'ffff;
  if (side > most)
    misuse(std::string(name_of(format)) + " holds at most " + std::to_string(most) +
           " pixels a side, the picture has " + std::to_string(pixels.width) + "x" +
           std::to_string(pixels.height) +
           (format == FileFormat::jpeg ? ": write PNG" : ": reduce it first"));
  if (pixels.stride < static_cast<std::ptrdiff_t>(pixels.width) * bytes_per_pixel(pixels.format))
    misuse("row stride " + std::to_string(pixels.stride) + " is less than a row of " +
           std::to_string(pixels.width) + " pixels needs");
}

// A profile that describes another colour space would turn every colour wrong: it is left out.
ByteSpan fitting_profile(ByteSpan icc, PixelFormat format) {
  constexpr std::size_t kHeader = 128;
  constexpr std::size_t kColourSpaceAt = 16;
  if (icc.size() < kHeader) return {};
  const std::string_view want = is_grey(format) ? "GRAY" : "RGB ";
  const bool fits = std::equal(want.begin(), want.end(), icc.begin() + kColourSpaceAt,
                               [](char w, std::uint8_t h) { return static_cast<std::uint8_t>(w) == h; });
  return fits ? icc : ByteSpan{};
}

}  // namespace

void refuse(const PictureFile& file, const std::string& text) {
  throw Error(Status::input, file.label + ": " + text);
}

void check_size(const PictureFile& file, std::int64_t width, std::int64_t height) {
  if (width <= 0 || height <= 0) refuse(file, "the picture has no pixels; get an intact copy");
  if (height > file.max_pixels / width)
    refuse(file, "the picture has " + std::to_string(width) + "x" + std::to_string(height) +
                     " pixels, more than the limit of " + std::to_string(file.max_pixels) +
                     "; reduce it or raise the limit");
}

void allocate_pixels(Image& image, std::int64_t width, std::int64_t height, PixelFormat format) {
  image.width = width;
  image.height = height;
  image.format = format;
  image.pixels.resize(static_cast<std::size_t>(image.stride()) * static_cast<std::size_t>(height));
}

std::optional<FileFormat> file_format_from_extension(std::string_view name_or_extension) {
  std::string_view name = name_or_extension;
  const std::size_t slash = name.find_last_of("/\\");
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  const std::size_t dot = name.rfind('.');
  if (dot != std::string_view::npos)
    name.remove_prefix(dot + 1);
  else if (slash != std::string_view::npos)
    return std::nullopt;  // a file called "png" in some folder has no extension
  for (const Name& known : kNames)
    if (std::equal(name.begin(), name.end(), known.extension.begin(), known.extension.end(),
                   [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; }))
      return known.format;
  return std::nullopt;
}

std::string_view extension(FileFormat format) {
  switch (format) {
    case FileFormat::png: return ".png";
    case FileFormat::jpeg: return ".jpg";
    case FileFormat::bmp: return ".bmp";
    default: return ".ppm";
  }
}

Image decode_image(std::span<const std::byte> file, const std::string& label, const DecodeLimits& limits) {
  const PictureFile picture{
      {reinterpret_cast<const std::uint8_t*>(file.data()), file.size()}, label, limits.max_pixels};
  const std::optional<FileFormat> format = sniff_format(picture.bytes);
  if (!format) refuse_foreign(picture);
  try {
    Image image = decode_as(*format, picture);
    if (!is_exif(image.exif)) image.exif.clear();
    const int orientation = exif_orientation(image.exif);
    apply_orientation(image, orientation);
    make_exif_upright(image.exif);
    return image;
  } catch (const std::bad_alloc&) {
    throw Error(Status::out_of_memory, label + ": not enough memory to decode the picture; reduce it first");
  } catch (const std::length_error&) {
    throw Error(Status::out_of_memory, label + ": the picture is larger than memory can be; reduce it first");
  }
}

std::vector<std::byte> encode_image(const ConstPixelView& pixels, FileFormat format,
                                    const EncodeOptions& options, std::span<const std::uint8_t> icc,
                                    std::span<const std::uint8_t> exif, std::span<const std::uint8_t> xmp) {
  check_view(pixels, format);
  check_format_holds(pixels, format);
  if (options.jpeg_quality < 1 || options.jpeg_quality > 100)
    misuse("JPEG quality " + std::to_string(options.jpeg_quality) + " is not in 1..100");
  if (options.png_level < 0 || options.png_level > 9)
    misuse("PNG level " + std::to_string(options.png_level) + " is not in 0..9");
  const Extras extras{fitting_profile(icc, pixels.format), is_exif(exif) ? exif : ByteSpan{}, xmp};
  try {
    switch (format) {
      case FileFormat::png: return encode_png(pixels, options.png_level, extras);
      case FileFormat::jpeg: return encode_jpeg(pixels, options.jpeg_quality, options.jpeg_subsample, extras);
      case FileFormat::bmp: return encode_bmp(pixels);
      default: return encode_pnm(pixels);
    }
  } catch (const std::bad_alloc&) {
    throw Error(Status::out_of_memory,
                std::string("not enough memory to write the picture as ") + name_of(format));
  }
}

}  // namespace cuhue
