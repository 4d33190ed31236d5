#include <algorithm>
#include <cstring>

#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"
#include "kernels/elementwise/activation.h"
#include "kernels/elementwise/elementwise.h"

namespace cuhue {
namespace {

constexpr std::int64_t kTile = 1024;  // floats that go through the whole chain before the next are read

// `n` floats of one channel block; `offset` is the first one's place in the block's plane.
struct Tile {
  float* values;  // [kTile]
  std::int64_t n = 0;
  std::int64_t block = 1;    // lanes
  std::int64_t channel = 0;  // of lane 0
  std::int64_t offset = 0;
};

// scale[c] x + shift[c]: runs of consecutive channels, one run a pixel.
inline __attribute__((always_inline)) void channel_affine(const ElementwiseStep& step, const Tile& tile) {
  const float* scale = step.scale + tile.channel;
  const float* shift = step.shift + tile.channel;
  if (tile.block == 1) {
    for (std::int64_t i = 0; i < tile.n; ++i) tile.values[i] = affine(tile.values[i], scale[0], shift[0]);
    return;
  }
  if (tile.block == 8 && tile.offset % 8 == 0 && tile.n % 8 == 0) {
    float a[8], b[8];  // copies: the compiler knows that the tile is not among them
    std::memcpy(a, scale, sizeof a);
    std::memcpy(b, shift, sizeof b);
    for (std::int64_t i = 0; i < tile.n; i += 8)
      for (std::int64_t l = 0; l < 8; ++l) tile.values[i + l] = affine(tile.values[i + l], a[l], b[l]);
    return;
  }
  std::int64_t lane = tile.offset % tile.block;
  for (std::int64_t i = 0; i < tile.n; lane = 0) {
    const std::int64_t run = std::min(tile.block - lane, tile.n - i);
    for (std::int64_t l = 0; l < run; ++l)
      tile.values[i + l] = affine(tile.values[i + l], scale[lane + l], shift[lane + l]);
    i += run;
  }
}

// Each lane's addend, over whatever pixels: as channel_affine.
inline __attribute__((always_inline)) void add_channels(const float* addends, const Tile& tile) {
  if (tile.block == 1) {
    const float addend = addends[0];
    for (std::int64_t i = 0; i < tile.n; ++i) tile.values[i] += addend;
    return;
  }
  if (tile.block == 8 && tile.offset % 8 == 0 && tile.n % 8 == 0) {
    float a[8];  // a copy: the compiler knows that the tile is not in it
    std::memcpy(a, addends, sizeof a);
    for (std::int64_t i = 0; i < tile.n; i += 8)
      for (std::int64_t l = 0; l < 8; ++l) tile.values[i + l] += a[l];
    return;
  }
  std::int64_t lane = tile.offset % tile.block;
  for (std::int64_t i = 0; i < tile.n; lane = 0) {
    const std::int64_t run = std::min(tile.block - lane, tile.n - i);
    for (std::int64_t l = 0; l < run; ++l) tile.values[i + l] += addends[lane + l];
    i += run;
  }
}

// `other`: the tile's place in the tensor of an add, or of its first channel among the addends.
CUHUE_SIMD_CLONES void apply_step(const ElementwiseStep& step, const Tile& tile, const float* other) {
  float* v = tile.values;
  switch (step.kind) {
    case ElementwiseKind::relu:
      for (std::int64_t i = 0; i < tile.n; ++i) v[i] = relu(v[i]);
      break;
    case ElementwiseKind::leaky_relu:
      for (std::int64_t i = 0; i < tile.n; ++i) v[i] = leaky_relu(v[i], step.alpha);
      break;
    case ElementwiseKind::tanh:
      for (std::int64_t i = 0; i < tile.n; ++i) v[i] = tanh_bounded(v[i]);
      break;
    case ElementwiseKind::sigmoid:
      for (std::int64_t i = 0; i < tile.n; ++i) v[i] = sigmoid(v[i]);
      break;
    case ElementwiseKind::scalar_affine:
      for (std::int64_t i = 0; i < tile.n; ++i) v[i] = affine(v[i], step.alpha, step.beta);
      break;
    case ElementwiseKind::channel_affine: channel_affine(step, tile); break;
    case ElementwiseKind::add:
      for (std::int64_t i = 0; i < tile.n; ++i) v[i] += other[i];
      break;
    case ElementwiseKind::add_channels: add_channels(other, tile); break;
  }
}

// Padding channels hold 0 whatever the steps made of them.
void clear_padding(const Tile& tile, std::int64_t channels) {
  for (std::int64_t i = 0; i < tile.n; ++i)
    if ((tile.offset + i) % tile.block >= channels - tile.channel) tile.values[i] = 0.0f;
}

void run_tile(const ElementwiseParams& p, std::int64_t n, std::int64_t block, std::int64_t offset) {
  alignas(64) float values[kTile];
  Tile tile{values, std::min(kTile, p.x.plane() - offset), p.x.block, block * p.x.block, offset};
  const std::int64_t place = block * p.x.plane() + offset;
  const std::size_t bytes = static_cast<std::size_t>(tile.n) * sizeof(float);
  std::memcpy(values, p.x.data + n * p.x.batch_stride + place, bytes);
  for (const ElementwiseStep& step : p.steps) {
    const bool planes = step.kind == ElementwiseKind::add_channels;
    const float* other = step.kind == ElementwiseKind::add || planes
                             ? step.other.data + n * step.other.batch_stride + (planes ? tile.channel : place)
                             : nullptr;
    apply_step(step, tile, other);
  }
  if (tile.channel + tile.block > p.x.dims.c) clear_padding(tile, p.x.dims.c);
  std::memcpy(p.out.data + n * p.out.batch_stride + place, values, bytes);
}

}  // namespace

void elementwise_cpu(const ElementwiseParams& p) {
  const std::int64_t blocks = p.x.blocks(), tiles = (p.x.plane() + kTile - 1) / kTile;
  parallel_for(p.x.dims.n * blocks * tiles, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item)
      run_tile(p, item / tiles / blocks, item / tiles % blocks, item % tiles * kTile);
  });
}

}  // namespace cuhue
