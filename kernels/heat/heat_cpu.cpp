#include <cstring>

#include "kernels/core/parallel.h"
#include "kernels/heat/heat.h"
#include "kernels/heat/heat_math.h"
#include "kernels/resample/bilinear.h"

namespace cuhue {
namespace {

struct Pixel {
  float r, g, b;
  std::uint32_t alpha;
};

template <class Sample>
std::uint32_t sample_at(const std::uint8_t* pixel, int index) {
  Sample s;
  std::memcpy(&s, pixel + index * static_cast<int>(sizeof s), sizeof s);
  return s;
}

template <class Sample>
Pixel load(const PhotoRef& photo, const YuvToRgb& factors, std::int64_t y, std::int64_t x) {
  constexpr auto kOpaque = static_cast<std::uint32_t>(static_cast<Sample>(~Sample{0}));
  const std::uint8_t* row = photo.data + y * photo.stride;
  if (photo.nv12()) {
    const std::uint8_t* uv = photo.chroma + y / 2 * photo.chroma_stride + x / 2 * 2;
    const Rgb8 rgb = rgb_from_yuv(factors, row[x], uv[0], uv[1]);
    return {unit_of<std::uint8_t>(rgb.r), unit_of<std::uint8_t>(rgb.g), unit_of<std::uint8_t>(rgb.b),
            kOpaque};
  }
  const std::uint8_t* pixel = row + x * photo.channels * static_cast<int>(sizeof(Sample));
  return {unit_of<Sample>(sample_at<Sample>(pixel, photo.red)),
          unit_of<Sample>(sample_at<Sample>(pixel, photo.green)),
          unit_of<Sample>(sample_at<Sample>(pixel, photo.blue)),
          photo.alpha < 0 ? kOpaque : sample_at<Sample>(pixel, photo.alpha)};
}

template <class Sample>
void store(const MutablePhotoRef& out, std::int64_t y, std::int64_t x, const UnitRgb& color,
           std::uint32_t alpha) {
  constexpr int kSize = sizeof(Sample);
  const auto level = [](float v) { return static_cast<Sample>(quantize<false>(v, kFullRange<Sample>)); };
  const Sample values[4] = {level(color.r), level(color.g), level(color.b), static_cast<Sample>(alpha)};
  const int places[4] = {out.red, out.green, out.blue, out.alpha};
  std::uint8_t* pixel = out.data + y * out.stride + x * out.channels * kSize;
  for (int i = 0; i < 4; ++i)
    if (places[i] >= 0) std::memcpy(pixel + places[i] * kSize, &values[i], kSize);
}

template <class Sample>
void heat_row(const HeatParams& p, const YuvToRgb& factors, std::int64_t y) {
  const float scale_y = static_cast<float>(p.map_h) / static_cast<float>(p.photo.height);
  const float scale_x = static_cast<float>(p.map_w) / static_cast<float>(p.photo.width);
  const BilinearTap row = bilinear_tap(y, scale_y, p.map_h);
  const float *top = p.map + row.i0 * p.map_pitch, *bottom = p.map + row.i1 * p.map_pitch;
  for (std::int64_t x = 0; x < p.photo.width; ++x) {
    const BilinearTap t = bilinear_tap(x, scale_x, p.map_w);
    const float heat = bilinear_mix(top[t.i0], top[t.i1], bottom[t.i0], bottom[t.i1], row.w1, t.w1);
    const Pixel pixel = load<Sample>(p.photo, factors, y, x);
    store<Sample>(p.out, y, x, heated(pixel.r, pixel.g, pixel.b, heat), pixel.alpha);
  }
}

}  // namespace

void heat_cpu(const HeatParams& p) {
  const YuvToRgb factors = yuv_to_rgb(p.photo.coding);
  parallel_for(p.photo.height, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) {
      if (p.photo.bytes_per_sample == 1) {
        heat_row<std::uint8_t>(p, factors, y);
      } else {
        heat_row<std::uint16_t>(p, factors, y);
      }
    }
  });
}

}  // namespace cuhue
