#include "kernels/core/vector.cuh"
#include "kernels/pool/pool.h"
#include "kernels/pool/pool_math.h"

namespace cuhue {
namespace {

// One thread a vector of channels of an output pixel.
template <int Lanes>
__global__ void pool_kernel(PoolDeviceParams p, int vectors) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= vectors) return;
  const int groups = static_cast<int>(p.x.dims.c) / Lanes;
  const int in_w = static_cast<int>(p.x.dims.w), in_h = static_cast<int>(p.x.dims.h);
  const int out_w = static_cast<int>(p.out.dims.w), out_h = static_cast<int>(p.out.dims.h);
  const int channel = i % groups * Lanes, pixel = i / groups, row = pixel / out_w;
  const PoolRange rows = pool_range(p.window, row % out_h, p.window.pad_top, in_h);
  const PoolRange columns = pool_range(p.window, pixel % out_w, p.window.pad_left, in_w);
  const bool max = p.window.kind == PoolingKind::max;
  float result[Lanes];
#pragma unroll
  for (int l = 0; l < Lanes; ++l) result[l] = max ? -INFINITY : 0.0f;
  for (int y = rows.begin; y < rows.end; ++y) {
    const int line = (row / out_h * in_h + y) * in_w;
    float sum[Lanes] = {};  // of a row: short sums round less
    for (int x = columns.begin; x < columns.end; ++x) {
      float v[Lanes];
      load_lanes<Lanes>(p.x, line + x, channel, v);
#pragma unroll
      for (int l = 0; l < Lanes; ++l) {
        if (max) {
          result[l] = pool_max(result[l], v[l]);
        } else {
          sum[l] += v[l];
        }
      }
    }
    if (max) continue;
#pragma unroll
    for (int l = 0; l < Lanes; ++l) result[l] += sum[l];
  }
  if (!max) {
    const int counted = (rows.end - rows.begin) * (columns.end - columns.begin);
#pragma unroll
    for (int l = 0; l < Lanes; ++l) result[l] = pool_mean(p.window, result[l], counted);
  }
  store_lanes<Lanes>(p.out, pixel, channel, result);
}

}  // namespace

void pool_cuda(const PoolDeviceParams& p, Stream stream) {
  constexpr int kThreads = 256;
  checked_int(p.x.dims.count());
  const int values = checked_int(p.out.dims.count());
  with_lanes({p.x, p.out}, [&](auto lanes) {
    constexpr int kLanes = decltype(lanes)::value;
    const int vectors = values / kLanes;
    launch(pool_kernel<kLanes>, {blocks_for(vectors, kThreads), kThreads}, stream, p, vectors);
  });
}

}  // namespace cuhue
