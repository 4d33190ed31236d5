// A convolution's sums through the epilogue into memory.
#pragma once

#include "kernels/core/vector.cuh"
#include "kernels/elementwise/activation.h"
#include "kernels/elementwise/elementwise.h"

namespace cuhue {

template <int Lanes>
__device__ inline void apply_epilogue(const DeviceEpilogue& e, float (&v)[Lanes], int pixel, int channel) {
  for (int s = 0; s < e.count; ++s) {
    const DeviceEpilogueStep& t = e.steps[s];
    for (int i = 0; i < Lanes; ++i) {
      if (t.kind == ElementwiseKind::relu) {
        v[i] = relu(v[i]);
      } else if (t.kind == ElementwiseKind::leaky_relu) {
        v[i] = leaky_relu(v[i], t.alpha);
      } else if (t.kind == ElementwiseKind::tanh) {
        v[i] = tanh_bounded(v[i]);
      } else if (t.kind == ElementwiseKind::sigmoid) {
        v[i] = sigmoid(v[i]);
      } else if (t.kind == ElementwiseKind::scalar_affine) {
        v[i] = affine(v[i], t.alpha, t.beta);
      } else if (t.kind == ElementwiseKind::channel_affine) {
        v[i] = affine(v[i], t.scale[channel + i], t.shift[channel + i]);
      } else {
        const auto at = pixel * t.other.pitch + channel + i;
        v[i] += t.other.element == Element::f32 ? static_cast<const float*>(t.other.data)[at]
                                                : to_float(static_cast<const __half*>(t.other.data)[at]);
      }
    }
  }
}

template <int Lanes>
__device__ inline void store_lanes(const DeviceTensor& out, int pixel, int channel, const float (&v)[Lanes]) {
  const auto at = pixel * out.pitch + channel;
  if (out.element == Element::f32) {
    Vector<float, Lanes> s;
    for (int i = 0; i < Lanes; ++i) s.lane[i] = v[i];
    *reinterpret_cast<Vector<float, Lanes>*>(static_cast<float*>(out.data) + at) = s;
  } else {
    Vector<__half, Lanes> s;
    for (int i = 0; i < Lanes; ++i) s.lane[i] = from_float<__half>(v[i]);
    *reinterpret_cast<Vector<__half, Lanes>*>(static_cast<__half*>(out.data) + at) = s;
  }
}

// Whether four channels can be one access wherever the epilogue and the store go.
inline bool epilogue_vectors_fit(const DeviceTensor& out, const DeviceEpilogue& e) {
  bool fit = vectors_fit(out, 4);
  for (int i = 0; i < e.count; ++i)
    if (e.steps[i].kind == ElementwiseKind::add) fit = fit && vectors_fit(e.steps[i].other, 4);
  return fit;
}

}  // namespace cuhue
