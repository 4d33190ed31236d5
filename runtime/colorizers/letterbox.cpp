#include "runtime/colorizers/letterbox.h"

#include <algorithm>
#include <cstring>

#include "kernels/color/lab.h"
#include "kernels/color/yuv.h"
#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"
#include "kernels/resample/bicubic.h"
#include "kernels/resample/lanczos.h"
#include "runtime/image/photo_ref.h"

namespace cuhue {
namespace {

constexpr std::int64_t kSide = Letterbox::kSide;
constexpr std::uint8_t kWhite = 255;
constexpr std::int64_t kBand = 64;  // rows of the photo at a time

struct Size {
  std::int64_t w, h;
};

// What the photo becomes inside of the box; `enlarged`: by the nearest pixel.
Size fitted(std::int64_t w, std::int64_t h, bool& enlarged) {
  const auto side = static_cast<double>(kSide);
  enlarged = w < kSide && h < kSide;
  if (enlarged) {
    const double factor = std::min(side / static_cast<double>(w), side / static_cast<double>(h));
    return {std::max<std::int64_t>(static_cast<std::int64_t>(static_cast<double>(w) * factor), 1),
            std::max<std::int64_t>(static_cast<std::int64_t>(static_cast<double>(h) * factor), 1)};
  }
  Size s{w, h};
  const auto shrunk = [side](std::int64_t other, std::int64_t longer) {
    const double exact = static_cast<double>(other) * side / static_cast<double>(longer);
    return static_cast<std::int64_t>(std::max(exact, 1.0));
  };
  if (s.w > kSide) s = {kSide, shrunk(s.h, s.w)};
  if (s.h > kSide) s = {shrunk(s.w, s.h), kSide};
  return s;
}

std::uint8_t byte_of(const std::uint8_t* sample, int bytes_per_sample) {
  if (bytes_per_sample == 1) return *sample;
  std::uint16_t wide = 0;
  std::memcpy(&wide, sample, sizeof wide);
  return static_cast<std::uint8_t>(sample_16_to_8(wide));
}

// Pixel x of a row as bytes.
Rgb8 pixel_of(const PhotoRef& p, const YuvToRgb& yuv, std::int64_t row, std::int64_t x) {
  if (p.nv12()) {
    const std::uint8_t* chroma = p.chroma + row / 2 * p.chroma_stride + x / 2 * 2;
    return rgb_from_yuv(yuv, p.data[row * p.stride + x], chroma[0], chroma[1]);
  }
  const std::uint8_t* at = p.data + row * p.stride + x * p.channels * p.bytes_per_sample;
  const auto sample = [&](int i) { return byte_of(at + i * p.bytes_per_sample, p.bytes_per_sample); };
  return {sample(p.red), sample(p.green), sample(p.blue)};
}

void take_row(const PhotoRef& p, std::int64_t row, int planes, std::uint8_t* to) {
  if (planes == 1 && p.channels == 1 && p.bytes_per_sample == 1 && !p.nv12()) {
    std::copy_n(p.data + row * p.stride, p.width, to);
    return;
  }
  const YuvToRgb yuv = yuv_to_rgb(p.coding);
  for (std::int64_t x = 0; x < p.width; ++x) {
    const Rgb8 v = pixel_of(p, yuv, row, x);
    const auto r = static_cast<std::uint8_t>(v.r), g = static_cast<std::uint8_t>(v.g),
               b = static_cast<std::uint8_t>(v.b);
    if (planes == 1) {
      *to++ = koala_luma(r, g, b);
    } else {
      *to++ = r;
      *to++ = g;
      *to++ = b;
    }
  }
}

// Pillow's NEAREST.
std::int64_t nearest(std::int64_t o, std::int64_t n_in, std::int64_t n_out) {
  const double scale = static_cast<double>(n_in) / static_cast<double>(n_out);
  return std::min(static_cast<std::int64_t>((static_cast<double>(o) + 0.5) * scale), n_in - 1);
}

// The windows of one axis: weights of output o at weights + o * taps.
struct Axis {
  std::int64_t n_in = 0, n_out = 0, taps = 0;
  const std::int32_t *first = nullptr, *count = nullptr, *weights = nullptr;
};

CUHUE_SIMD_CLONES void shrink_row(const std::uint8_t* from, const Axis& axis, int planes, std::uint8_t* to) {
  for (std::int64_t o = 0; o < axis.n_out; ++o) {
    const std::uint8_t* window = from + static_cast<std::int64_t>(axis.first[o]) * planes;
    const std::int32_t* weights = axis.weights + o * axis.taps;
    for (int c = 0; c < planes; ++c) {
      std::int32_t sum = kBicubicRounding;
      for (std::int32_t j = 0; j < axis.count[o]; ++j) sum += weights[j] * window[j * planes + c];
      *to++ = static_cast<std::uint8_t>(bicubic_byte(sum));
    }
  }
}

// Output row `o` of rows of `length` bytes.
CUHUE_SIMD_CLONES void shrink_column(const std::uint8_t* rows, std::int64_t length, const Axis& axis,
                                     std::int64_t o, std::uint8_t* to) {
  std::int32_t sums[kSide * 3];
  std::fill_n(sums, length, kBicubicRounding);
  const std::uint8_t* from = rows + axis.first[o] * length;
  for (std::int32_t j = 0; j < axis.count[o]; ++j, from += length) {
    const std::int32_t weight = axis.weights[o * axis.taps + j];
    for (std::int64_t i = 0; i < length; ++i) sums[i] += weight * from[i];
  }
  for (std::int64_t i = 0; i < length; ++i) to[i] = static_cast<std::uint8_t>(bicubic_byte(sums[i]));
}

Axis make_axis(std::int64_t n_in, std::int64_t n_out, std::vector<std::int32_t>& first,
               std::vector<std::int32_t>& count, std::vector<std::int32_t>& weights) {
  Axis axis{n_in, n_out, 0, nullptr, nullptr, nullptr};
  const auto outputs = static_cast<std::size_t>(n_out);
  first.assign(outputs, 0);
  count.assign(outputs, 0);
  for (std::int64_t o = 0; o < n_out; ++o)
    axis.taps = std::max(axis.taps, lanczos_window(o, n_in, n_out).count);
  weights.assign(outputs * static_cast<std::size_t>(axis.taps), 0);
  for (std::int64_t o = 0; o < n_out; ++o) {
    const LanczosWindow w = lanczos_window(o, n_in, n_out);
    double sum = 0;
    for (std::int64_t j = 0; j < w.count; ++j) sum += lanczos_raw_weight(w, j);
    first[static_cast<std::size_t>(o)] = static_cast<std::int32_t>(w.lo);
    count[static_cast<std::size_t>(o)] = static_cast<std::int32_t>(w.count);
    for (std::int64_t j = 0; j < w.count; ++j)
      weights[static_cast<std::size_t>(o * axis.taps + j)] =
          bicubic_fixed_weight(lanczos_raw_weight(w, j) / sum);
  }
  axis.first = first.data();
  axis.count = count.data();
  axis.weights = weights.data();
  return axis;
}

}  // namespace

std::uint8_t koala_luma(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  constexpr float kUnit = 1.0f / 255.0f;
  const float luma = 0.2989f * (static_cast<float>(red) * kUnit) +
                     0.5870f * (static_cast<float>(green) * kUnit) +
                     0.1140f * (static_cast<float>(blue) * kUnit);
  return static_cast<std::uint8_t>(255.5f * luma);
}

std::span<const std::uint8_t> Letterbox::luma(const ConstPixelView& photo) {
  return fit(photo, 1);
}
std::span<const std::uint8_t> Letterbox::colour(const ConstPixelView& photo) {
  return fit(photo, 3);
}

// [h, columns, planes] of the photo: its rows as bytes, shrunk to `columns`.
const std::uint8_t* Letterbox::take_rows(const PhotoRef& photo, std::int64_t columns, int planes) {
  const std::int64_t w = photo.width, h = photo.height;
  rows_.resize(static_cast<std::size_t>(h * columns * planes));
  if (columns == w) {
    parallel_for(h, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row)
        take_row(photo, row, planes, rows_.data() + row * w * planes);
    });
    return rows_.data();
  }
  const Axis axis = make_axis(w, columns, first_, count_, weights_);
  samples_.resize(static_cast<std::size_t>(kBand * w * planes));
  for (std::int64_t band = 0; band < h; band += kBand) {
    parallel_for(std::min(kBand, h - band), 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        std::uint8_t* samples = samples_.data() + i * w * planes;
        take_row(photo, band + i, planes, samples);
        shrink_row(samples, axis, planes, rows_.data() + (band + i) * columns * planes);
      }
    });
  }
  return rows_.data();
}

