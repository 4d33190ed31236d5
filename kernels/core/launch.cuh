// How kernels start: the one place that does it. Included by .cu files only. The same sources also
// compile as plain C++, where the host executor of tests/executor/ (force-included) plays the device.
#pragma once

#if !defined(CUHUE_HOST_EXECUTOR)
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <tuple>

#include "kernels/core/stream.h"

namespace cuhue {

struct LaunchShape {
  dim3 grid, block;
  std::size_t shared_bytes = 0;  // of dynamic shared memory, dynamic_shared()
};

// Bytes of a block's dynamic shared memory that every GPU has from compute capability 8.0 on; no kernel of
// ours uses more.
constexpr std::size_t kMostShared = 96 * 1024;

#if defined(CUHUE_HOST_EXECUTOR)

template <class... P, class... A>
void launch(void (*kernel)(P...), const LaunchShape& shape, Stream stream, A... args) {
  simt::launch(kernel, shape.grid, shape.block, shape.shared_bytes, stream, static_cast<P>(args)...);
}

template <class T>
T* dynamic_shared() {
  return simt::dynamic_shared<T>();
}

#else

// Throws LaunchError. Works while a stream is being captured.
template <class... P, class... A>
void launch(void (*kernel)(P...), const LaunchShape& shape, Stream stream, A... args) {
  constexpr std::size_t kWithoutAsking = 48 * 1024;
  cudaError_t error = cudaSuccess;
  if (shape.shared_bytes > kWithoutAsking) {
    // The same for every launch of a kernel: what one thread asks for must not lower what another is about to
    // use.
    error = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                 cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(std::max(shape.shared_bytes, kMostShared)));
  }
  // Not `<<<>>>`, whose only answer is the last error of this thread: that may be the application's own.
  std::tuple<P...> values(static_cast<P>(args)...);
  const auto start = [&](P&... value) {
    void* addresses[] = {static_cast<void*>(&value)..., nullptr};
    return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), shape.grid, shape.block, addresses,
                            shape.shared_bytes, stream);
  };
  if (error == cudaSuccess) error = std::apply(start, values);
  if (error != cudaSuccess) throw LaunchError(static_cast<int>(error), cudaGetErrorString(error));
}

// Aligned to 16 bytes.
template <class T>
__device__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char cuhue_dynamic_shared[];
  return reinterpret_cast<T*>(cuhue_dynamic_shared);
}

#endif

constexpr unsigned blocks_for(std::int64_t items, std::int64_t per_block) {
  return static_cast<unsigned>((items + per_block - 1) / per_block);
}

// Kernels index with 32 bits: their launchers pass counts through here.
inline int checked_int(std::int64_t count) {
  if (count < 0 || count > std::numeric_limits<std::int32_t>::max())
    throw std::length_error("a tensor is too large for 32-bit indices; use a smaller size or batch");
  return static_cast<int>(count);
}

}  // namespace cuhue
