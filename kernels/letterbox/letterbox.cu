#include <cstdint>

#include "kernels/core/photo.cuh"
#include "kernels/letterbox/letterbox.h"
#include "kernels/letterbox/letterbox_windows.h"
#include "kernels/resample/bicubic.h"

namespace cuhue {
namespace {

constexpr int kThreads = 256;
constexpr int kLanes = 4;                    // threads of an output of the first pass
constexpr int kOutputs = kThreads / kLanes;  // of a block of it
constexpr int kSpanWords = 512;              // words of four lumas that it holds at a time

// One axis in device memory.
struct Windows {
  const std::int32_t *first, *count, *weights;
  int outputs, taps;
};

// Pixels [x, x + 4) of a row, a byte each; those beyond the row are of any value.
template <class Format>
__device__ inline std::uint32_t four_lumas(const PhotoRef& photo, const YuvToRgb& factors, int row, int x) {
  const auto pixels = Format::four(photo, factors, row, x);
  const std::uint32_t r = four_bytes(pixels.r);
  if constexpr (Format::kGrey) return r;
  const std::uint32_t g = four_bytes(pixels.g), b = four_bytes(pixels.b);
  std::uint32_t lumas = 0;
#pragma unroll
  for (int i = 0; i < 32; i += 8) {
    const auto byte = [i](std::uint32_t four) { return static_cast<std::uint8_t>(four >> i); };
    lumas |= std::uint32_t{letterbox_luma(byte(r), byte(g), byte(b))} << i;
  }
  return lumas;
}

struct RowsJob {
  PhotoRef photo;
  YuvToRgb factors;
  Windows windows;
  std::uint8_t* rows;  // [h, outputs]
};

// The first pass: a block makes some columns of one row, reading each pixel under their windows once. The
// lanes of an output take every fourth sample of its window; sums of integers are the same in any order.
template <class Format>
__global__ void __launch_bounds__(kThreads) rows_kernel(RowsJob job) {
  __shared__ std::uint32_t stage[kSpanWords];
  const auto* lumas = reinterpret_cast<const std::uint8_t*>(stage);
  const Windows& windows = job.windows;
  const auto thread = static_cast<int>(threadIdx.x), row = static_cast<int>(blockIdx.x);
  const int lane = thread % kLanes, o_begin = static_cast<int>(blockIdx.y) * kOutputs;
  const int o = o_begin + thread / kLanes, last = min(o_begin + kOutputs, windows.outputs) - 1;
  const bool there = o < windows.outputs;
  const int window = there ? windows.first[o] : 0, count = there ? windows.count[o] : 0;
  const std::int32_t* weights = windows.weights + (there ? o : 0) * windows.taps;
  const int begin = windows.first[o_begin] & ~3, end = windows.first[last] + windows.count[last];
  std::int32_t sum = 0;
  for (int at = begin; at < end; at += 4 * kSpanWords) {
    const int pixels = min(4 * kSpanWords, end - at);
    __syncthreads();
    for (int i = thread; 4 * i < pixels; i += kThreads)
      stage[i] = four_lumas<Format>(job.photo, job.factors, row, at + 4 * i);
    __syncthreads();
    // The sample of this lane that is the first in this span.
    const int before = max(at - window, 0);
    for (int j = (before + kLanes - 1 - lane) / kLanes * kLanes + lane; j < count; j += kLanes) {
      const int i = window + j - at;
      if (i >= pixels) break;
      sum += weights[j] * lumas[i];
    }
  }
  for (int d = kLanes / 2; d > 0; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
  if (lane == 0 && there)
    job.rows[row * windows.outputs + o] = static_cast<std::uint8_t>(bicubic_byte(sum + kBicubicRounding));
}

// The square that comes out.
struct Square {
  float* out;
  int side, planes, left, top, w, h;

  __device__ bool inside(int y, int x) const { return y >= top && y < top + h && x >= left && x < left + w; }
  __device__ void store(int y, int x, std::uint8_t byte) const {
    const float value = letterbox_value(byte);
    for (int p = 0; p < planes; ++p) out[(p * side + y) * side + x] = value;
  }
};

// The second pass: a row of the square a block.
__global__ void __launch_bounds__(kThreads)
    columns_kernel(const std::uint8_t* rows, Windows windows, Square square) {
  const auto y = static_cast<int>(blockIdx.x);
  for (auto x = static_cast<int>(threadIdx.x); x < square.side; x += kThreads) {
    std::int32_t sum = kLetterboxWhite << kBicubicBits;
    if (square.inside(y, x)) {
      const int o = y - square.top, count = windows.count[o];
      const std::uint8_t* from = rows + windows.first[o] * square.w + (x - square.left);
      const std::int32_t* weights = windows.weights + o * windows.taps;
      sum = kBicubicRounding;
      for (int j = 0; j < count; ++j) sum += weights[j] * from[j * square.w];
    }
    square.store(y, x, static_cast<std::uint8_t>(bicubic_byte(sum)));
  }
}

// A photo smaller than the square: a row of it a block.
template <class Format>
__global__ void __launch_bounds__(kThreads) enlarge_kernel(PhotoRef photo, YuvToRgb factors, Square square) {
  const auto y = static_cast<int>(blockIdx.x);
  for (auto x = static_cast<int>(threadIdx.x); x < square.side; x += kThreads) {
    std::uint8_t byte = kLetterboxWhite;
    if (square.inside(y, x)) {
      const int row = letterbox_nearest(y - square.top, static_cast<int>(photo.height), square.h);
      const int column = letterbox_nearest(x - square.left, static_cast<int>(photo.width), square.w);
      byte = static_cast<std::uint8_t>(four_lumas<Format>(photo, factors, row, column));
    }
    square.store(y, x, byte);
  }
}

Windows windows_at(const LetterboxAxis& axis, const std::byte* tables) {
  const auto* first = reinterpret_cast<const std::int32_t*>(tables);
  return {first, first + axis.n_out, first + 2 * axis.n_out, checked_int(axis.n_out), checked_int(axis.taps)};
}

}  // namespace

void letterbox_cuda(const LetterboxDeviceParams& p, Stream stream) {
  const std::int64_t w = p.photo.width, h = p.photo.height;
  checked_int(w * (p.photo.nv12() ? 1 : p.photo.channels * p.photo.bytes_per_sample) + 16);
  checked_int(p.planes * p.side * p.side);
  const LetterboxFit fit = letterbox_fit(w, h, p.side);
  const auto narrow = [](std::int64_t v) { return static_cast<int>(v); };
  const Square square{p.out,           narrow(p.side), narrow(p.planes), narrow(fit.left),
                      narrow(fit.top), narrow(fit.w),  narrow(fit.h)};
  const auto side = static_cast<unsigned>(p.side);
  const YuvToRgb factors = yuv_to_rgb(p.photo.coding);
  with_format(p.photo, [&](auto format) {
    using Format = decltype(format);
    if (fit.enlarged) {
      launch(enlarge_kernel<Format>, {side, kThreads}, stream, p.photo, factors, square);
      return;
    }
    checked_int(h * fit.w);
    const LetterboxAxis columns = letterbox_axis(w, fit.w), rows = letterbox_axis(h, fit.h);
    checked_int(columns.words() + rows.words());
    auto* shrunk = reinterpret_cast<std::uint8_t*>(p.scratch);
    launch(rows_kernel<Format>, {{static_cast<unsigned>(h), blocks_for(fit.w, kOutputs)}, kThreads}, stream,
           RowsJob{p.photo, factors, windows_at(columns, p.tables), shrunk});
    const std::byte* of_rows = p.tables + columns.words() * static_cast<std::int64_t>(sizeof(std::int32_t));
    launch(columns_kernel, {side, kThreads}, stream, static_cast<const std::uint8_t*>(shrunk),
           windows_at(rows, of_rows), square);
  });
}

}  // namespace cuhue
