#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "runtime/api/boundary.h"
#include "runtime/api/handles.h"
#include "runtime/image/codec.h"
#include "runtime/image/metrics.h"
#include "runtime/image/read_file.h"
#include "weights/atomic_file.h"

using namespace cuhue;
using namespace cuhue::api;

namespace cuhue::api {

static_assert(static_cast<int>(PixelFormat::grey8) == CUHUE_GREY8 &&
              static_cast<int>(PixelFormat::bgra8) == CUHUE_BGRA8 &&
              static_cast<int>(PixelFormat::grey16) == CUHUE_GREY16 &&
              static_cast<int>(PixelFormat::rgba16) == CUHUE_RGBA16 &&
              static_cast<int>(PixelFormat::nv12) == CUHUE_NV12 &&
              static_cast<int>(PixelFormat::nv12_bt601) == CUHUE_NV12_BT601);

namespace {

PixelFormat to_format(unsigned f) {
  const bool known = (f >= CUHUE_GREY8 && f <= CUHUE_BGRA8) || (f >= CUHUE_GREY16 && f <= CUHUE_RGBA16) ||
                     f == CUHUE_NV12 || f == CUHUE_NV12_BT601;
  require(known, "the pixel format is not one of cuhue_pixel_format's values");
  return static_cast<PixelFormat>(f);
}

}  // namespace

PixelView to_view(const cuhue_pixels& p) {
  const PixelFormat format = to_format(number_of(p.format));
  constexpr std::int64_t kMaxSide = std::int64_t{1}
                                    << 30;  // products of two sides and a pixel's bytes stay in 64 bits
  require(p.width >= 0 && p.height >= 0 && p.width <= kMaxSide && p.height <= kMaxSide,
          "width or height is out of range");
  const std::ptrdiff_t stride = p.stride == 0 ? row_bytes(format, p.width) : p.stride;
  return {static_cast<std::uint8_t*>(p.data), p.width, p.height, stride, format};
}

PixelView to_picture_view(const cuhue_pixels& p) {
  const PixelView view = to_view(p);
  require(!is_video(view.format), "video frames are inputs of cuhue_colorize only; give a picture's format");
  require(p.memory == CUHUE_MEMORY_HOST,
          "pixels in device memory are for cuhue_colorize only; copy them to host memory");
  return view;
}

cuhue_pixels to_pixels(const PixelView& v) {
  cuhue_pixels p{};
  p.data = v.data;
  p.width = v.width;
  p.height = v.height;
  p.stride = v.stride;
  p.format = static_cast<cuhue_pixel_format>(v.format);
  return p;
}

}  // namespace cuhue::api

namespace {

FileFormat format_for(const cuhue_encode_options& o, const char* path) {
  switch (number_of(o.format)) {
    case CUHUE_FILE_AUTO:
      return path == nullptr ? FileFormat::png : file_format_from_extension(path).value_or(FileFormat::png);
    case CUHUE_FILE_PNG: return FileFormat::png;
    case CUHUE_FILE_JPEG: return FileFormat::jpeg;
    case CUHUE_FILE_BMP: return FileFormat::bmp;
    case CUHUE_FILE_PNM: return FileFormat::pnm;
  }
  throw Error(Status::usage, "the file format is not one of cuhue_file_format's values");
}

std::vector<std::byte> encode(const cuhue_image* image, const cuhue_encode_options& o, const char* path) {
  require(image != nullptr, "image is NULL");
  require(o.jpeg_quality >= 0 && o.jpeg_quality <= 100, "jpeg_quality is not in 1..100");
  EncodeOptions options;
  if (o.jpeg_quality > 0) options.jpeg_quality = o.jpeg_quality;
  const Image& i = image->image;
  return encode_image(i.view(), format_for(o, path), options, i.icc, i.exif, i.xmp);
}

}  // namespace

