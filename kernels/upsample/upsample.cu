#include "kernels/core/vector.cuh"
#include "kernels/resample/bilinear.h"
#include "kernels/upsample/upsample.h"

namespace cuhue {
namespace {

constexpr int kThreads = 256;

// One thread a vector of channels of an output pixel.
template <int Lanes>
__global__ void nearest_kernel(UpsampleDeviceParams p, int vectors) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= vectors) return;
  const int groups = static_cast<int>(p.x.dims.c) / Lanes;
  const int in_w = static_cast<int>(p.x.dims.w), out_w = static_cast<int>(p.out.dims.w);
  const int channel = i % groups * Lanes, pixel = i / groups;
  const int row = pixel / out_w / p.factor;  // of all images: their heights have the same factor
  float v[Lanes];
  load_lanes<Lanes>(p.x, row * in_w + pixel % out_w / p.factor, channel, v);
#pragma unroll
  for (int l = 0; l < Lanes; ++l) v[l] *= p.scale;
  store_lanes<Lanes>(p.out, pixel, channel, v);
}

// A block takes `columns` pixels of one output row: where they lie is worked out in double, once for all
// channels.
constexpr int kMostColumns = 256;

struct BilinearTiles {
  int columns, tiles;      // per block, per row
  float scale_x, scale_y;  // source pixels to an output pixel
};

template <int Lanes>
__global__ void bilinear_kernel(UpsampleDeviceParams p, BilinearTiles t) {
  __shared__ BilinearTap taps[kMostColumns];
  __shared__ BilinearTap row_tap;
  const int in_w = static_cast<int>(p.x.dims.w), in_h = static_cast<int>(p.x.dims.h);
  const int out_w = static_cast<int>(p.out.dims.w), out_h = static_cast<int>(p.out.dims.h);
  const int groups = static_cast<int>(p.x.dims.c) / Lanes;
  const int first = static_cast<int>(blockIdx.x) % t.tiles * t.columns;
  const int row = static_cast<int>(blockIdx.x) / t.tiles;  // of all images
  const int columns = smaller(t.columns, out_w - first), me = static_cast<int>(threadIdx.x);
  if (me < columns) taps[me] = bilinear_tap(first + me, t.scale_x, in_w);
  if (me == kThreads - 1) row_tap = bilinear_tap(row % out_h, t.scale_y, in_h);
  __syncthreads();
  const int image = row / out_h * in_h;
  const int top = (image + row_tap.i0) * in_w, bottom = (image + row_tap.i1) * in_w;
  for (int i = me; i < columns * groups; i += kThreads) {
    const int column = i / groups, channel = i % groups * Lanes;
    const BilinearTap tap = taps[column];
    float a[Lanes], b[Lanes], c[Lanes], d[Lanes];
    load_lanes<Lanes>(p.x, top + tap.i0, channel, a);
    load_lanes<Lanes>(p.x, top + tap.i1, channel, b);
    load_lanes<Lanes>(p.x, bottom + tap.i0, channel, c);
    load_lanes<Lanes>(p.x, bottom + tap.i1, channel, d);
#pragma unroll
    for (int l = 0; l < Lanes; ++l) a[l] = bilinear_mix(a[l], b[l], c[l], d[l], row_tap.w1, tap.w1) * p.scale;
    store_lanes<Lanes>(p.out, row * out_w + first + column, channel, a);
  }
}

}  // namespace

void upsample_nearest_cuda(const UpsampleDeviceParams& p, Stream stream) {
  const int values = checked_int(p.out.dims.count());
  with_lanes({p.x, p.out}, [&](auto lanes) {
    constexpr int kLanes = decltype(lanes)::value;
    const int vectors = values / kLanes;
    launch(nearest_kernel<kLanes>, {blocks_for(vectors, kThreads), kThreads}, stream, p, vectors);
  });
}

void upsample_bilinear_cuda(const UpsampleDeviceParams& p, Stream stream) {
  const Dims in = p.x.dims, out = p.out.dims;
  checked_int(out.count());
  with_lanes({p.x, p.out}, [&](auto lanes) {
    constexpr int kLanes = decltype(lanes)::value, kVectors = 4 * kThreads;
    const auto groups = static_cast<int>(out.c / kLanes);
    BilinearTiles t{};
    t.columns = groups >= kVectors / 8             ? 8
                : kVectors / groups < kMostColumns ? kVectors / groups
                                                   : kMostColumns;
    t.tiles = static_cast<int>(blocks_for(out.w, t.columns));
    t.scale_x = static_cast<float>(in.w) / static_cast<float>(out.w);
    t.scale_y = static_cast<float>(in.h) / static_cast<float>(out.h);
    const int blocks = checked_int(out.n * out.h * t.tiles);
    launch(bilinear_kernel<kLanes>, {static_cast<unsigned>(blocks), kThreads}, stream, p, t);
  });
}

}  // namespace cuhue
