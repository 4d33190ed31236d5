#include "kernels/core/launch.cuh"
#include "kernels/core/vector.cuh"
#include "kernels/roi_align/roi_align.h"
#include "kernels/roi_align/roi_align_math.h"

namespace cuhue {
namespace {

constexpr int kThreads = 256;

// Floats of a channel's row of bins in shared memory: odd, so that a warp's channels are in different banks.
CUHUE_HD int tile_pitch(int size) {
  return size | 1;
}

// The mean of a bin's samples in channel `c`.
__device__ inline float bin_mean(const DeviceTensor& map, const CropAxis& ys, const CropAxis& xs, int by,
                                 int bx, int c) {
  const auto h = static_cast<int>(map.dims.h), w = static_cast<int>(map.dims.w);
  float sum = 0;
  for (int iy = 0; iy < ys.samples; ++iy) {
    const CropTap y = crop_tap(ys, by, iy, h);
    for (int ix = 0; ix < xs.samples; ++ix) {
      const CropTap x = crop_tap(xs, bx, ix, w);
      float v00[1], v01[1], v10[1], v11[1];
      load_lanes<1>(map, y.low * w + x.low, c, v00);
      load_lanes<1>(map, y.low * w + x.high, c, v01);
      load_lanes<1>(map, y.high * w + x.low, c, v10);
      load_lanes<1>(map, y.high * w + x.high, c, v11);
      sum += y.w_low * x.w_low * v00[0] + y.w_low * x.w_high * v01[0] + y.w_high * x.w_low * v10[0] +
             y.w_high * x.w_high * v11[0];
    }
  }
  const int samples = ys.samples * xs.samples;
  return sum / static_cast<float>(samples > 1 ? samples : 1);
}

// A block a box and row of bins, a thread a channel. The map has channels last and the crop bins last: the
// row is turned in shared memory, so that both are read and written in runs.
__global__ void roi_align_kernel(RoiAlignDeviceParams p) {
  auto* tile = dynamic_shared<float>();
  const auto box = static_cast<int>(blockIdx.x), by = static_cast<int>(blockIdx.y);
  const auto thread = static_cast<int>(threadIdx.x);
  const float* b = p.boxes + 4 * box;
  const int level = crop_level(b[0], b[1], b[2], b[3]), pitch = tile_pitch(p.size);
  const DeviceTensor& map = p.levels[level];
  const float scale = 1.0f / static_cast<float>(4 << level);
  const auto channels = static_cast<int>(map.dims.c);
  const CropAxis ys = crop_axis(b[1], b[3], scale, p.size), xs = crop_axis(b[0], b[2], scale, p.size);
  float* out = p.out.data + box * p.out.box_stride;
  for (int first = 0; first < channels; first += kThreads) {
    const int count = min(kThreads, channels - first);
    __syncthreads();
    if (thread < count)
      for (int bx = 0; bx < p.size; ++bx)
        tile[thread * pitch + bx] = bin_mean(map, ys, xs, by, bx, first + thread);
    __syncthreads();
    for (int i = thread; i < count * p.size; i += kThreads) {
      const int c = i / p.size, bx = i % p.size;
      out[(first + c) * p.out.channel_stride + (by * p.size + bx) * p.out.bin_stride] = tile[c * pitch + bx];
    }
  }
}

}  // namespace

void roi_align_cuda(const RoiAlignDeviceParams& p, Stream stream) {
  for (const DeviceTensor& level : p.levels) checked_int(level.pixels() * level.pitch);
  if (p.count == 0) return;
  const dim3 grid(static_cast<unsigned>(p.count), static_cast<unsigned>(p.size));
  const auto shared = static_cast<std::size_t>(kThreads * tile_pitch(p.size)) * sizeof(float);
  launch(roi_align_kernel, {grid, kThreads, shared}, stream, p);
}

}  // namespace cuhue
