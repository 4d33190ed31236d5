#include <algorithm>
#include <cstring>

#include "kernels/color/lab.h"
#include "kernels/color/linear_table.h"
#include "kernels/color/yuv.h"
#include "kernels/color/yuv_planes.h"
#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"
#include "kernels/prepare/fill.h"
#include "kernels/prepare/prepare.h"
#include "kernels/resample/bicubic.h"

namespace cuhue {
namespace {

using Int8 = std::int32_t __attribute__((vector_size(32)));  // eight lanes
using Byte8 = std::uint8_t __attribute__((vector_size(8)));
using Word8 = std::uint16_t __attribute__((vector_size(16)));
constexpr std::int64_t kLanes = 8;
constexpr int kRowGroup = 4;  // rows of the horizontal pass that share one read of the weights
constexpr std::int64_t kMaxChannels = 4;
constexpr std::int64_t kTile = 64;    // pixels of the vertical pass at a time
constexpr std::int64_t kSpan = 1024;  // NV12 pixels converted at a time; whole vectors of taps

constexpr std::size_t aligned_64(std::int64_t bytes) {
  return (static_cast<std::size_t>(bytes) + 63) & ~std::size_t{63};
}

// Every output of one axis has the same number of taps, zeros where its window is shorter, and a first sample
// such that no read leaves the input.
struct Axis {
  std::int64_t n_in = 0, n_out = 0, taps = 0;
  std::int32_t* first = nullptr;    // [n_out]
  std::int32_t* weights = nullptr;  // [n_out, taps, repeat]
};

// Whole vectors when the input is long enough for them.
std::int64_t taps_of(std::int64_t n_in, std::int64_t n_out) {
  const std::int64_t bound = bicubic_window_bound(n_in, n_out);
  const std::int64_t padded = (bound + kLanes - 1) / kLanes * kLanes;
  return padded <= n_in ? padded : bound;
}

std::size_t axis_bytes(std::int64_t n_in, std::int64_t n_out, std::int64_t repeat) {
  if (n_in == n_out) return 0;
  return aligned_64(n_out * 4) + aligned_64(n_out * taps_of(n_in, n_out) * repeat * 4);
}

// `repeat`: each weight stands once for every interleaved channel.
Axis make_axis(std::int64_t n_in, std::int64_t n_out, std::int64_t repeat, std::byte*& scratch) {
  Axis axis{n_in, n_out, taps_of(n_in, n_out), nullptr, nullptr};
  if (n_in == n_out) return axis;
  axis.first = reinterpret_cast<std::int32_t*>(scratch);
  axis.weights = reinterpret_cast<std::int32_t*>(scratch + aligned_64(n_out * 4));
  scratch += axis_bytes(n_in, n_out, repeat);
  for (std::int64_t o = 0; o < n_out; ++o) {
    const BicubicWindow window = bicubic_window(o, n_in, n_out);
    const std::int64_t first = std::min(window.lo, n_in - axis.taps);
    axis.first[o] = static_cast<std::int32_t>(first);
    const double sum = bicubic_weight_sum(window);
    std::int32_t* to = axis.weights + o * axis.taps * repeat;
    std::fill(to, to + axis.taps * repeat, 0);
    to += (window.lo - first) * repeat;
    for (std::int64_t j = 0; j < window.count; ++j) {
      const std::int32_t weight = bicubic_fixed_weight(bicubic_raw_weight(window, j) / sum);
      for (std::int64_t r = 0; r < repeat; ++r) *to++ = weight;
    }
  }
  return axis;
}

// Which samples of a pixel make the 8-bit image, in this order: one, or red, green, blue.
struct Planes {
  int count = 3;
  int sample[3] = {0, 1, 2};
};

Planes planes_of(const PhotoRef& photo) {
  if (photo.nv12()) return {};
  if (photo.red == photo.green && photo.green == photo.blue) return {1, {photo.red, photo.red, photo.red}};
  return {3, {photo.red, photo.green, photo.blue}};
}

template <class Sample>
inline __attribute__((always_inline)) std::int32_t load_8bit(const std::uint8_t* p) {
  Sample s;
  std::memcpy(&s, p, sizeof s);
  return sizeof(Sample) == 1 ? s : sample_16_to_8(s);
}

template <class Sample>
inline __attribute__((always_inline)) void load_8bit_lanes(const std::uint8_t* p, Int8& lanes) {
  if constexpr (sizeof(Sample) == 1) {
    Byte8 v;
    std::memcpy(&v, p, sizeof v);
    lanes = __builtin_convertvector(__builtin_convertvector(v, Word8), Int8);  // GCC 12 spills a direct one
  } else {
    Word8 v;
    std::memcpy(&v, p, sizeof v);
    lanes = (__builtin_convertvector(v, Int8) * 255 + 32895) >> 16;  // sample_16_to_8
  }
}

// One output pixel in kRowGroup rows, all C interleaved channels: sum[row][channel].
template <class Sample, int C>
inline __attribute__((always_inline)) void window_sums(const std::uint8_t* const* rows,
                                                       const std::int32_t* weights, std::int64_t taps,
                                                       std::int32_t (*sum)[kMaxChannels]) {
  if (taps % kLanes != 0) {
    for (int r = 0; r < kRowGroup; ++r) {
      for (int c = 0; c < C; ++c) {
        std::int32_t s = kBicubicRounding;
        for (std::int64_t j = 0; j < taps; ++j)
          s += weights[j * C + c] *
               load_8bit<Sample>(rows[r] + (j * C + c) * static_cast<std::int64_t>(sizeof(Sample)));
        sum[r][c] = s;
      }
    }
    return;
  }
  Int8 acc[kRowGroup][C] = {};
  for (std::int64_t j = 0; j < taps * C; j += kLanes * C) {
    for (int v = 0; v < C; ++v) {
      Int8 weight;
      std::memcpy(&weight, weights + j + v * kLanes, sizeof weight);
      for (int r = 0; r < kRowGroup; ++r) {
        Int8 sample;
        load_8bit_lanes<Sample>(rows[r] + (j + v * kLanes) * static_cast<std::int64_t>(sizeof(Sample)),
                                sample);
        acc[r][v] += weight * sample;
      }
    }
  }
  for (int r = 0; r < kRowGroup; ++r) {
    for (int c = 0; c < C; ++c) {
      std::int32_t s = kBicubicRounding;
      for (int l = 0; l < kLanes; ++l) s += acc[r][(l * C + c) / kLanes][(l * C + c) % kLanes];
      sum[r][c] = s;
    }
  }
}

template <class Sample, int C>
inline __attribute__((always_inline)) void resample_rows(const PhotoRef& photo, const Planes& planes,
                                                         const Axis& axis, std::int64_t row0,
                                                         std::uint8_t* image) {
  const std::uint8_t* rows[kRowGroup];
  std::uint8_t* to[kRowGroup];
  for (int r = 0; r < kRowGroup; ++r) {  // beyond the last row: the last again
    const std::int64_t row = std::min(row0 + r, photo.height - 1);
    rows[r] = photo.data + row * photo.stride;
    to[r] = image + row * axis.n_out * planes.count;
  }
  std::int32_t sum[kRowGroup][kMaxChannels];
  for (std::int64_t o = 0; o < axis.n_out; ++o) {
    const std::uint8_t* window[kRowGroup];
    for (int r = 0; r < kRowGroup; ++r)
      window[r] = rows[r] + axis.first[o] * static_cast<std::int64_t>(C * sizeof(Sample));
    window_sums<Sample, C>(window, axis.weights + o * axis.taps * C, axis.taps, sum);
    for (int r = 0; r < kRowGroup; ++r)
      for (int k = 0; k < planes.count; ++k)
        *to[r]++ = static_cast<std::uint8_t>(bicubic_byte(sum[r][planes.sample[k]]));
  }
}

template <class Sample>
inline __attribute__((always_inline)) void resample_rows_of(const PhotoRef& photo, const Planes& planes,
                                                            const Axis& axis, std::int64_t row0,
                                                            std::uint8_t* image) {
  switch (photo.channels) {
    case 1: resample_rows<Sample, 1>(photo, planes, axis, row0, image); break;
    case 2: resample_rows<Sample, 2>(photo, planes, axis, row0, image); break;
    case 3: resample_rows<Sample, 3>(photo, planes, axis, row0, image); break;
    default: resample_rows<Sample, 4>(photo, planes, axis, row0, image); break;
  }
}

// Horizontal pass over rows [row0, row0 + kRowGroup): photo -> image [h, n_out, planes].
CUHUE_SIMD_CLONES void horizontal_pass(const PhotoRef& photo, const Planes& planes, const Axis& axis,
                                       std::int64_t row0, std::uint8_t* image) {
  if (photo.bytes_per_sample == 1) {
    resample_rows_of<std::uint8_t>(photo, planes, axis, row0, image);
  } else {
    resample_rows_of<std::uint16_t>(photo, planes, axis, row0, image);
  }
}

// Pixels [begin, begin + n) of one NV12 row as RGB.
CUHUE_SIMD_CLONES void convert_nv12(const PhotoRef& photo, std::int64_t row, std::int64_t begin,
                                    std::int64_t n, std::uint8_t* to) {
  const YuvToRgb factors = yuv_to_rgb(photo.coding);
  const std::uint8_t* luma = photo.data + row * photo.stride;
  const std::uint8_t* chroma = photo.chroma + row / 2 * photo.chroma_stride;
  for (std::int64_t x = begin; x < begin + n; ++x) {
    const Rgb8 rgb = rgb_from_yuv(factors, luma[x], chroma[x / 2 * 2], chroma[x / 2 * 2 + 1]);
    *to++ = static_cast<std::uint8_t>(rgb.r);
    *to++ = static_cast<std::uint8_t>(rgb.g);
    *to++ = static_cast<std::uint8_t>(rgb.b);
  }
}

// horizontal_pass() of NV12: as many outputs at a time as a converted stretch of pixels has windows for; a
// longer window in several stretches.
CUHUE_SIMD_CLONES void horizontal_pass_nv12(const PhotoRef& photo, const Axis& axis, std::int64_t row0,
                                            std::uint8_t* image) {
  std::uint8_t rgb[kRowGroup][kSpan * 3];
  const std::uint8_t* window[kRowGroup];
  std::int32_t sum[kRowGroup][kMaxChannels] = {}, part[kRowGroup][kMaxChannels];
  for (std::int64_t o = 0, end = 0; o < axis.n_out; o = end) {
    const std::int64_t begin = axis.first[o];
    end = o + 1;
    while (end < axis.n_out && axis.first[end] + axis.taps - begin <= kSpan) ++end;
    const std::int64_t reach = axis.first[end - 1] + axis.taps - begin;
    for (std::int64_t at = 0; at < reach; at += kSpan) {
      const std::int64_t n = std::min(kSpan, reach - at);
      for (int r = 0; r < kRowGroup; ++r)
        convert_nv12(photo, std::min(row0 + r, photo.height - 1), begin + at, n, rgb[r]);
      for (std::int64_t i = o; i < end; ++i) {
        for (int r = 0; r < kRowGroup; ++r) window[r] = rgb[r] + (axis.first[i] - begin) * 3;
        const std::int64_t taps = std::min(axis.taps, n);
        window_sums<std::uint8_t, 3>(window, axis.weights + (i * axis.taps + at) * 3, taps, part);
        for (int r = 0; r < kRowGroup; ++r) {
          const std::int64_t row = std::min(row0 + r, photo.height - 1);
          for (int k = 0; k < 3; ++k) {
            const std::int32_t s = (at > 0 ? sum[r][k] : kBicubicRounding) + part[r][k] - kBicubicRounding;
            sum[r][k] = s;
            image[(row * axis.n_out + i) * 3 + k] = static_cast<std::uint8_t>(bicubic_byte(s));
          }
        }
      }
    }
  }
}

// The horizontal pass where the width stays.
void copy_row(const PhotoRef& photo, const Planes& planes, std::int64_t row, std::uint8_t* to) {
  if (photo.nv12()) return convert_nv12(photo, row, 0, photo.width, to);
  const std::uint8_t* from = photo.data + row * photo.stride;
  for (std::int64_t x = 0; x < photo.width; ++x) {
    for (int k = 0; k < planes.count; ++k) {
      const std::uint8_t* p = from + (x * photo.channels + planes.sample[k]) * photo.bytes_per_sample;
      *to++ = static_cast<std::uint8_t>(photo.bytes_per_sample == 1 ? *p : load_8bit<std::uint16_t>(p));
    }
  }
}

struct VerticalPass {
  const std::uint8_t* image = nullptr;  // [h, row_bytes]
  std::int64_t row_bytes = 0;
  int planes = 3;
  Axis axis;
  Luminance luminance = Luminance::cie_l;
  const float* linear = nullptr;  // linear_from_8bit()
};

// Bytes [begin, begin + n) of output row `o`.
inline __attribute__((always_inline)) void vertical_bytes(const VerticalPass& pass, std::int64_t o,
                                                          std::int64_t begin, std::int64_t n,
                                                          std::uint8_t* to) {
  if (pass.axis.n_in == pass.axis.n_out) {
    std::memcpy(to, pass.image + o * pass.row_bytes + begin, static_cast<std::size_t>(n));
    return;
  }
  std::int32_t acc[kTile * 3];
  for (std::int64_t i = 0; i < n; ++i) acc[i] = kBicubicRounding;
  const std::uint8_t* from = pass.image + pass.axis.first[o] * pass.row_bytes + begin;
  const std::int32_t* weights = pass.axis.weights + o * pass.axis.taps;
  for (std::int64_t j = 0; j < pass.axis.taps; ++j, from += pass.row_bytes) {
    const std::int32_t weight = weights[j];
    for (std::int64_t i = 0; i < n; ++i) acc[i] += weight * from[i];
  }
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<std::uint8_t>(bicubic_byte(acc[i]));
}

// Vertical pass and luminance of output row `o`: image -> out [n] pixels.
CUHUE_SIMD_CLONES void finish_row(const VerticalPass& pass, std::int64_t o, std::int64_t width, float* out) {
  std::uint8_t bytes[kTile * 3];
  float value[3][kTile];
  for (std::int64_t x0 = 0; x0 < width; x0 += kTile) {
    const std::int64_t n = std::min(kTile, width - x0);
    vertical_bytes(pass, o, x0 * pass.planes, n * pass.planes, bytes);
    const bool cie = pass.luminance == Luminance::cie_l;
    for (int k = 0; k < 3; ++k) {
      const int plane = pass.planes == 1 ? 0 : k;
      for (std::int64_t i = 0; i < n; ++i) {
        const std::uint8_t byte = bytes[i * pass.planes + plane];
        value[k][i] = cie ? pass.linear[byte] : unit_of<std::uint8_t>(byte);
      }
    }
    float* to = out + x0;
    if (cie) {
      for (std::int64_t i = 0; i < n; ++i)
        to[i] = lab_lightness(lab_f(luminance_y(value[0][i], value[1][i], value[2][i])));
    } else if (pass.luminance == Luminance::rec709_luma) {
      for (std::int64_t i = 0; i < n; ++i) to[i] = rec709_luma(value[0][i], value[1][i], value[2][i]);
    } else {
      for (std::int64_t i = 0; i < n; ++i) to[i] = bt601_luma(value[0][i], value[1][i], value[2][i]);
    }
  }
}

}  // namespace

std::size_t prepare_scratch_bytes(std::int64_t h, std::int64_t w, std::int64_t out_h, std::int64_t out_w) {
  return axis_bytes(w, out_w, kMaxChannels) + axis_bytes(h, out_h, 1) + aligned_64(h * out_w * 3);
}

void prepare_cpu(const PrepareParams& p) {
  const PhotoRef& photo = p.photo;
  const Planes planes = planes_of(photo);
  std::byte* scratch = p.scratch;
  const Axis horizontal = make_axis(photo.width, p.out_w, photo.nv12() ? 3 : photo.channels, scratch);
  VerticalPass vertical;
  vertical.axis = make_axis(photo.height, p.out_h, 1, scratch);
  auto* image = reinterpret_cast<std::uint8_t*>(scratch);
  vertical.image = image;
  vertical.row_bytes = p.out_w * planes.count;
  vertical.planes = planes.count;
  vertical.luminance = p.luminance;
  vertical.linear = linear_from_8bit();

  const std::int64_t groups = (photo.height + kRowGroup - 1) / kRowGroup;
  parallel_for(groups, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      if (photo.width != p.out_w) {
        if (photo.nv12()) {
          horizontal_pass_nv12(photo, horizontal, g * kRowGroup, image);
        } else {
          horizontal_pass(photo, planes, horizontal, g * kRowGroup, image);
        }
        continue;
      }
      for (std::int64_t row = g * kRowGroup; row < std::min((g + 1) * kRowGroup, photo.height); ++row)
        copy_row(photo, planes, row, image + row * vertical.row_bytes);
    }
  });
  const std::int64_t row_floats = std::max(p.padded_w, p.out_w);
  parallel_for(p.out_h, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) {
      float* row = p.out + o * row_floats;
      finish_row(vertical, o, p.out_w, row);
      for (std::int64_t x = p.out_w; x < row_floats; ++x)
        row[x] = row[fill_source(p.fill, static_cast<int>(x), static_cast<int>(p.out_w))];
    }
  });
  for (std::int64_t o = p.out_h; o < p.padded_h; ++o) {
    const std::int64_t from = fill_source(p.fill, static_cast<int>(o), static_cast<int>(p.out_h));
    std::copy_n(p.out + from * row_floats, row_floats, p.out + o * row_floats);
  }
}

}  // namespace cuhue
