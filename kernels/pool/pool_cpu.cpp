#include <algorithm>
#include <limits>

#include "kernels/core/parallel.h"
#include "kernels/pool/pool.h"
#include "kernels/pool/pool_math.h"

namespace cuhue {
namespace {

constexpr std::int64_t kLanes = 16;  // channels of a block at a time

struct Window {
  const float* plane;  // of the block's first lane taken
  std::int64_t pixel_pitch, row_pitch;
  PoolRange rows, columns;
};

void pool_lanes(const PoolWindow& window, const Window& w, std::int64_t lanes, float* out) {
  const bool max = window.kind == PoolingKind::max;
  float result[kLanes];
  std::fill_n(result, lanes, max ? -std::numeric_limits<float>::infinity() : 0.0f);
  for (int y = w.rows.begin; y < w.rows.end; ++y) {
    float sum[kLanes] = {};  // of a row: short sums round less
    for (int x = w.columns.begin; x < w.columns.end; ++x) {
      const float* v = w.plane + y * w.row_pitch + x * w.pixel_pitch;
      if (max) {
        for (std::int64_t l = 0; l < lanes; ++l) result[l] = pool_max(result[l], v[l]);
      } else {
        for (std::int64_t l = 0; l < lanes; ++l) sum[l] += v[l];
      }
    }
    if (!max)
      for (std::int64_t l = 0; l < lanes; ++l) result[l] += sum[l];
  }
  const int counted = (w.rows.end - w.rows.begin) * (w.columns.end - w.columns.begin);
  for (std::int64_t l = 0; l < lanes; ++l) out[l] = max ? result[l] : pool_mean(window, result[l], counted);
}

// One row of one block of one image; padding channels become 0.
void pool_row(const PoolParams& p, std::int64_t n, std::int64_t block, std::int64_t row) {
  const std::int64_t lanes = std::min(p.x.block, p.x.dims.c - block * p.x.block);
  const float* plane = p.x.data + n * p.x.batch_stride + block * p.x.plane();
  float* out = p.out.data + n * p.out.batch_stride + block * p.out.plane() + row * p.out.dims.w * p.out.block;
  Window w{plane, p.x.block, p.x.dims.w * p.x.block, {}, {}};
  w.rows = pool_range(p.window, static_cast<int>(row), p.window.pad_top, static_cast<int>(p.x.dims.h));
  for (std::int64_t column = 0; column < p.out.dims.w; ++column, out += p.out.block) {
    w.columns =
        pool_range(p.window, static_cast<int>(column), p.window.pad_left, static_cast<int>(p.x.dims.w));
    for (std::int64_t l = 0; l < lanes; l += kLanes) {
      w.plane = plane + l;
      pool_lanes(p.window, w, std::min(kLanes, lanes - l), out + l);
    }
    std::fill_n(out + lanes, p.out.block - lanes, 0.0f);
  }
}

}  // namespace

void pool_cpu(const PoolParams& p) {
  const std::int64_t rows = p.out.dims.h, blocks = p.out.blocks();
  parallel_for(p.out.dims.n * blocks * rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item)
      pool_row(p, item / rows / blocks, item / rows % blocks, item % rows);
  });
}

}  // namespace cuhue
