#include "kernels/core/vector.cuh"
#include "kernels/pad/pad.h"

namespace cuhue {
namespace {

// One thread a vector of channels of an output pixel.
template <class T, int Lanes>
__global__ void pad_kernel(PadDeviceParams p, int vectors) {
  using V = Vector<T, Lanes>;
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= vectors) return;
  const int groups = static_cast<int>(p.x.dims.c) / Lanes;
  const int out_w = static_cast<int>(p.out.dims.w), out_h = static_cast<int>(p.out.dims.h);
  const int c = i % groups * Lanes, pixel = i / groups;
  const int x = pixel % out_w, y = pixel / out_w % out_h, n = pixel / (out_w * out_h);
  const auto from_x = border_source(p.kind, x, p.left, p.x.dims.w),
             from_y = border_source(p.kind, y, p.top, p.x.dims.h);
  V v{};
  if (from_x >= 0 && from_y >= 0) {
    const auto from = (n * p.x.dims.h + from_y) * p.x.dims.w + from_x;
    v = *reinterpret_cast<const V*>(static_cast<const T*>(p.x.data) + from * p.x.pitch + c);
  }
  *reinterpret_cast<V*>(static_cast<T*>(p.out.data) + pixel * p.out.pitch + c) = v;
}

template <class T, int Lanes>
void launch_pad(const PadDeviceParams& p, Stream stream) {
  constexpr int kThreads = 256;
  const int vectors = checked_int(p.out.pixels() * p.out.dims.c / Lanes);
  launch(pad_kernel<T, Lanes>, {blocks_for(vectors, kThreads), kThreads}, stream, p, vectors);
}

template <class T>
void pad_elements(const PadDeviceParams& p, Stream stream) {
  constexpr int kLanes = kLanesOf16Bytes<T>;
  if (vectors_fit(p.x, kLanes) && vectors_fit(p.out, kLanes)) {
    launch_pad<T, kLanes>(p, stream);
  } else {
    launch_pad<T, 1>(p, stream);
  }
}

}  // namespace

void pad_cuda(const PadDeviceParams& p, Stream stream) {
  if (p.x.element == Element::f16) {
    pad_elements<__half>(p, stream);
  } else {
    pad_elements<float>(p, stream);
  }
}

}  // namespace cuhue
