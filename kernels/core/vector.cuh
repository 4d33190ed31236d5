// Elements in registers: conversions to float and vectors of up to 16 bytes. Included by .cu files only.
#pragma once

#include "kernels/core/device_tensor.h"
#include "kernels/core/launch.cuh"

namespace cuhue {

__device__ inline float to_float(float x) {
  return x;
}
__device__ inline float to_float(__half x) {
  return __half2float(x);
}
template <class T>
__device__ inline T from_float(float x) {
  if constexpr (sizeof(T) == 2) {
    return __float2half_rn(x);
  } else {
    return x;
  }
}

template <class T, int Lanes>
struct alignas(sizeof(T) * Lanes) Vector {
  T lane[Lanes];
};

template <class T>
constexpr int kLanesOf16Bytes = static_cast<int>(16 / sizeof(T));

}  // namespace cuhue
