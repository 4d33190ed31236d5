#include "kernels/core/photo.cuh"
#include "kernels/heat/heat.h"
#include "kernels/heat/heat_math.h"
#include "kernels/resample/bilinear.h"

namespace cuhue {
namespace {

constexpr int kThreads = 256;

struct HeatJob {
  HeatParams p;
  YuvToRgb factors;
  int w, h, groups;  // of four pixels in a row
  float scale_y, scale_x;
};

// Four pixels of a row a thread; bound by the photo's bytes. The map's few cells under a block stay in cache.
template <class Format>
__global__ void __launch_bounds__(kThreads) heat_kernel(HeatJob job) {
  using Sample = typename Format::Sample;
  using Samples = typename FourSamples<Sample>::Type;
  constexpr int kBits = 8 * sizeof(Sample);
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = i / job.groups, x0 = i % job.groups * 4;
  if (y >= job.h) return;
  const HeatParams& p = job.p;
  const FourPixels<Sample> in = Format::four(p.photo, job.factors, y, x0);
  FourPixels<Sample> out{0, 0, 0, in.a};
  const BilinearTap row = bilinear_tap(y, job.scale_y, p.map_h);
  const float *top = p.map + row.i0 * p.map_pitch, *bottom = p.map + row.i1 * p.map_pitch;
  const auto unit = [](Samples four, int k) {
    return unit_of<Sample>(static_cast<Sample>(four >> kBits * k));
  };
  const auto sample = [](float v, int k) {
    return static_cast<Samples>(static_cast<Sample>(quantize<false>(v, kFullRange<Sample>))) << kBits * k;
  };
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    const BilinearTap t = bilinear_tap(min(x0 + k, job.w - 1), job.scale_x, p.map_w);
    const float heat = bilinear_mix(top[t.i0], top[t.i1], bottom[t.i0], bottom[t.i1], row.w1, t.w1);
    const UnitRgb color = heated(unit(in.r, k), unit(in.g, k), unit(in.b, k), heat);
    out.r |= sample(color.r, k);
    out.g |= sample(color.g, k);
    out.b |= sample(color.b, k);
  }
  std::uint8_t* to = p.out.data + y * p.out.stride;
  if (p.out.channels == 3) {
    store_four<Sample, 3>(p.out, to, x0, job.w, out);
  } else {
    store_four<Sample, 4>(p.out, to, x0, job.w, out);
  }
}

}  // namespace

void heat_cuda(const HeatParams& p, Stream stream) {
  checked_int(p.photo.width * p.photo.channels * p.photo.bytes_per_sample + 16);
  checked_int(p.out.width * p.out.channels * p.out.bytes_per_sample + 16);
  HeatJob job{p, yuv_to_rgb(p.photo.coding), checked_int(p.photo.width), checked_int(p.photo.height), 0, 0,
              0};
  job.groups = (job.w + 3) / 4;
  job.scale_y = static_cast<float>(p.map_h) / static_cast<float>(p.photo.height);
  job.scale_x = static_cast<float>(p.map_w) / static_cast<float>(p.photo.width);
  const int count = checked_int(std::int64_t{job.groups} * job.h + kThreads);
  with_format(p.photo, [&](auto format) {
    launch(heat_kernel<decltype(format)>, {blocks_for(count - kThreads, kThreads), kThreads}, stream, job);
  });
}

}  // namespace cuhue
