#include "kernels/argmax/argmax.h"
#include "kernels/argmax/argmax_math.h"
#include "kernels/core/vector.cuh"

namespace cuhue {
namespace {

constexpr int kThreads = 256;
constexpr int kGroup = 16;  // threads of a pixel, side by side in a warp
constexpr unsigned kWholeWarp = 0xffffffffu;

// A thread takes every kGroup-th vector of its pixel's channels. Threads without a pixel take part in the
// shuffles.
template <int Lanes>
__global__ void argmax_kernel(ArgmaxDeviceParams p, int pixels) {
  const int thread = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int pixel = thread / kGroup, lane = thread % kGroup;
  const int channels = static_cast<int>(p.x.dims.c);
  Greatest best = none_of(channels);
  if (pixel < pixels) {
    for (int c = lane * Lanes; c < channels; c += kGroup * Lanes) {
      float v[Lanes];
      load_lanes<Lanes>(p.x, pixel, c, v);
#pragma unroll
      for (int l = 0; l < Lanes; ++l) best = greatest(best, {v[l], static_cast<float>(c + l)});
    }
  }
#pragma unroll
  for (int offset = kGroup / 2; offset > 0; offset /= 2) {
    best = greatest(best, {__shfl_xor_sync(kWholeWarp, best.value, offset),
                           __shfl_xor_sync(kWholeWarp, best.index, offset)});
  }
  if (pixel >= pixels || lane != 0) return;
  const float label[1] = {label_of(best)};
  store_lanes<1>(p.out, pixel, 0, label);
}

}  // namespace

void argmax_cuda(const ArgmaxDeviceParams& p, Stream stream) {
  checked_int(p.x.pixels() * p.x.pitch);
  const int pixels = checked_int(p.x.pixels() * kGroup) / kGroup;
  with_lanes({p.x}, [&](auto lanes) {
    launch(argmax_kernel<decltype(lanes)::value>, {blocks_for(pixels, kThreads / kGroup), kThreads}, stream,
           p, pixels);
  });
}

}  // namespace cuhue
