#include "kernels/core/vector.cuh"
#include "kernels/pack/pack.h"

namespace cuhue {
namespace {

constexpr int kThreads = 256;

// ---- planes and pixels: a tile in shared memory is read along one axis and written along the other.
constexpr int kTilePixels = 64, kTileChannels = 32;
constexpr int kTilePitch = kTilePixels + 1;  // odd: neither axis meets a bank twice

struct Planes {
  int channels, plane;  // plane = h w
  int channel_tiles, pixel_tiles;
};

struct TilePlace {
  int image, channel, pixel;   // of the tile's first value
  int channels, pixels;        // in it
  std::int64_t plane_offset;   // of the first value in the planes
  std::int64_t pixels_before;  // pixels of all images before the first one
};

__device__ inline TilePlace tile_place(const Planes& p, int tile) {
  TilePlace at;
  at.pixel = tile % p.pixel_tiles * kTilePixels;
  at.channel = tile / p.pixel_tiles % p.channel_tiles * kTileChannels;
  at.image = tile / p.pixel_tiles / p.channel_tiles;
  at.pixels = smaller(kTilePixels, p.plane - at.pixel);
  at.channels = smaller(kTileChannels, p.channels - at.channel);
  at.plane_offset = (static_cast<std::int64_t>(at.image) * p.channels + at.channel) * p.plane + at.pixel;
  at.pixels_before = static_cast<std::int64_t>(at.image) * p.plane + at.pixel;
  return at;
}

template <int Lanes>
__global__ void pack_kernel(PackDeviceParams p, Planes planes) {
  __shared__ float tile[kTileChannels * kTilePitch];
  const TilePlace at = tile_place(planes, static_cast<int>(blockIdx.x));
  const float* from = p.planes + at.plane_offset;
  for (int i = static_cast<int>(threadIdx.x); i < at.channels * kTilePixels; i += kThreads) {
    const int c = i / kTilePixels, pixel = i % kTilePixels;
    if (pixel < at.pixels)
      tile[c * kTilePitch + pixel] = from[static_cast<std::int64_t>(c) * planes.plane + pixel];
  }
  __syncthreads();
  const int groups = at.channels / Lanes;
  for (int i = static_cast<int>(threadIdx.x); i < at.pixels * groups; i += kThreads) {
    const int pixel = i / groups, c = i % groups * Lanes;
    float v[Lanes];
#pragma unroll
    for (int l = 0; l < Lanes; ++l) v[l] = tile[(c + l) * kTilePitch + pixel];
    store_lanes<Lanes>(p.out, static_cast<int>(at.pixels_before) + pixel, at.channel + c, v);
  }
}

template <int Lanes>
__global__ void unpack_kernel(UnpackDeviceParams p, Planes planes) {
  __shared__ float tile[kTileChannels * kTilePitch];
  const TilePlace at = tile_place(planes, static_cast<int>(blockIdx.x));
  const int groups = at.channels / Lanes;
  for (int i = static_cast<int>(threadIdx.x); i < at.pixels * groups; i += kThreads) {
    const int pixel = i / groups, c = i % groups * Lanes;
    float v[Lanes];
    load_lanes<Lanes>(p.x, static_cast<int>(at.pixels_before) + pixel, at.channel + c, v);
#pragma unroll
    for (int l = 0; l < Lanes; ++l) tile[(c + l) * kTilePitch + pixel] = v[l];
  }
  __syncthreads();
  float* to = p.planes + at.plane_offset;
  for (int i = static_cast<int>(threadIdx.x); i < at.channels * kTilePixels; i += kThreads) {
    const int c = i / kTilePixels, pixel = i % kTilePixels;
    if (pixel < at.pixels)
      to[static_cast<std::int64_t>(c) * planes.plane + pixel] = tile[c * kTilePitch + pixel];
  }
}

Planes planes_of(const DeviceTensor& t) {
  checked_int(t.dims.count());
  Planes p{};
  p.channels = static_cast<int>(t.dims.c);
  p.plane = static_cast<int>(t.dims.h * t.dims.w);
  p.channel_tiles = static_cast<int>(blocks_for(p.channels, kTileChannels));
  p.pixel_tiles = static_cast<int>(blocks_for(p.plane, kTilePixels));
  return p;
}

unsigned tiles_of(const Planes& p, const DeviceTensor& t) {
  return static_cast<unsigned>(checked_int(t.dims.n * p.channel_tiles * p.pixel_tiles));
}

// ---- weights. Of output and input channel one is innermost in the packed weight: `inner`; the other is
// `outer`. A tile is 64 inner channels by up to 32 columns; a column is a tap of an outer channel.
constexpr int kTileInner = 64, kTileColumns = 32;

struct WeightTiles {
  int inner, outer, taps;
  std::int64_t from_inner, from_outer;  // strides of PyTorch's weight; taps lie side by side
  std::int64_t to_outer, to_tap;        // strides of the packed one; inner channels lie side by side
  bool scale_inner;                     // the output channel is the inner one
  // Columns of all outer channels are one row where they lie side by side, else those of each are its own.
  int rows, columns;
  int inner_tiles, column_tiles;
};

template <class T>
__global__ void pack_weight_kernel(PackWeightDeviceParams p, WeightTiles w) {
  __shared__ float tile[kTileInner * (kTileColumns + 1)];
  const int block = static_cast<int>(blockIdx.x);
  const int first_inner = block % w.inner_tiles * kTileInner;
  const int first_column = block / w.inner_tiles % w.column_tiles * kTileColumns;
  const int row = block / w.inner_tiles / w.column_tiles;
  const int inners = smaller(kTileInner, w.inner - first_inner);
  const int columns = smaller(kTileColumns, w.columns - first_column);
  const int pitch = columns | 1;  // odd: a column's values lie in different banks
  const float* from = p.weight + row * w.from_outer + first_inner * w.from_inner + first_column;
  for (int i = static_cast<int>(threadIdx.x); i < inners * columns; i += kThreads) {
    const int inner = i / columns, column = i % columns;
    tile[inner * pitch + column] = from[inner * w.from_inner + column];
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < columns * kTileInner; i += kThreads) {
    const int inner = i % kTileInner, column = i / kTileInner;
    if (inner >= inners) continue;
    const int outer = row + (first_column + column) / w.taps, tap = (first_column + column) % w.taps;
    float v = tile[inner * pitch + column];
    if (p.scale != nullptr) v *= p.scale[w.scale_inner ? first_inner + inner : outer];
    static_cast<T*>(p.packed)[outer * w.to_outer + tap * w.to_tap + first_inner + inner] = from_float<T>(v);
  }
}

WeightTiles weight_tiles(const PackWeightDeviceParams& p) {
  const std::int64_t taps = std::int64_t{p.r} * p.s;
  checked_int(p.k * p.c * taps);
  const std::int64_t from_k = p.transposed ? taps : p.c * taps, from_c = p.transposed ? p.k * taps : taps;
  const bool k_inner = p.order != WeightOrder::krsc;
  const std::int64_t inner = k_inner ? p.k : p.c, outer = k_inner ? p.c : p.k;
  WeightTiles w{};
  w.inner = static_cast<int>(inner);
  w.outer = static_cast<int>(outer);
  w.taps = static_cast<int>(taps);
  w.from_inner = k_inner ? from_k : from_c;
  w.from_outer = k_inner ? from_c : from_k;
  w.to_outer = p.order == WeightOrder::rsck ? inner : taps * inner;
  w.to_tap = p.order == WeightOrder::rsck ? outer * inner : inner;
  w.scale_inner = k_inner;
  const bool side_by_side = w.from_outer == taps;
  w.rows = side_by_side ? 1 : w.outer;
  w.columns = static_cast<int>(side_by_side ? outer * taps : taps);
  w.inner_tiles = static_cast<int>(blocks_for(inner, kTileInner));
  w.column_tiles = static_cast<int>(blocks_for(w.columns, kTileColumns));
  return w;
}

}  // namespace

void pack_cuda(const PackDeviceParams& p, Stream stream) {
  const Planes planes = planes_of(p.out);
  with_lanes({p.out}, [&](auto lanes) {
    launch(pack_kernel<decltype(lanes)::value>, {tiles_of(planes, p.out), kThreads}, stream, p, planes);
  });
}

void unpack_cuda(const UnpackDeviceParams& p, Stream stream) {
  const Planes planes = planes_of(p.x);
  with_lanes({p.x}, [&](auto lanes) {
    launch(unpack_kernel<decltype(lanes)::value>, {tiles_of(planes, p.x), kThreads}, stream, p, planes);
  });
}

void pack_weight_cuda(const PackWeightDeviceParams& p, Stream stream) {
  const WeightTiles w = weight_tiles(p);
  const LaunchShape shape{
      static_cast<unsigned>(checked_int(std::int64_t{w.rows} * w.inner_tiles * w.column_tiles)), kThreads};
  if (p.element == Element::f16) {
    launch(pack_weight_kernel<__half>, shape, stream, p, w);
  } else {
    launch(pack_weight_kernel<float>, shape, stream, p, w);
  }
}

}  // namespace cuhue
