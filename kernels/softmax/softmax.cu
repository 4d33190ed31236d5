#include "kernels/softmax/softmax.h"
#include "kernels/softmax/warp_softmax.cuh"

namespace cuhue {
namespace {

constexpr int kThreads = 256;

// A warp a pixel. A lane reads and writes the same channels, so that out may be x.
__global__ void softmax_kernel(SoftmaxDeviceParams p, int pixels, float inverse_temperature) {
  const int pixel = static_cast<int>((blockIdx.x * blockDim.x + threadIdx.x) / kWarp);
  if (pixel >= pixels) return;
  const WarpChannels channels(p.x, pixel);
  const float max = channels.max();
  float sum = 0.0f;
  channels.each([&](int, float x) { sum += softmax_term(x, max, inverse_temperature); });
  const float inverse = 1.0f / warp_sum(sum);
  channels.each([&](int c, float x) {
    const float v[1] = {softmax_term(x, max, inverse_temperature) * inverse};
    store_lanes<1>(p.out, pixel, c, v);
  });
}

}  // namespace

void softmax_cuda(const SoftmaxDeviceParams& p, Stream stream) {
  checked_int(p.x.dims.count());
  const int pixels = checked_int(p.x.pixels() * kWarp) / kWarp;
  launch(softmax_kernel, {blocks_for(pixels, kThreads / kWarp), kThreads}, stream, p, pixels,
         1.0f / p.temperature);
}

}  // namespace cuhue
