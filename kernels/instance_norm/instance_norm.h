// Normalization by the statistics of each image and channel over its pixels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/core/device_tensor.h"
#include "kernels/core/stream.h"
#include "kernels/core/tensor.h"
#include "kernels/elementwise/elementwise.h"

namespace cuhue {

// y = (x - mean) / sqrt(variance + eps) * gamma + beta. mean and biased variance of x[n, c] over h and w:
// exact for a plane of equal values.
struct InstanceNormParams {
  TensorRef x, out;              // [n, c, h, w], equal block; out may be x
  const float* gamma = nullptr;  // [c rounded up to 16]; nullptr = 1
  const float* beta = nullptr;   // [c rounded up to 16]; nullptr = 0
  float eps = 1e-5f;
  std::span<const ElementwiseStep> steps;  // of y, in order, at most kMostInstanceNormSteps
  std::byte* scratch = nullptr;            // instance_norm_scratch_bytes(), aligned to 64
};
constexpr std::size_t kMostInstanceNormSteps = 6;  // the norm itself is two
std::size_t instance_norm_scratch_bytes(const TensorRef& x);
void instance_norm_cpu(const InstanceNormParams& p);

struct InstanceNormDeviceParams {
  DeviceTensor x, out;           // [n, h, w, c], any elements and pitches; out may be x
  const float* gamma = nullptr;  // [c] float, aligned to 16 bytes; nullptr = 1
  const float* beta = nullptr;   // [c] float, aligned to 16 bytes; nullptr = 0
  float eps = 1e-5f;
  DeviceEpilogue epilogue;       // of y
  std::byte* scratch = nullptr;  // instance_norm_device_scratch_bytes(), device memory, aligned to 256
};
// Of addresses only the alignment matters. Scratch of 0 bytes: one launch; else two.
std::size_t instance_norm_device_scratch_bytes(const InstanceNormDeviceParams& p);
int instance_norm_launches(const InstanceNormDeviceParams& p);
// Deterministic: the same bits every time.
void instance_norm_cuda(const InstanceNormDeviceParams& p, Stream stream);

}  // namespace cuhue
