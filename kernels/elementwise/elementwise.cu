#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/epilogue.cuh"

namespace cuhue {
namespace {

// One thread a vector of channels of a pixel.
template <int Lanes>
__global__ void elementwise_kernel(ElementwiseDeviceParams p, int vectors) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= vectors) return;
  const int groups = static_cast<int>(p.x.dims.c) / Lanes;
  const int pixel = i / groups, channel = i % groups * Lanes;
  float v[Lanes];
  load_lanes<Lanes>(p.x, pixel, channel, v);
  apply_epilogue<Lanes>(p.epilogue, v, pixel, channel);
  store_lanes<Lanes>(p.out, pixel, channel, v);
}

}  // namespace

void elementwise_cuda(const ElementwiseDeviceParams& p, Stream stream) {
  constexpr int kThreads = 256;
  const int values = checked_int(p.x.dims.count());
  with_lanes({p.x, p.out}, [&](auto lanes) {
    constexpr int kLanes = decltype(lanes)::value;
    const int vectors = values / kLanes;
    launch(elementwise_kernel<kLanes>, {blocks_for(vectors, kThreads), kThreads}, stream, p, vectors);
  });
}

}  // namespace cuhue
