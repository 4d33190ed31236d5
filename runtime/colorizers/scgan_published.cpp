#include "runtime/colorizers/scgan_published.h"

#include <algorithm>
#include <cstring>

#include "kernels/color/lab.h"
#include "kernels/color/yuv.h"
#include "runtime/colorizers/resize_linear.h"
#include "runtime/image/photo_ref.h"

namespace cuhue::scgan_published {
namespace {

std::uint8_t byte_at(const std::uint8_t* pixel, int sample, int size) {
  if (size == 1) return pixel[sample];
  std::uint16_t v = 0;
  std::memcpy(&v, pixel + 2 * sample, sizeof v);
  return static_cast<std::uint8_t>(sample_16_to_8(v));
}

// Red, green, blue of the photo as 8 bits a sample.
ByteImage to_bytes(const PhotoRef& photo) {
  ByteImage image(photo.width, photo.height, 3);
  const YuvToRgb factors = yuv_to_rgb(photo.coding);
  std::uint8_t* to = image.bytes.data();
  for (std::int64_t y = 0; y < photo.height; ++y) {
    const std::uint8_t* row = photo.data + y * photo.stride;
    for (std::int64_t x = 0; x < photo.width; ++x) {
      if (photo.nv12()) {
        const std::uint8_t* uv = photo.chroma + y / 2 * photo.chroma_stride + x / 2 * 2;
        const Rgb8 rgb = rgb_from_yuv(factors, row[x], uv[0], uv[1]);
        for (const auto v : {rgb.r, rgb.g, rgb.b}) *to++ = static_cast<std::uint8_t>(v);
        continue;
      }
      const std::uint8_t* pixel = row + x * photo.channels * photo.bytes_per_sample;
      for (const int sample : {photo.red, photo.green, photo.blue})
        *to++ = byte_at(pixel, sample, photo.bytes_per_sample);
    }
  }
  return image;
}

void write_sample(std::uint8_t* to, int size, std::uint8_t value) {
  if (size == 1) {
    *to = value;
    return;
  }
  const auto wide = static_cast<std::uint16_t>(257 * value);
  std::memcpy(to, &wide, sizeof wide);
}

}  // namespace

void fill_input(const ConstPixelView& photo, const TensorRef& grey) {
  const ByteImage small = resize_linear(to_bytes(photo_ref(photo)), kSide, kSide);
  constexpr std::int64_t kPlane = kSide * kSide;
  for (std::int64_t i = 0; i < kPlane; ++i) {
    const std::uint8_t* rgb = small.bytes.data() + 3 * i;
    if (grey.dims.c == 1) {
      const int level = (9798 * rgb[0] + 19235 * rgb[1] + 3735 * rgb[2] + 16384) >> 15;
      grey.data[i] = static_cast<float>(level) / 255.0f;
      continue;
    }
    for (int k = 0; k < 3; ++k) grey.data[k * kPlane + i] = static_cast<float>(rgb[2 - k]) / 255.0f;
  }
}

void write_picture(const TensorRef& color, bool blue_first, const ConstPixelView& photo,
                   const PixelView& out) {
  constexpr std::int64_t kPlane = kSide * kSide;
  ByteImage small(kSide, kSide, 3);
  for (std::int64_t i = 0; i < kPlane; ++i) {
    for (int k = 0; k < 3; ++k) {
      const float level = color.data[(blue_first ? 2 - k : k) * kPlane + i] * 255.0f;
      small.bytes[static_cast<std::size_t>(3 * i + k)] =
          static_cast<std::uint8_t>(std::min(level > 0.0f ? level : 0.0f, 255.0f));
    }
  }
  const ByteImage full = resize_linear(small, photo.width, photo.height);
  const PhotoRef from = photo_ref(photo);
  const MutablePhotoRef to = photo_ref(out);
  const int size = to.bytes_per_sample;
  const std::uint8_t* rgb = full.bytes.data();
  for (std::int64_t y = 0; y < photo.height; ++y) {
    for (std::int64_t x = 0; x < photo.width; ++x, rgb += 3) {
      std::uint8_t* pixel = to.data + y * to.stride + x * to.channels * size;
      if (to.alpha >= 0) {  // before the colours: the pixel may be the photo's own
        if (from.alpha < 0) {
          std::memset(pixel + to.alpha * size, 255, static_cast<std::size_t>(size));
        } else {
          std::memmove(pixel + to.alpha * size,
                       from.data + y * from.stride + (x * from.channels + from.alpha) * size,
                       static_cast<std::size_t>(size));
        }
      }
      write_sample(pixel + to.red * size, size, rgb[0]);
      write_sample(pixel + to.green * size, size, rgb[1]);
      write_sample(pixel + to.blue * size, size, rgb[2]);
    }
  }
}

}  // namespace cuhue::scgan_published
