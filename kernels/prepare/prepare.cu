#include <algorithm>

#include "kernels/color/lab.h"
#include "kernels/color/tables.cuh"
#include "kernels/color/yuv_planes.h"
#include "kernels/core/device_tensor.h"
#include "kernels/core/photo.cuh"
#include "kernels/core/vector.cuh"
#include "kernels/prepare/fill.h"
#include "kernels/prepare/prepare.h"
#include "kernels/prepare/prepare_tables.h"

namespace cuhue {
namespace {

constexpr int kThreads = 256;
constexpr int kRows = 4;  // of the photo at a time: the bytes of a word of the image between the passes
constexpr int kSpanWords = 352;  // words of four pixels of a row that a block holds at a time
constexpr int kColumns = 64;     // of a block of the second pass
constexpr int kMostSlices = 8;   // of a window of the second pass, one a warp pair

template <class Format>
constexpr int kPlanes = Format::kGrey ? 1 : 3;

// One axis in device memory: TableAxis.
struct Windows {
  const std::int32_t* first = nullptr;
  const WeightWord* weights = nullptr;
  int words = 0, count = 0;  // of a window; windows
};

// What is resized: one crop, or all of a list in device memory, which blockIdx.z numbers.
struct Crops {
  const PrepareCrop* list = nullptr;
  PrepareCrop only;
  const std::byte* tables = nullptr;
  std::byte* scratch = nullptr;
  int out_h = 0, out_w = 0;

  __device__ PrepareCrop crop() const { return list == nullptr ? only : list[blockIdx.z]; }
};

// Threads of one output of the first pass, a power of two. A warp's outputs stand n_in / n_out pixels apart;
// with a lane for each four of them its reads are dense.
CUHUE_HD int lanes_for(std::int64_t w, std::int64_t out_w) {
  int lanes = 1;
  while (lanes < 32 && lanes * 4 * out_w < w) lanes *= 2;
  return lanes;
}
CUHUE_HD int groups_of(std::int64_t h) {
  return static_cast<int>((h + kRows - 1) / kRows);
}

// The first pass: photo -> image [groups of four rows, planes, out_w] words, byte i of row i.
struct RowsJob {
  PhotoRef photo;
  YuvToRgb factors;
  Crops crops;
  int groups_per_block;
};

// The plane that comes out, and what stands beyond the photo.
struct Result {
  float* data;
  int h, w, padded_h, padded_w;
  PlaneFill fill;

  __device__ void store(int row, int x, float value) const {
    const FillSteps down(fill, row, h), across(fill, x, w);
    for (int i = row, even = 1; i < padded_h; i += even ? down.next : down.after, even ^= 1)
      for (int j = x, first = 1; j < padded_w; j += first ? across.next : across.after, first ^= 1)
        data[i * padded_w + j] = value;
  }
  // Does something of rows and columns up to these stand in other places too?
  __device__ bool repeats(int row, int x_end) const {
    if (fill == PlaneFill::reflect) return w < padded_w || h < padded_h;
    return (x_end == w && w < padded_w) || (row == h - 1 && h < padded_h);
  }
};

// The second pass: image -> luminance.
struct ColumnsJob {
  Crops crops;
  Luminance luminance;
  Result out;  // of the first crop; the others follow
};

// The sums of four samples by each digit of their weights; total() puts them together.
struct DigitSums {
  std::uint32_t low = 0, middle = 0, high = 0;