extern "C" {

cuhue_status cuhue_image_read(const char* path, cuhue_image** image, cuhue_error* error) {
  return guard(error, [&] {
    require(path != nullptr && image != nullptr, "path or image is NULL");
    const std::vector<std::byte> file = read_file(path);
    *image = new cuhue_image{decode_image(file, path)};
  });
}

cuhue_status cuhue_image_decode(const void* data, size_t size, const char* label, cuhue_image** image,
                                cuhue_error* error) {
  return guard(error, [&] {
    require(data != nullptr && image != nullptr, "data or image is NULL");
    const std::span file(static_cast<const std::byte*>(data), size);
    *image = new cuhue_image{decode_image(file, label == nullptr ? "picture in memory" : label)};
  });
}

cuhue_status cuhue_image_create(int64_t width, int64_t height, cuhue_pixel_format format,
                                const cuhue_image* like, cuhue_image** image, cuhue_error* error) {
  return guard(error, [&] {
    require(image != nullptr, "image is NULL");
    require(width > 0 && height > 0, "width and height must be at least 1");
    cuhue_pixels wanted{};
    wanted.width = width;
    wanted.height = height;
    wanted.format = format;
    const PixelView v = to_picture_view(wanted);
    auto made = std::make_unique<cuhue_image>();
    made->image.width = width;
    made->image.height = height;
    made->image.format = v.format;
    if (like != nullptr) {
      made->image.icc = like->image.icc;
      made->image.exif = like->image.exif;
      made->image.xmp = like->image.xmp;
    }
    made->image.pixels.resize(static_cast<std::size_t>(v.stride) * static_cast<std::size_t>(height));
    *image = made.release();
  });
}

void cuhue_image_free(cuhue_image* image) {
  delete image;
}

cuhue_status cuhue_image_pixels(cuhue_image* image, cuhue_pixels* pixels, cuhue_error* error) {
  return guard(error, [&] {
    require(image != nullptr, "image is NULL");
    write_struct(pixels, to_pixels(image->image.view()));
  });
}

cuhue_status cuhue_image_write(const cuhue_image* image, const char* path,
                               const cuhue_encode_options* options, cuhue_error* error) {
  return guard(error, [&] {
    require(path != nullptr, "path is NULL");
    const cuhue_encode_options o = read_struct(options);
    const std::vector<std::byte> bytes = encode(image, o, path);
    AtomicFile file(path, o.overwrite != 0 ? Overwrite::yes : Overwrite::no);
    file.write(bytes);
    file.publish();
  });
}

cuhue_status cuhue_image_encode(const cuhue_image* image, const cuhue_encode_options* options,
                                unsigned char** data, size_t* size, cuhue_error* error) {
  return guard(error, [&] {
    require(data != nullptr && size != nullptr, "data or size is NULL");
    const std::vector<std::byte> bytes = encode(image, read_struct(options), nullptr);
    auto* copy = static_cast<unsigned char*>(std::malloc(bytes.size()));
    if (copy == nullptr) throw std::bad_alloc();
    std::memcpy(copy, bytes.data(), bytes.size());
    *data = copy;
    *size = bytes.size();
  });
}

void cuhue_bytes_free(unsigned char* data) {
  std::free(data);
}

cuhue_status cuhue_compare(const cuhue_pixels* a, const cuhue_pixels* b, cuhue_metrics* metrics,
                           cuhue_error* error) {
  return guard(error, [&] {
    require(a != nullptr && b != nullptr, "a or b is NULL");
    const Metrics m = compare_pixels(to_picture_view(read_struct(a)), to_picture_view(read_struct(b)));
    cuhue_metrics c{};
    c.psnr = m.psnr;
    c.ssim = m.ssim;
    c.colorfulness_a = m.colorfulness_a;
    c.colorfulness_b = m.colorfulness_b;
    c.mean_delta_e2000 = m.mean_delta_e2000;
    c.max_difference = m.max_difference;
    c.nrmse = m.nrmse;
    c.ssim_floats = m.ssim_floats;
    c.naturalness_a = m.naturalness_a;
    c.naturalness_b = m.naturalness_b;
    write_struct(metrics, c);
  });
}

}  // extern "C"
