// What happens to a result in registers before it is stored. Included by .cu files only.
#pragma once

#include "kernels/core/vector.cuh"
#include "kernels/elementwise/activation.h"
#include "kernels/elementwise/elementwise.h"

namespace cuhue {

// scale[c] x + shift[c] on consecutive channels.
template <int Lanes>
__device__ inline void channel_affine_lanes(const float* scale, const float* shift, float (&v)[Lanes]) {
  float a[Lanes], b[Lanes];
  load_run<Lanes>(scale, a);
  load_run<Lanes>(shift, b);
#pragma unroll
  for (int l = 0; l < Lanes; ++l) v[l] = affine(v[l], a[l], b[l]);
}

// x + other on consecutive channels; in vectors where other's place in memory allows it.
template <int Lanes>
__device__ inline void add_lanes(const DeviceTensor& other, int pixel, int channel, float (&v)[Lanes]) {
  const auto bytes = static_cast<std::uintptr_t>(other.element == Element::f16 ? 2 : 4);
  const auto vector = bytes * Lanes < 16 ? bytes * Lanes : 16;
  const auto place = reinterpret_cast<std::uintptr_t>(other.data);
  const auto pitch = static_cast<std::uintptr_t>(other.pitch) * bytes;
  float more[Lanes];
  if ((place | pitch) % vector == 0) {
    load_lanes<Lanes>(other, pixel, channel, more);
  } else {
#pragma unroll
    for (int l = 0; l < Lanes; ++l) {
      float one[1];
      load_lanes<1>(other, pixel, channel + l, one);
      more[l] = one[0];
    }
  }
#pragma unroll
  for (int l = 0; l < Lanes; ++l) v[l] += more[l];
}

template <int Lanes, class Function>
__device__ inline void each_lane(float (&v)[Lanes], Function&& function) {
#pragma unroll
  for (int l = 0; l < Lanes; ++l) v[l] = function(v[l]);
}

// `v`: channels [channel, channel + Lanes) of pixel `pixel` of the result; `channel` is a multiple of Lanes,
// and all of the channels exist. `e` must be a kernel's parameter: its steps are read from constant memory.
// image_of(plane): the image of the pixel, where images have `plane` pixels.
template <int Lanes, class ImageOf>
__device__ inline void apply_epilogue(const DeviceEpilogue& e, float (&v)[Lanes], int pixel, int channel,
                                      ImageOf&& image_of) {
#pragma unroll 1
  for (int i = 0; i < e.count; ++i) {
    const float alpha = e.steps[i].alpha, beta = e.steps[i].beta;
    switch (e.steps[i].kind) {
      case ElementwiseKind::relu: each_lane(v, [](float x) { return relu(x); }); break;
      case ElementwiseKind::leaky_relu:
        each_lane(v, [alpha](float x) { return leaky_relu(x, alpha); });
        break;
      case ElementwiseKind::tanh: each_lane(v, [](float x) { return tanh_bounded(x); }); break;
      case ElementwiseKind::sigmoid: each_lane(v, [](float x) { return sigmoid(x); }); break;
      case ElementwiseKind::scalar_affine:
        each_lane(v, [alpha, beta](float x) { return affine(x, alpha, beta); });
        break;
      case ElementwiseKind::channel_affine:
        channel_affine_lanes<Lanes>(e.steps[i].scale + channel, e.steps[i].shift + channel, v);
        break;
      case ElementwiseKind::add: add_lanes<Lanes>(e.steps[i].other, pixel, channel, v); break;
      case ElementwiseKind::add_channels:
        add_lanes<Lanes>(e.steps[i].other, image_of(e.steps[i].plane), channel, v);
        break;
    }
  }
}

template <int Lanes>
__device__ inline void apply_epilogue(const DeviceEpilogue& e, float (&v)[Lanes], int pixel, int channel) {
  apply_epilogue<Lanes>(e, v, pixel, channel, [pixel](int plane) { return pixel / plane; });
}

}  // namespace cuhue