  __device__ void add(std::uint32_t samples, const WeightWord& weight) {
    low = dot_u8(samples, weight.digit[0], low);
    middle = dot_u8(samples, weight.digit[1], middle);
    high = dot_u8_s8(samples, weight.digit[2], high);
  }
  __device__ std::int32_t total() const {
    return static_cast<std::int32_t>(low + (middle << 8) + (high << 16));
  }
};

__device__ inline float luminance_of(std::uint32_t r, std::uint32_t g, std::uint32_t b, Luminance kind) {
  if (kind == Luminance::cie_l) {
    const float* linear = kDeviceLinearTable.of;
    return lab_lightness(lab_f(luminance_y(linear[r], linear[g], linear[b])));
  }
  const float unit[3] = {unit_of<std::uint8_t>(r), unit_of<std::uint8_t>(g), unit_of<std::uint8_t>(b)};
  return kind == Luminance::rec709_luma ? rec709_luma(unit[0], unit[1], unit[2])
                                        : bt601_luma(unit[0], unit[1], unit[2]);
}

// Pixels [4 begin, 4 (begin + count)) of four rows of a crop, each colour by itself: a quarter of the threads
// takes a row. Those beyond the crop have no weight.
template <class Format, int P>
__device__ void stage_pixels(const RowsJob& job, const PrepareCrop& crop, int group, int begin, int count,
                             std::uint32_t (&stage)[kRows][P][kSpanWords]) {
  const int r = static_cast<int>(threadIdx.x) / (kThreads / kRows);
  const int row = crop.y + min(group * kRows + r, crop.h - 1);
  for (int i = static_cast<int>(threadIdx.x) % (kThreads / kRows); i < count; i += kThreads / kRows) {
    const auto pixels = Format::four(job.photo, job.factors, row, crop.x + 4 * (begin + i));
    stage[r][0][i] = four_bytes(pixels.r);
    if constexpr (P == 3) {
      stage[r][1][i] = four_bytes(pixels.g);
      stage[r][2][i] = four_bytes(pixels.b);
    }
  }
}

__device__ inline Windows windows_at(const TableAxis& axis, const std::byte* tables) {
  return {reinterpret_cast<const std::int32_t*>(tables),
          reinterpret_cast<const WeightWord*>(tables + axis.weights_at()), static_cast<int>(axis.words()),
          static_cast<int>(axis.n_out)};
}

// A block makes some columns of some groups of four rows of a crop, reading each pixel under their windows
// once. The `lanes` threads of an output take every lanes-th word of its window, so that the threads of a
// warp read neighbouring words.
template <class Format>
__global__ void __launch_bounds__(kThreads, 3) rows_kernel(RowsJob job) {
  constexpr int P = kPlanes<Format>;
  __shared__ std::uint32_t stage[kRows][P][kSpanWords];
  const PrepareCrop crop = job.crops.crop();
  const Windows windows = windows_at({crop.w, job.crops.out_w}, job.crops.tables + crop.tables);
  auto* image = reinterpret_cast<std::uint32_t*>(job.crops.scratch + crop.scratch);
  const int lanes = lanes_for(crop.w, job.crops.out_w), outputs = kThreads / lanes;
  const int out_w = windows.count, words = windows.words;
  const int lane = static_cast<int>(threadIdx.x) & (lanes - 1);
  const int o_begin = static_cast<int>(blockIdx.y) * outputs;
  const int group0 = static_cast<int>(blockIdx.x) * job.groups_per_block, groups = groups_of(crop.h);
  if (o_begin >= out_w || group0 >= groups) return;  // the blocks of a larger crop
  const int o = o_begin + static_cast<int>(threadIdx.x) / lanes;
  const int begin = windows.first[o_begin];
  const int end = windows.first[min(o_begin + outputs, out_w) - 1] + words;
  const int window = o < out_w ? windows.first[o] : 0;
  const int window_words = o < out_w ? words : 0;
  const WeightWord* weights = windows.weights + (o < out_w ? o : 0) * words;

  for (int group = group0; group < min(group0 + job.groups_per_block, groups); ++group) {
    DigitSums sums[kRows][P];
    for (int at = begin; at < end; at += kSpanWords) {
      const int count = min(kSpanWords, end - at);
      __syncthreads();
      stage_pixels<Format, P>(job, crop, group, at, count, stage);
      __syncthreads();
      for (int j = lane; j < window_words; j += lanes) {
        const int i = window + j - at;
        if (i < 0 || i >= count) continue;
        const WeightWord weight = weights[j];
        for (int r = 0; r < kRows; ++r)
          for (int k = 0; k < P; ++k) sums[r][k].add(stage[r][k][i], weight);
      }
    }
    for (int k = 0; k < P; ++k) {
      std::uint32_t word = 0;
      for (int r = 0; r < kRows; ++r) {
        std::int32_t sum = sums[r][k].total();
        for (int d = lanes / 2; d > 0; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
        word |= static_cast<std::uint32_t>(bicubic_byte(sum + kBicubicRounding)) << 8 * r;
      }
      if (lane == 0 && o < out_w) image[(group * P + k) * out_w + o] = word;
    }
  }
}

// One row of the output a block, blockDim.y slices of each window side by side.
template <int P>
__global__ void __launch_bounds__(kColumns* kMostSlices) columns_kernel(ColumnsJob job) {
  __shared__ std::int32_t part[kMostSlices][P][kColumns];
  const auto column = static_cast<int>(threadIdx.x), slice = static_cast<int>(threadIdx.y);
  const auto slices = static_cast<int>(blockDim.y);
  const auto o = static_cast<int>(blockIdx.x);
  const int x = static_cast<int>(blockIdx.y) * kColumns + column, out_w = job.out.w;
  const PrepareCrop crop = job.crops.crop();
  const std::byte* tables = job.crops.tables + crop.tables + TableAxis{crop.w, out_w}.bytes();
  const Windows windows = windows_at({crop.h, job.out.h}, tables);
  const int first = windows.first[o];
  const int words = min(windows.words, groups_of(crop.h) - first);  // weights beyond the crop are zero
  const WeightWord* weights = windows.weights + o * windows.words;
  if (x < out_w) {
    const auto* all = reinterpret_cast<const std::uint32_t*>(job.crops.scratch + crop.scratch);
    const std::uint32_t* image = all + first * P * out_w + x;
    DigitSums sums[P];
    for (int j = slice; j < words; j += slices) {
      const WeightWord weight = weights[j];
      for (int k = 0; k < P; ++k) sums[k].add(image[(j * P + k) * out_w], weight);
    }
    for (int k = 0; k < P; ++k) part[slice][k][column] = sums[k].total();
  }
  __syncthreads();
  if (slice > 0 || x >= out_w) return;
  std::uint32_t byte[P];
  for (int k = 0; k < P; ++k) {
    std::int32_t sum = kBicubicRounding;
    for (int s = 0; s < slices; ++s) sum += part[s][k][column];
    byte[k] = static_cast<std::uint32_t>(bicubic_byte(sum));
  }
  Result out = job.out;
  out.data += static_cast<std::int64_t>(blockIdx.z) * out.padded_h * out.padded_w;
  out.store(o, x, luminance_of(byte[0], byte[P / 2], byte[P - 1], job.luminance));
}

// Where no size changes: four pixels a thread.
template <class Format>
__global__ void __launch_bounds__(kThreads)
    luminance_kernel(PrepareDeviceParams p, YuvToRgb factors, Result out, int row_groups, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  const int row = i / row_groups, x = i % row_groups * 4;
  const auto pixels = Format::four(p.photo, factors, row, x);
  const std::uint32_t r = four_bytes(pixels.r), g = Format::kGrey ? r : four_bytes(pixels.g),
                      b = Format::kGrey ? r : four_bytes(pixels.b);
  Vector<float, 4> luminance;
  for (int k = 0; k < 4; ++k)
    luminance.lane[k] = luminance_of(r >> 8 * k & 255, g >> 8 * k & 255, b >> 8 * k & 255, p.luminance);
  float* to = out.data + row * out.padded_w + x;
  if (!out.repeats(row, x + 4) && x + 4 <= out.w && (reinterpret_cast<std::uintptr_t>(to) & 15) == 0) {
    *reinterpret_cast<Vector<float, 4>*>(to) = luminance;
  } else {
    for (int k = 0; k < 4; ++k)
      if (x + k < out.w) out.store(row, x + k, luminance.lane[k]);
  }
}

// `largest` is at least as large as every crop.
template <class Format>
void launch_rows(const PhotoRef& photo, const Crops& crops, const PrepareCrop& largest, int count,
                 Stream stream) {
  const int lanes = lanes_for(largest.w, crops.out_w), groups = groups_of(largest.h);
  const unsigned tiles = blocks_for(crops.out_w, kThreads / lanes);
  // Groups of one block share the weights in its cache; small photos need all the blocks they can get.
  constexpr std::int64_t kEnoughBlocks = 1024;
  const RowsJob job{
      photo, yuv_to_rgb(photo.coding), crops,
      static_cast<int>(std::clamp<std::int64_t>(groups * std::int64_t{tiles} * count / kEnoughBlocks, 1, 4))};
  launch(rows_kernel<Format>,
         {{blocks_for(groups, job.groups_per_block), tiles, static_cast<unsigned>(count)}, kThreads}, stream,
         job);
}

Result result_of(const PrepareDeviceParams& p) {
  return {p.out,
          checked_int(p.out_h),
          checked_int(p.out_w),
          checked_int(std::max(p.padded_h, p.out_h)),
          checked_int(std::max(p.padded_w, p.out_w)),
          p.fill};
}

template <int P>
void launch_columns(const ColumnsJob& job, const PrepareCrop& largest, int count, Stream stream) {
  const TableAxis vertical{largest.h, job.out.h};
  const auto slices = static_cast<unsigned>(std::clamp<std::int64_t>(vertical.words() / 2, 1, kMostSlices));
  launch(columns_kernel<P>,
         {{static_cast<unsigned>(job.out.h), blocks_for(job.out.w, kColumns), static_cast<unsigned>(count)},
          {kColumns, slices}},
         stream, job);
}

void check_sizes(const PhotoRef& photo, const PrepareCrop& largest, const Result& out, int count) {
  checked_int(photo.width * (photo.nv12() ? 1 : photo.channels * photo.bytes_per_sample));
  checked_int(photo.height);
  checked_int((std::int64_t{largest.h} + kRows) * 3 * out.w);
  checked_int(std::int64_t{out.padded_h} * out.padded_w * count);
  checked_int(TableAxis{largest.w, out.w}.bytes());
  checked_int(TableAxis{largest.h, out.h}.bytes());
}

template <class Format>
void launch_both(const PhotoRef& photo, const ColumnsJob& job, const PrepareCrop& largest, int count,
                 Stream stream) {
  launch_rows<Format>(photo, job.crops, largest, count, stream);
  launch_columns<kPlanes<Format>>(job, largest, count, stream);
}

}  // namespace

void prepare_cuda(const PrepareDeviceParams& p, Stream stream) {
  const int h = checked_int(p.photo.height), w = checked_int(p.photo.width);
  const PrepareCrop whole{0, 0, w, h, 0, 0};
  const ColumnsJob job{{nullptr, whole, p.tables, p.scratch, checked_int(p.out_h), checked_int(p.out_w)},
                       p.luminance,
                       result_of(p)};
  check_sizes(p.photo, whole, job.out, 1);
  with_format(p.photo, [&](auto format) {
    using Format = decltype(format);
    if (h == p.out_h && w == p.out_w) {
      const int row_groups = (w + 3) / 4, count = checked_int(std::int64_t{row_groups} * h);
      launch(luminance_kernel<Format>, {blocks_for(count, kThreads), kThreads}, stream, p,
             yuv_to_rgb(p.photo.coding), job.out, row_groups, count);
      return;
    }
    launch_both<Format>(p.photo, job, whole, 1, stream);
  });
}

void prepare_crops_cuda(const PrepareCropsDeviceParams& p, Stream stream) {
  if (p.count == 0) return;
  const PrepareCrop largest{0, 0, p.largest_w, p.largest_h, 0, 0};
  const int out_h = checked_int(p.out_h), out_w = checked_int(p.out_w);
  const ColumnsJob job{{p.crops, largest, p.tables, p.scratch, out_h, out_w},
                       p.luminance,
                       {p.out, out_h, out_w, out_h, out_w, PlaneFill::repeat}};
  check_sizes(p.photo, largest, job.out, p.count);
  with_format(p.photo,
              [&](auto format) { launch_both<decltype(format)>(p.photo, job, largest, p.count, stream); });
}

}  // namespace cuhue
