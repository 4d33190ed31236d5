#include "runtime/colorizers/photo_copy.h"

#include <algorithm>
#include <cstddef>

#include "kernels/color/lab.h"
#include "kernels/color/yuv.h"
#include "kernels/prepare/prepare.h"
#include "runtime/image/photo_ref.h"

namespace cuhue {
namespace {

PixelFormat format_of(const PhotoRef& photo) {
  using enum PixelFormat;
  constexpr PixelFormat kBytes[] = {grey8, grey_alpha8, rgb8, rgba8};
  constexpr PixelFormat kWords[] = {grey16, grey_alpha16, rgb16, rgba16};
  return (photo.bytes_per_sample == 1 ? kBytes : kWords)[photo.channels - 1];
}

// The 8-bit RGB that an NV12 picture means.
std::vector<std::uint8_t> rgb_of(const PhotoRef& photo) {
  std::vector<std::uint8_t> rgb;
  rgb.reserve(static_cast<std::size_t>(3 * photo.width * photo.height));
  const YuvToRgb factors = yuv_to_rgb(photo.coding);
  for (std::int64_t y = 0; y < photo.height; ++y) {
    const std::uint8_t* luma = photo.data + y * photo.stride;
    const std::uint8_t* chroma = photo.chroma + y / 2 * photo.chroma_stride;
    for (std::int64_t x = 0; x < photo.width; ++x) {
      const Rgb8 c = rgb_from_yuv(factors, luma[x], chroma[x / 2 * 2], chroma[x / 2 * 2 + 1]);
      for (const std::int32_t v : {c.r, c.g, c.b}) rgb.push_back(static_cast<std::uint8_t>(v));
    }
  }
  return rgb;
}

}  // namespace

ConstPixelView PhotoCopy::resized(const ConstPixelView& view, std::int64_t width, std::int64_t height) {
  PhotoRef photo = photo_ref(view);
  std::vector<std::uint8_t> rgb;
  if (photo.nv12()) {
    rgb = rgb_of(photo);
    photo = photo_ref(ConstPixelView(rgb.data(), view.width, view.height,
                                     static_cast<std::ptrdiff_t>(3 * view.width), PixelFormat::rgb8));
  }
  const PixelFormat format = format_of(photo);
  const auto area = static_cast<std::size_t>(width * height),
             channels = static_cast<std::size_t>(photo.channels);
  const auto size = static_cast<std::size_t>(photo.bytes_per_sample);
  pixels_.resize(area * channels * size);
  plane_.resize(area);
  std::byte* const scratch = scratch_.get(prepare_scratch_bytes(photo.height, photo.width, height, width));
  // The luma of a picture whose colours are all the same sample is that sample.
  const int place[] = {photo.red, photo.green, photo.blue, photo.alpha};
  const bool grey = channels <= 2;
  for (std::size_t c = 0; c < channels; ++c) {
    const int sample = grey && c == 1 ? photo.alpha : place[c];
    PrepareParams p;
    p.photo = photo;
    p.photo.red = p.photo.green = p.photo.blue = sample;
    p.out_h = height;
    p.out_w = width;
    p.luminance = Luminance::rec709_luma;
    p.out = plane_.data();
    p.scratch = scratch;
    prepare_cpu(p);
    // Both bytes of a 16-bit sample: 257 times the 8-bit one.
    for (std::size_t i = 0; i < area; ++i)
      std::fill_n(pixels_.data() + (i * channels + c) * size, size,
                  static_cast<std::uint8_t>(quantize<false>(plane_[i], 255.0f)));
  }
  return {pixels_.data(), width, height, row_bytes(format, width), format};
}

std::int64_t PhotoCopy::bytes() const {
  return static_cast<std::int64_t>(pixels_.capacity() + 4 * plane_.capacity()) + scratch_.bytes();
}

}  // namespace cuhue
