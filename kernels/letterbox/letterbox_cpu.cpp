#include <algorithm>
#include <cstring>

#include "kernels/color/lab.h"
#include "kernels/color/yuv.h"
#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"
#include "kernels/letterbox/letterbox.h"
#include "kernels/letterbox/letterbox_windows.h"
#include "kernels/resample/bicubic.h"

namespace cuhue {
namespace {

constexpr std::int64_t kBand = 64;  // rows of the photo at a time

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
      *to++ = letterbox_luma(r, g, b);
    } else {
      *to++ = r;
      *to++ = g;
      *to++ = b;
    }
  }
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
  constexpr std::int64_t kColumns = 1024;  // at a time
  std::int32_t sums[kColumns];
  for (std::int64_t begin = 0; begin < length; begin += kColumns) {
    const std::int64_t columns = std::min(kColumns, length - begin);
    std::fill_n(sums, columns, kBicubicRounding);
    const std::uint8_t* from = rows + axis.first[o] * length + begin;
    for (std::int32_t j = 0; j < axis.count[o]; ++j, from += length) {
      const std::int32_t weight = axis.weights[o * axis.taps + j];
      for (std::int64_t i = 0; i < columns; ++i) sums[i] += weight * from[i];
    }
    for (std::int64_t i = 0; i < columns; ++i)
      to[begin + i] = static_cast<std::uint8_t>(bicubic_byte(sums[i]));
  }
}

Axis make_axis(std::int64_t n_in, std::int64_t n_out, std::vector<std::int32_t>& first,
               std::vector<std::int32_t>& count, std::vector<std::int32_t>& weights) {
  const std::int64_t taps = lanczos_taps(n_in, n_out);
  const auto outputs = static_cast<std::size_t>(n_out);
  first.resize(outputs);
  count.resize(outputs);
  weights.resize(outputs * static_cast<std::size_t>(taps));
  fill_lanczos_windows(n_in, n_out, first.data(), count.data(), weights.data());
  return {n_in, n_out, taps, first.data(), count.data(), weights.data()};
}

}  // namespace

std::span<const std::uint8_t> Letterbox::luma(const PhotoRef& photo, std::int64_t side) {
  return fit(photo, side, 1);
}
std::span<const std::uint8_t> Letterbox::colour(const PhotoRef& photo, std::int64_t side) {
  return fit(photo, side, 3);
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

std::span<const std::uint8_t> Letterbox::fit(const PhotoRef& photo, std::int64_t side, int planes) {
  const std::int64_t w = photo.width, h = photo.height;
  const LetterboxFit box = letterbox_fit(w, h, side);
  const std::int64_t length = box.w * planes;
  box_.assign(static_cast<std::size_t>(side * side * planes), kLetterboxWhite);
  const auto row_of_box = [&](std::int64_t row) {
    return box_.data() + ((box.top + row) * side + box.left) * planes;
  };
  const std::uint8_t* rows = take_rows(photo, box.enlarged ? w : box.w, planes);
  if (box.enlarged) {
    const auto nearest = [](std::int64_t o, std::int64_t n_in, std::int64_t n_out) {
      return letterbox_nearest(static_cast<int>(o), static_cast<int>(n_in), static_cast<int>(n_out));
    };
    first_.resize(static_cast<std::size_t>(box.w));  // of each column, once
    for (std::int64_t x = 0; x < box.w; ++x) first_[static_cast<std::size_t>(x)] = nearest(x, w, box.w);
    for (std::int64_t y = 0; y < box.h; ++y) {
      const std::uint8_t* from = rows + std::int64_t{nearest(y, h, box.h)} * w * planes;
      for (std::int64_t x = 0; x < box.w; ++x)
        std::copy_n(from + std::int64_t{first_[static_cast<std::size_t>(x)]} * planes, planes,
                    row_of_box(y) + x * planes);
    }
  } else if (box.h == h) {
    for (std::int64_t row = 0; row < h; ++row) std::copy_n(rows + row * length, length, row_of_box(row));
  } else {
    const Axis axis = make_axis(h, box.h, first_, count_, weights_);
    parallel_for(box.h, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row)
        shrink_column(rows, length, axis, row, row_of_box(row));
    });
  }
  return box_;
}

void letterbox_cpu(const PhotoRef& photo, const TensorRef& out, Letterbox& memory) {
  const std::span<const std::uint8_t> box = memory.luma(photo, out.dims.h);
  for (std::size_t i = 0; i < box.size(); ++i) out.data[i] = letterbox_value(box[i]);
  for (std::int64_t c = 1; c < out.dims.c; ++c)
    std::copy_n(out.data, box.size(), out.data + c * static_cast<std::int64_t>(box.size()));
}

}  // namespace cuhue
