// What the kernels of the matrix product share on the device: which pixel, which input, how sums are stored.
// A grid is [pixel tiles, channel tiles, phases * splits].
#pragma once

#include <algorithm>

#include "kernels/convolution/gemm.h"
#include "kernels/core/vector.cuh"
#include "kernels/elementwise/epilogue.cuh"

namespace cuhue {

using Float4 = Vector<float, 4>;

// a b + c. The executor's machine may lack the instruction and would call a function a product.
__device__ inline float multiply_add(float a, float b, float c) {
#if defined(CUHUE_HOST_EXECUTOR)
  return a * b + c;
#else
  return fmaf(a, b, c);
#endif
}

// Channels [channel, channel + 4) of an output pixel: bias, epilogue, store. Those that do not exist are left
// out; `vectors`: all of them exist and are one access.
__device__ inline void store_sums(const ConvolutionDeviceParams& p, bool vectors, int pixel, int channel,
                                  Float4 sums) {
  const int channels = static_cast<int>(p.out.dims.c);
  float v[4] = {sums.lane[0], sums.lane[1], sums.lane[2], sums.lane[3]};
  if (p.bias != nullptr) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (channel + i < channels) v[i] += p.bias[channel + i];
  }
  if (vectors) {
    apply_epilogue<4>(p.epilogue, v, pixel, channel);
    store_lanes<4>(p.out, pixel, channel, v);
    return;
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (channel + i >= channels) continue;
    float one[1] = {v[i]};
    apply_epilogue<1>(p.epilogue, one, pixel, channel + i);
    store_lanes<1>(p.out, pixel, channel + i, one);
  }
}

// The input row (column) that stands at one inside or outside; of one far outside any.
__device__ inline int border_inside(BorderKind kind, int at, int size) {
  if (kind == BorderKind::reflect) {
    if (at < 0) at = -at;
    if (at >= size) at = 2 * (size - 1) - at;
  }
  return min(max(at, 0), size - 1);
}

// One phase of the convolution in 32-bit numbers, and the rows of the left matrix.
struct GemmRows {
  ConvolutionAxis y, x;
  BorderKind border;
  int in_h, in_w, out_h, out_w, channels, pixels;

  __device__ GemmRows(const GemmParams& g, int phase)
      : y(g.phases[phase].y),
        x(g.phases[phase].x),
        border(g.conv.shape.border),
        in_h(static_cast<int>(g.conv.x.dims.h)),
        in_w(static_cast<int>(g.conv.x.dims.w)),
        out_h(static_cast<int>(g.conv.out.dims.h)),
        out_w(static_cast<int>(g.conv.out.dims.w)),
        channels(static_cast<int>(g.conv.x.dims.c)),
        pixels(static_cast<int>(g.conv.x.dims.n) * y.outputs * x.outputs) {}

  // Where row `m` starts in the input: the first tap's position, possibly outside; image times height.
  struct Start {
    int y, x, image;
  };
  __device__ Start start(int m) const {
    if (m >= pixels) return {-(1 << 29), 0, 0};  // outside for every tap: zeros
    const int row = m / x.outputs, n = row / y.outputs;
    return {y.in_first + (row - n * y.outputs) * y.in_stride,
            x.in_first + (m - row * x.outputs) * x.in_stride, n * in_h};
  }
  // The input pixel of a tap, -1 outside; with a border any of the row's for a row that does not exist.
  __device__ int input(const Start& s, int tap_y, int tap_x) const {
    int at_y = s.y + tap_y * y.in_tap, at_x = s.x + tap_x * x.in_tap;
    if (border != BorderKind::zero) {
      at_y = border_inside(border, at_y, in_h);
      at_x = border_inside(border, at_x, in_w);
    }
    const bool inside = static_cast<unsigned>(at_y) < static_cast<unsigned>(in_h) &&
                        static_cast<unsigned>(at_x) < static_cast<unsigned>(in_w);
    return inside ? (s.image + at_y) * in_w + at_x : -1;
  }
  // The output pixel of row m < pixels.
  __device__ int output(int m) const {
    const int row = m / x.outputs, n = row / y.outputs;
    const int at_y = y.out_first + (row - n * y.outputs) * y.out_step,
              at_x = x.out_first + (m - row * x.outputs) * x.out_step;
    return (n * out_h + at_y) * out_w + at_x;
  }
};

