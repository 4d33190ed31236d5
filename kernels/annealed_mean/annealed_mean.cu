#include "kernels/annealed_mean/annealed_mean.h"
#include "kernels/softmax/warp_softmax.cuh"

namespace cuhue {
namespace {

constexpr int kThreads = 256, kPixelsOfBlock = 32, kMostMeans = 4;

// A warp a pixel, a block 32 of them: the centres are read once for all.
__global__ void annealed_mean_kernel(AnnealedMeanDeviceParams p, int pixels, float inverse_temperature) {
  float* centres = dynamic_shared<float>();  // [k, bins]
  const int bins = static_cast<int>(p.logits.dims.c), means = static_cast<int>(p.out.dims.c);
  for (int i = static_cast<int>(threadIdx.x); i < means * bins; i += kThreads) centres[i] = p.centres[i];
  __syncthreads();
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int first = static_cast<int>(blockIdx.x) * kPixelsOfBlock;
  const int end = smaller(pixels, first + kPixelsOfBlock);
  for (int pixel = first + static_cast<int>(threadIdx.x) / kWarp; pixel < end; pixel += kThreads / kWarp) {
    const WarpChannels logits(p.logits, pixel);
    const float max = logits.max();
    float sum = 0.0f, mean[kMostMeans] = {};
    logits.each([&](int q, float z) {
      const float term = softmax_term(z, max, inverse_temperature);
      sum += term;
#pragma unroll
      for (int k = 0; k < kMostMeans; ++k)
        if (k < means) mean[k] += centres[k * bins + q] * term;
    });
    sum = warp_sum(sum);
#pragma unroll
    for (int k = 0; k < kMostMeans; ++k) {
      if (k >= means) break;
      const float v[1] = {warp_sum(mean[k]) / sum};
      if (lane == k) store_lanes<1>(p.out, pixel, k, v);
    }
  }
}

}  // namespace

void annealed_mean_cuda(const AnnealedMeanDeviceParams& p, Stream stream) {
  if (p.out.dims.c > kMostMeans) throw std::length_error("an annealed mean has at most 4 results");
  checked_int(p.logits.dims.count());
  const int pixels = checked_int(p.logits.pixels());
  const auto shared = static_cast<std::size_t>(p.out.dims.c * p.logits.dims.c) * sizeof(float);
  launch(annealed_mean_kernel, {blocks_for(pixels, kPixelsOfBlock), kThreads, shared}, stream, p, pixels,
         1.0f / p.temperature);
}

}  // namespace cuhue
