#include <algorithm>

#include "kernels/argmax/argmax.h"
#include "kernels/argmax/argmax_math.h"
#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"

namespace cuhue {
namespace {

constexpr std::int64_t kTile = 256;    // pixels at a time, a SIMD lane each
constexpr std::int64_t kChannels = 8;  // of other layouts, that are made planes at a time

// The greatest of each pixel so far.
struct Tile {
  std::int64_t count;
  float value[kTile], index[kTile];
};

// Channels [first, first + channels) of the tile's pixels, `plane` floats apart.
inline __attribute__((always_inline)) void take(const float* x, std::int64_t plane, std::int64_t first,
                                                std::int64_t channels, Tile& tile) {
  for (std::int64_t c = 0; c < channels; ++c) {
    const float* next = x + c * plane;
    const auto label = static_cast<float>(first + c);
    for (std::int64_t i = 0; i < tile.count; ++i) {
      const Greatest g = greatest({tile.value[i], tile.index[i]}, {next[i], label});
      tile.value[i] = g.value;
      tile.index[i] = g.index;
    }
  }
}

// `x`: the first pixel.
CUHUE_SIMD_CLONES void argmax_tile(const float* x, float* out, const TensorRef& shape, std::int64_t count) {
  const std::int64_t block = shape.block, channels = shape.dims.c;
  Tile tile;
  tile.count = count;
  for (std::int64_t i = 0; i < count; ++i) {
    tile.value[i] = none_of(channels).value;
    tile.index[i] = none_of(channels).index;
  }
  if (block == 1) {
    take(x, shape.plane(), 0, channels, tile);
  } else {
    float planes[kChannels * kTile];
    for (std::int64_t c = 0; c < channels;) {
      const float* from = x + c / block * shape.plane() + c % block;
      const std::int64_t n = std::min({kChannels, block - c % block, channels - c});
      for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t l = 0; l < n; ++l) planes[l * kTile + i] = from[i * block + l];
      take(planes, kTile, c, n, tile);
      c += n;
    }
  }
  for (std::int64_t i = 0; i < count; ++i) out[i] = label_of({tile.value[i], tile.index[i]});
}

}  // namespace

void argmax_cpu(const ArgmaxParams& p) {
  const std::int64_t pixels = p.x.dims.h * p.x.dims.w, tiles = (pixels + kTile - 1) / kTile;
  parallel_for(p.x.dims.n * tiles, 1 + 16384 / (kTile * p.x.dims.c),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t item = begin; item < end; ++item) {
                   const std::int64_t n = item / tiles, first = item % tiles * kTile,
                                      count = std::min(kTile, pixels - first);
                   const float* x = p.x.data + n * p.x.batch_stride + first * p.x.block;
                   float* out = p.out.data + n * p.out.batch_stride + first;
                   argmax_tile(x, out, p.x, count);
                 }
               });
}

}  // namespace cuhue