// The steps of the sum, taps outermost, then channels in steps of Depth: tap_y, tap_x and the first channel.
template <int Depth>
struct GemmSteps {
  int channel_steps, taps_x, end;
  int step, tap_y, tap_x, channel;

  // Those of split `split`.
  __device__ GemmSteps(const GemmRows& rows, int split, int splits)
      : channel_steps((rows.channels + Depth - 1) / Depth), taps_x(rows.x.taps) {
    const int all = rows.y.taps * taps_x * channel_steps, a = all / splits, b = all % splits;
    step = split * a + (split < b ? split : b);
    end = step + a + (split < b ? 1 : 0);
    const int tap = step / channel_steps;
    channel = (step - tap * channel_steps) * Depth;
    tap_y = taps_x > 0 ? tap / taps_x : 0;
    tap_x = tap - tap_y * taps_x;
  }
  __device__ bool done() const { return step >= end; }
  __device__ void next() {
    ++step;
    channel += Depth;
    if (channel < channel_steps * Depth) return;
    channel = 0;
    if (++tap_x < taps_x) return;
    tap_x = 0;
    ++tap_y;
  }
};

// Where the weights of output channel k begin for a tap, in elements.
__device__ inline int weight_at(const GemmParams& g, const GemmRows& rows, int k, int tap_y, int tap_x) {
  const int r = rows.y.tap_first + tap_y * rows.y.tap_step, s = rows.x.tap_first + tap_x * rows.x.tap_step;
  return ((k * g.conv.shape.kernel_h + r) * g.conv.shape.kernel_w + s) * rows.channels;
}

// Four sums of row m: through the epilogue, or to the partial sums of a split.
__device__ inline void store_row(const GemmParams& g, const GemmRows& rows, int split, int m, int channel,
                                 const Float4& sums) {
  const int channels = static_cast<int>(g.conv.out.dims.c);
  if (m >= rows.pixels || channel >= channels) return;
  const int pixel = rows.output(m);
  if (g.partial == nullptr) {
    store_sums(g.conv, g.out_vectors, pixel, channel, sums);
    return;
  }
  const int pitch = gemm_partial_pitch(channels),
            all = static_cast<int>(g.conv.out.dims.n) * rows.out_h * rows.out_w;
  *reinterpret_cast<Float4*>(g.partial + (split * all + pixel) * pitch + channel) = sums;
}

// A tile of sums waits in shared memory, [pixels, staged_pitch], so that neighbouring threads store
// neighbouring channels and the epilogue's code stands once.
constexpr int kStagedPadding = 8;  // spreads the banks
template <int Pixels, int Channels, int Threads>
__device__ void store_tile(const GemmParams& g, const GemmRows& rows, int split, int first_pixel,
                           int first_channel, const float* staged) {
  constexpr int kAcross = Channels / 4;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < Pixels * kAcross; i += Threads) {
    const int row = i / kAcross, channel = i % kAcross * 4;
    store_row(g, rows, split, first_pixel + row, first_channel + channel,
              *reinterpret_cast<const Float4*>(staged + row * (Channels + kStagedPadding) + channel));
  }
}

// For the phase with the most pixels; blocks beyond the end of a smaller one leave at once.
inline dim3 gemm_grid(const GemmParams& g, int phases, int tile_pixels, int tile_channels) {
  std::int64_t pixels = 0;
  for (int i = 0; i < phases; ++i)
    pixels = std::max(pixels, g.conv.x.dims.n * g.phases[i].y.outputs * g.phases[i].x.outputs);
  return {blocks_for(pixels, tile_pixels), blocks_for(g.conv.out.dims.c, tile_channels),
          static_cast<unsigned>(phases * g.splits)};
}

}  // namespace cuhue
