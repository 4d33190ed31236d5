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

struct RowPair {
  const float* top;
  const float* bottom;
  float weight;  // of bottom
};

template <int kBlock>  // 0: known at run time only
inline __attribute__((always_inline)) void nearest_row_of(const UpsampleParams& p, const float* from,
                                                          float* to) {
  const std::int64_t block = kBlock > 0 ? kBlock : p.x.block;
  for (std::int64_t x = 0; x < p.x.dims.w; ++x, from += block)
    for (int r = 0; r < p.factor; ++r, to += block)
      for (std::int64_t l = 0; l < block; ++l) to[l] = from[l] * p.scale;
}

CUHUE_SIMD_CLONES void nearest_row(const UpsampleParams& p, const float* from, float* to) {
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
                                                               const BilinearTap* taps, int count,
                                                               float* to) {
  float column[kSpan];
  const std::int32_t first = taps[0].i0, span = taps[count - 1].i1 - first + 1;
  for (std::int32_t i = 0; i < span; ++i)
    column[i] = mix(rows.top[first + i], rows.bottom[first + i], rows.weight);
  for (int i = 0; i < count; ++i)
    to[i] = mix(column[taps[i].i0 - first], column[taps[i].i1 - first], taps[i].w1) * p.scale;
}

template <int kBlock>
inline __attribute__((always_inline)) void bilinear_block_tile(const UpsampleParams& p, const RowPair& rows,
                                                               const BilinearTap* taps, int count,
                                                               float* to) {
  const std::int64_t block = kBlock > 0 ? kBlock : p.x.block;
  for (int i = 0; i < count; ++i, to += block) {
    const std::int64_t left = taps[i].i0 * block, right = taps[i].i1 * block;
    for (std::int64_t l = 0; l < block; ++l)
      to[l] = bilinear_mix(rows.top[left + l], rows.top[right + l], rows.bottom[left + l],
                           rows.bottom[right + l], rows.weight, taps[i].w1) *
              p.scale;
  }
}

CUHUE_SIMD_CLONES void bilinear_tile(const UpsampleParams& p, const RowPair& rows, const BilinearTap* taps,
                                     int count, float* to) {
  switch (p.x.block) {
    case 1: bilinear_plane_tile(p, rows, taps, count, to); break;
    case 8: bilinear_block_tile<8>(p, rows, taps, count, to); break;
    case 16: bilinear_block_tile<16>(p, rows, taps, count, to); break;
    default: bilinear_block_tile<0>(p, rows, taps, count, to); break;
  }
}

// Rows [begin, end) of all output rows of all blocks of all images, a column tile at a time so that the taps
// are computed once.
void bilinear_rows(const UpsampleParams& p, std::int64_t begin, std::int64_t end) {
  const Dims in = p.x.dims, out = p.out.dims;
  const float scale_x = static_cast<float>(in.w) / static_cast<float>(out.w);
  const float scale_y = static_cast<float>(in.h) / static_cast<float>(out.h);
  BilinearTap taps[kTile];
  for (std::int64_t x0 = 0; x0 < out.w; x0 += kTile) {
    const int count = static_cast<int>(std::min<std::int64_t>(kTile, out.w - x0));
    for (int i = 0; i < count; ++i) taps[i] = bilinear_tap(x0 + i, scale_x, in.w);
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t y = item % out.h, block = item / out.h % p.x.blocks(),
                         n = item / out.h / p.x.blocks();
      const float* from = p.x.data + n * p.x.batch_stride + block * p.x.plane();
      float* to = p.out.data + n * p.out.batch_stride + block * p.out.plane() + (y * out.w + x0) * p.x.block;
      const BilinearTap tap = bilinear_tap(y, scale_y, in.h);
      const std::int64_t pitch = in.w * p.x.block;
      bilinear_tile(p, {from + tap.i0 * pitch, from + tap.i1 * pitch, tap.w1}, taps, count, to);
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
