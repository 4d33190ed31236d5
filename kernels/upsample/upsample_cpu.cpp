#include <algorithm>
#include <cstring>

#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"
#include "kernels/resample/bilinear.h"
#include "kernels/upsample/upsample.h"

namespace cuhue {
namespace {

constexpr int kTile = 128;        // output columns at a time
constexpr int kSpan = kTile + 2;  // input columns they reach over: never more, since the factor is at least 1

// Where the columns of a tile lie: bilinear_tap() of each.
struct Taps {
  int count = 0;
  std::int32_t left[kTile], right[kTile];
  float weight[kTile];  // of right
};

struct RowPair {
  const float* top;
  const float* bottom;
  float weight;  // of bottom
};

template <int kBlock>  // 0: known at run time only
inline __attribute__((always_inline)) void nearest_row_of(const UpsampleParams& p, const float* from,
                                                          float* __restrict to) {
  const std::int64_t block = kBlock > 0 ? kBlock : p.x.block;
  for (std::int64_t x = 0; x < p.x.dims.w; ++x, from += block)
    for (int r = 0; r < p.factor; ++r, to += block)
      for (std::int64_t l = 0; l < block; ++l) to[l] = from[l] * p.scale;
}

CUHUE_SIMD_CLONES void nearest_row(const UpsampleParams& p, const float* from, float* __restrict to) {
  switch (p.x.block) {
    case 1: nearest_row_of<1>(p, from, to); break;
    case 8: nearest_row_of<8>(p, from, to); break;
    case 16: nearest_row_of<16>(p, from, to); break;
    default: nearest_row_of<0>(p, from, to); break;
  }
}

// Output columns [begin, begin + count) of one row, block 1: the two rows are mixed once for all the columns
// that share them.
inline __attribute__((always_inline)) void bilinear_plane_tile(const UpsampleParams& p, const RowPair& rows,
                                                               const Taps& taps, float* __restrict to) {
  float column[kSpan];
  const float scale = p.scale;
  const std::int32_t first = taps.left[0], span = taps.right[taps.count - 1] - first + 1;
  for (std::int32_t i = 0; i < span; ++i)
    column[i] = mix(rows.top[first + i], rows.bottom[first + i], rows.weight);
  for (int i = 0; i < taps.count; ++i)
    to[i] = mix(column[taps.left[i] - first], column[taps.right[i] - first], taps.weight[i]) * scale;
}

template <int kBlock>
inline __attribute__((always_inline)) void bilinear_block_tile(const UpsampleParams& p, const RowPair& rows,
                                                               const Taps& taps, float* __restrict to) {
  const std::int64_t block = kBlock > 0 ? kBlock : p.x.block;
  for (int i = 0; i < taps.count; ++i, to += block) {
    const std::int64_t left = taps.left[i] * block, right = taps.right[i] * block;
    for (std::int64_t l = 0; l < block; ++l)
      to[l] = bilinear_mix(rows.top[left + l], rows.top[right + l], rows.bottom[left + l],
                           rows.bottom[right + l], rows.weight, taps.weight[i]) *
              p.scale;
  }
}

CUHUE_SIMD_CLONES void bilinear_tile(const UpsampleParams& p, const RowPair& rows, const Taps& taps,
                                     float* __restrict to) {
  switch (p.x.block) {
    case 1: bilinear_plane_tile(p, rows, taps, to); break;
    case 8: bilinear_block_tile<8>(p, rows, taps, to); break;
    case 16: bilinear_block_tile<16>(p, rows, taps, to); break;
    default: bilinear_block_tile<0>(p, rows, taps, to); break;
  }
}

// Rows [begin, end) of all output rows of all blocks of all images, a column tile at a time so that the taps
// are computed once.
void bilinear_rows(const UpsampleParams& p, std::int64_t begin, std::int64_t end) {
  const Dims in = p.x.dims, out = p.out.dims;
  const float scale_x = static_cast<float>(in.w) / static_cast<float>(out.w);
  const float scale_y = static_cast<float>(in.h) / static_cast<float>(out.h);
  Taps taps;
  for (std::int64_t x0 = 0; x0 < out.w; x0 += kTile) {
    taps.count = static_cast<int>(std::min<std::int64_t>(kTile, out.w - x0));
    for (int i = 0; i < taps.count; ++i) {
      const BilinearTap tap = bilinear_tap(x0 + i, scale_x, in.w);
      taps.left[i] = tap.i0;
      taps.right[i] = tap.i1;
      taps.weight[i] = tap.w1;
    }
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t y = item % out.h, block = item / out.h % p.x.blocks(),
                         n = item / out.h / p.x.blocks();
      const float* from = p.x.data + n * p.x.batch_stride + block * p.x.plane();
      float* to = p.out.data + n * p.out.batch_stride + block * p.out.plane() + (y * out.w + x0) * p.x.block;
      const BilinearTap tap = bilinear_tap(y, scale_y, in.h);
      const std::int64_t pitch = in.w * p.x.block;
      bilinear_tile(p, {from + tap.i0 * pitch, from + tap.i1 * pitch, tap.w1}, taps, to);
    }
  }
}

}  // namespace

void upsample_nearest_cpu(const UpsampleParams& p) {
  const std::int64_t rows = p.x.dims.h, pitch_in = p.x.dims.w * p.x.block,
                     pitch_out = p.out.dims.w * p.x.block;
  const std::int64_t grain = 1 + 16384 / (pitch_out * p.factor);
  parallel_for(p.x.dims.n * p.x.blocks() * rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t y = item % rows, block = item / rows % p.x.blocks(), n = item / rows / p.x.blocks();
      const float* from = p.x.data + n * p.x.batch_stride + block * p.x.plane() + y * pitch_in;
      float* to = p.out.data + n * p.out.batch_stride + block * p.out.plane() + y * p.factor * pitch_out;
      nearest_row(p, from, to);
      for (int r = 1; r < p.factor; ++r)
        std::memcpy(to + r * pitch_out, to, static_cast<std::size_t>(pitch_out) * sizeof(float));
    }
  });
}

void upsample_bilinear_cpu(const UpsampleParams& p) {
  const std::int64_t grain = 1 + 16384 / (p.out.dims.w * p.x.block);
  parallel_for(p.x.dims.n * p.x.blocks() * p.out.dims.h, grain,
               [&](std::int64_t begin, std::int64_t end) { bilinear_rows(p, begin, end); });
}

}  // namespace cuhue
