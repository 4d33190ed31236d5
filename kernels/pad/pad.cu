#include "kernels/core/vector.cuh"
#include "kernels/pad/pad.h"

namespace cuhue {
namespace {

// One thread a vector of channels of an output pixel.
template <int Lanes>
__global__ void pad_kernel(PadDeviceParams p, int vectors) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= vectors) return;
  const int groups = static_cast<int>(p.x.dims.c) / Lanes;
  const int in_w = static_cast<int>(p.x.dims.w), in_h = static_cast<int>(p.x.dims.h);
  const int out_w = static_cast<int>(p.out.dims.w), out_h = static_cast<int>(p.out.dims.h);
  const int channel = i % groups * Lanes, pixel = i / groups;
  const int x = pixel % out_w, y = pixel / out_w % out_h, n = pixel / (out_w * out_h);
  const auto from_x = static_cast<int>(border_source(p.kind, x, p.left, in_w)),
             from_y = static_cast<int>(border_source(p.kind, y, p.top, in_h));
  float v[Lanes] = {};
  if (from_x >= 0 && from_y >= 0) load_lanes<Lanes>(p.x, (n * in_h + from_y) * in_w + from_x, channel, v);
  store_lanes<Lanes>(p.out, pixel, channel, v);
}

}  // namespace

void pad_cuda(const PadDeviceParams& p, Stream stream) {
  constexpr int kThreads = 256;
  checked_int(p.x.dims.count());
  const int values = checked_int(p.out.dims.count());
  with_lanes({p.x, p.out}, [&](auto lanes) {
    constexpr int kLanes = decltype(lanes)::value;
    const int vectors = values / kLanes;
    launch(pad_kernel<kLanes>, {blocks_for(vectors, kThreads), kThreads}, stream, p, vectors);
  });
}

}  // namespace cuhue
