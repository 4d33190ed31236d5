#include "kernels/detector_input/detector_input.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "kernels/color/lab.h"
#include "kernels/core/parallel.h"
#include "kernels/detector_input/detector_input_math.h"

namespace cuhue {
namespace {

// out [3, rows, columns]: what is right of and below the resized picture is 0.
void clear_padding(const DetectorInputParams& p) {
  const std::int64_t plane = p.padded_h * p.padded_w;
  for (int c = 0; c < 3; ++c) {
    float* to = p.out + c * plane;
    for (std::int64_t y = 0; y < p.out_h; ++y)
      std::fill(to + y * p.padded_w + p.out_w, to + (y + 1) * p.padded_w, 0.0f);
    std::fill(to + p.out_h * p.padded_w, to + plane, 0.0f);
  }
}

template <class Sample>
void resize_floats(const DetectorInputParams& p) {
  const auto* picture = static_cast<const Sample*>(p.picture);
  const std::int64_t plane = p.padded_h * p.padded_w;
  parallel_for(p.out_h, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) {
      const DoubleTap row = double_tap(y, p.h, p.out_h);
      for (std::int64_t x = 0; x < p.out_w; ++x) {
        const DoubleTap column = double_tap(x, p.w, p.out_w);
        for (int c = 0; c < 3; ++c)
          p.out[c * plane + y * p.padded_w + x] = resized_float(picture, p.w, row, column, c) - p.mean[c];
      }
    }
  });
}

// [h, w, 3] to [h, out_w, 3] in scratch, then to planes. A pass that keeps the size keeps the bytes.
void resize_bytes(const DetectorInputParams& p) {
  const auto* picture = static_cast<const std::uint8_t*>(p.picture);
  auto* between = reinterpret_cast<std::uint8_t*>(p.scratch);
  if (p.w == p.out_w) {
    between = const_cast<std::uint8_t*>(picture);  // read only
  } else {
    parallel_for(p.out_w, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t x = begin; x < end; ++x) {
        const TriangleWindow window = triangle_window(x, p.w, p.out_w);
        const double sum = triangle_weight_sum(window);
        for (std::int64_t y = 0; y < p.h; ++y)
          for (int c = 0; c < 3; ++c)
            between[(y * p.out_w + x) * 3 + c] = triangle_byte(picture + y * p.w * 3 + c, 3, window, sum);
      }
    });
  }
  const std::int64_t plane = p.padded_h * p.padded_w, row = p.out_w * 3;
  parallel_for(p.out_h, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) {
      const TriangleWindow window = triangle_window(y, p.h, p.out_h);
      const double sum = triangle_weight_sum(window);
      for (std::int64_t i = 0; i < row; ++i) {
        const std::uint8_t byte =
            p.h == p.out_h ? between[y * row + i] : triangle_byte(between + i, row, window, sum);
        const auto c = static_cast<int>(i % 3);
        p.out[c * plane + y * p.padded_w + i / 3] = static_cast<float>(byte) - p.mean[c];
      }
    }
  });
}

}  // namespace

std::size_t detector_input_scratch_bytes(const DetectorInputParams& p) {
  const bool bytes = p.sample == PictureSample::u8 && p.w != p.out_w;
  return bytes ? static_cast<std::size_t>(p.h * p.out_w * 3) : 0;
}

void detector_input_cpu(const DetectorInputParams& p) {
  switch (p.sample) {
    case PictureSample::u8: resize_bytes(p); break;
    case PictureSample::f32: resize_floats<float>(p); break;
    case PictureSample::f64: resize_floats<double>(p); break;
  }
  clear_padding(p);
}

// ---- lightness
// -----------------------------------------------------------------------------------------------------

namespace {

// Linear light of all bytes.
const std::array<double, 256>& linear_bytes() {
  static const std::array<double, 256> table = [] {
    std::array<double, 256> t{};
    for (std::size_t i = 0; i < t.size(); ++i) t[i] = linear_of_byte(static_cast<int>(i));
    return t;
  }();
  return table;
}

std::uint8_t byte_at(const PhotoRef& photo, const std::uint8_t* pixel, int sample) {
  if (photo.bytes_per_sample == 1) return pixel[sample];
  std::uint16_t wide = 0;
  std::memcpy(&wide, pixel + 2 * sample, sizeof wide);
  return static_cast<std::uint8_t>(sample_16_to_8(wide));
}

}  // namespace

void lightness_picture(const PhotoRef& photo, double* out) {
  const auto& linear = linear_bytes();
  const bool grey = photo.red == photo.green && photo.green == photo.blue;
  std::array<DetectorGrey, 256> of_bytes{};
  for (std::size_t i = 0; grey && i < of_bytes.size(); ++i)
    of_bytes[i] = lightness_grey(linear[i], linear[i], linear[i]);
  parallel_for(photo.height, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) {
      const std::uint8_t* pixel = photo.data + y * photo.stride;
      double* to = out + y * photo.width * 3;
      for (std::int64_t x = 0; x < photo.width; ++x, to += 3) {
        const std::uint8_t r = byte_at(photo, pixel, photo.red);
        DetectorGrey g = of_bytes[r];
        if (!grey)
          g = lightness_grey(linear[r], linear[byte_at(photo, pixel, photo.green)],
                             linear[byte_at(photo, pixel, photo.blue)]);
        std::copy_n(g.channel, 3, to);
        pixel += photo.channels * photo.bytes_per_sample;
      }
    }
  });
}

}  // namespace cuhue