std::span<const std::uint8_t> Letterbox::fit(const ConstPixelView& view, int planes) {
  const PhotoRef photo = photo_ref(view);
  const std::int64_t w = photo.width, h = photo.height;
  bool enlarged = false;
  const Size size = fitted(w, h, enlarged);
  const std::int64_t left = (kSide - size.w + 1) / 2, top = (kSide - size.h + 1) / 2;
  const std::int64_t length = size.w * planes;
  box_.assign(static_cast<std::size_t>(kSide * kSide * planes), kWhite);
  const auto row_of_box = [&](std::int64_t row) {
    return box_.data() + ((top + row) * kSide + left) * planes;
  };
  const std::uint8_t* rows = take_rows(photo, enlarged ? w : size.w, planes);
  if (enlarged) {
    for (std::int64_t y = 0; y < size.h; ++y) {
      const std::uint8_t* from = rows + nearest(y, h, size.h) * w * planes;
      for (std::int64_t x = 0; x < size.w; ++x)
        std::copy_n(from + nearest(x, w, size.w) * planes, planes, row_of_box(y) + x * planes);
    }
  } else if (size.h == h) {
    for (std::int64_t row = 0; row < h; ++row) std::copy_n(rows + row * length, length, row_of_box(row));
  } else {
    const Axis axis = make_axis(h, size.h, first_, count_, weights_);
    parallel_for(size.h, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row)
        shrink_column(rows, length, axis, row, row_of_box(row));
    });
  }
  return box_;
}

}  // namespace cuhue
