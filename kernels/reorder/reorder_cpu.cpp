#include <algorithm>
#include <cstring>

#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"
#include "kernels/reorder/reorder.h"

namespace cuhue {
namespace {

constexpr std::int64_t kTile = 64;  // pixels at a time: both sides of a tile stay in the first-level cache

// Pixels [begin, begin + count) of output block `block`: every lane comes from its channel's place in x.
template <int kInBlock, int kOutBlock>  // 0: known at run time only
inline __attribute__((always_inline)) void copy_tile_of(const TensorRef& x, const float* from,
                                                        const TensorRef& out, float* to, std::int64_t block,
                                                        std::int64_t begin, std::int64_t count) {
  const std::int64_t in_block = kInBlock > 0 ? kInBlock : x.block;
  const std::int64_t out_block = kOutBlock > 0 ? kOutBlock : out.block;
  float* tile = to + block * out.plane() + begin * out_block;
  for (std::int64_t lane = 0; lane < out_block; ++lane) {
    const std::int64_t c = block * out_block + lane;
    if (c >= out.dims.c) {
      for (std::int64_t i = 0; i < count; ++i) tile[i * out_block + lane] = 0.0f;
      continue;
    }
    const float* channel = from + c / in_block * x.plane() + begin * in_block + c % in_block;
    for (std::int64_t i = 0; i < count; ++i) tile[i * out_block + lane] = channel[i * in_block];
  }
}

CUHUE_SIMD_CLONES void copy_tile(const TensorRef& x, const float* from, const TensorRef& out, float* to,
                                 std::int64_t block, std::int64_t begin, std::int64_t count) {
  if (x.block == 1 && out.block == 8) return copy_tile_of<1, 8>(x, from, out, to, block, begin, count);
  if (x.block == 8 && out.block == 1) return copy_tile_of<8, 1>(x, from, out, to, block, begin, count);
  if (x.block == 1 && out.block == 16) return copy_tile_of<1, 16>(x, from, out, to, block, begin, count);
  if (x.block == 16 && out.block == 1) return copy_tile_of<16, 1>(x, from, out, to, block, begin, count);
  copy_tile_of<0, 0>(x, from, out, to, block, begin, count);
}

}  // namespace

void reorder_cpu(const ReorderParams& p) {
  const std::int64_t pixels = p.x.dims.h * p.x.dims.w;
  const std::int64_t tiles = (pixels + kTile - 1) / kTile;
  const std::int64_t blocks = p.out.blocks();
  // Same block: the same bytes, but for padding that x may lack.
  const bool whole = p.x.block == p.out.block && p.x.dims.c % p.x.block == 0;
  parallel_for(p.x.dims.n * blocks * tiles, 32, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t first = item % tiles * kTile, block = item / tiles % blocks,
                         n = item / tiles / blocks;
      const std::int64_t count = std::min(kTile, pixels - first);
      const float* from = p.x.data + n * p.x.batch_stride;
      float* to = p.out.data + n * p.out.batch_stride;
      if (whole) {
        const std::int64_t at = block * p.x.plane() + first * p.x.block;
        std::memcpy(to + at, from + at, static_cast<std::size_t>(count * p.x.block) * sizeof(float));
      } else {
        copy_tile(p.x, from, p.out, to, block, first, count);
      }
    }
  });
}

}  // namespace cuhue
