// Tensor-core products and asynchronous copies, in a few functions with a meaning on the host executor too.
// Included by .cu files only. All lanes of the warp call them together.
#pragma once

#include <cstdint>

#include "kernels/core/launch.cuh"

namespace cuhue {

// d += a b over a warp, fragments as in the PTX ISA. [16, 16] half times [16, 8] half: mma.m16n8k16.
__device__ void mma_m16n8k16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]);
// [16, 8] times [8, 8] in tf32 (to_tf32): mma.m16n8k8.
__device__ void mma_m16n8k8_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]);
// cvt.rna: nearest, ties away from zero; the low 13 bits are zero.
__device__ std::uint32_t to_tf32(float x);

// 16 bytes from global to shared memory, both aligned to 16; zeros when not valid. Visible after wait and a
// barrier.
__device__ void copy_async_16(void* shared, const void* global, bool valid);
__device__ void copy_async_commit();
template <int Pending>  // returns when at most this many commits are under way
__device__ void copy_async_wait();

}  // namespace cuhue
