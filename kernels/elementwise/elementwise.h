// What happens to one value after another: activations, affine, residual add, in one pass over memory.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/core/device_tensor.h"
#include "kernels/core/stream.h"
#include "kernels/core/tensor.h"

namespace cuhue {

enum class ElementwiseKind : std::uint8_t {
  relu,            // max(x, 0)
  leaky_relu,      // x > 0 ? x : alpha x
  tanh,            //
  sigmoid,         //
  scalar_affine,   // alpha x + beta
  channel_affine,  // scale[c] x + shift[c]
  add,             // x + other
  add_channels,    // x + other[n, c]
};

struct ElementwiseStep {
  ElementwiseKind kind = ElementwiseKind::relu;
  float alpha = 0.0f, beta = 0.0f;
  const float* scale = nullptr;  // [blocks * block] of channel_affine, padding channels hold 0
  const float* shift = nullptr;
  TensorRef other;  // of add: dims and block of x; of add_channels: [n, c, 1, 1], block of x
};

struct ElementwiseParams {
  TensorRef x, out;                        // equal dims and block; out may be x
  std::span<const ElementwiseStep> steps;  // applied in order, at most 8
};
void elementwise_cpu(const ElementwiseParams& p);

struct DeviceEpilogueStep {
  ElementwiseKind kind = ElementwiseKind::relu;
  float alpha = 0.0f, beta = 0.0f;
  const float* scale = nullptr;  // [c] of channel_affine, device memory, aligned to 16 bytes
  const float* shift = nullptr;
  // Any element and pitch. Of add: dims of the result; of add_channels: [n, c, 1, 1]
  DeviceTensor other;
  int plane = 1;  // of add_channels: pixels of an image of the result
};

// What happens to a value before it is stored, in order. A kernel's parameter: plain data, no pointers to the
// host.
struct DeviceEpilogue {
  static constexpr int kMost = 8;
  DeviceEpilogueStep steps[kMost];
  int count = 0;
};

struct ElementwiseDeviceParams {
  DeviceTensor x, out;  // equal dims, any elements and pitches; out may be x. No steps: a copy or conversion
  DeviceEpilogue epilogue;
};
void elementwise_cuda(const ElementwiseDeviceParams& p, Stream stream);

}  // namespace cuhue
