#include "kernels/core/launch.cuh"
#include "kernels/core/vector.cuh"
#include "kernels/roi_align/roi_align.h"
#include "kernels/roi_align/roi_align_math.h"

namespace cuhue {
namespace {

constexpr int kThreads = 256;

// A block a box and row of bins, a thread a channel.
__global__ void roi_align_kernel(RoiAlignDeviceParams p) {
  const auto box = static_cast<int>(blockIdx.x), by = static_cast<int>(blockIdx.y);
  const float* b = p.boxes + 4 * box;
  const int level = crop_level(b[0], b[1], b[2], b[3]);
  const DeviceTensor& map = p.levels[level];
  const float scale = 1.0f / static_cast<float>(4 << level);
  const auto h = static_cast<int>(map.dims.h), w = static_cast<int>(map.dims.w);
  const CropAxis ys = crop_axis(b[1], b[3], scale, p.size), xs = crop_axis(b[0], b[2], scale, p.size);
  const int samples = ys.samples * xs.samples;
  const auto count = static_cast<float>(samples > 1 ? samples : 1);
  float* out = p.out.data + box * p.out.box_stride;
  for (int c = static_cast<int>(threadIdx.x); c < map.dims.c; c += kThreads) {
    for (int bx = 0; bx < p.size; ++bx) {
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
      out[c * p.out.channel_stride + (by * p.size + bx) * p.out.bin_stride] = sum / count;
    }
  }
}

}  // namespace

void roi_align_cuda(const RoiAlignDeviceParams& p, Stream stream) {
  for (const DeviceTensor& level : p.levels) checked_int(level.pixels() * level.pitch);
  if (p.count == 0) return;
  const dim3 grid(static_cast<unsigned>(p.count), static_cast<unsigned>(p.size));
  launch(roi_align_kernel, {grid, kThreads}, stream, p);
}

}  // namespace cuhue
