// Tensor-core products and asynchronous copies, in a few functions with a meaning on the host executor too.
// Included by .cu files only. All lanes of the warp call the products together.
#pragma once

#include <cstdint>

#include "kernels/core/launch.cuh"

namespace cuhue {

// Fragments as in the PTX ISA. With g = lane / 4, t = lane % 4 and two halves in a register, low one first:
//   m16n8k16  a: rows g, g + 8 of columns 2t, 2t + 1, then of columns 2t + 8, 2t + 9
//             b: rows 2t, 2t + 1, then 2t + 8, 2t + 9, of column g
//   m16n8k8   a: rows g, g + 8 of column t, then of column t + 4
//             b: rows t, t + 4 of column g
//   d of both: row g of columns 2t, 2t + 1, then row g + 8 of them
// Products are exact. The order of a sum is the device's own; the executor adds to d one by one, k ascending.

// d += a b over a warp. [16, 16] half times [16, 8] half: mma.m16n8k16.
__device__ inline void mma_m16n8k16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
#if defined(CUHUE_HOST_EXECUTOR)
  simt::mma_m16n8k16(d, a, b);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// [16, 8] times [8, 8] in tf32 (to_tf32): mma.m16n8k8.
__device__ inline void mma_m16n8k8_tf32(float (&d)[4], const std::uint32_t (&a)[4],
                                        const std::uint32_t (&b)[2]) {
#if defined(CUHUE_HOST_EXECUTOR)
  simt::mma_m16n8k8_tf32(d, a, b);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// cvt.rna: nearest, ties away from zero; the low 13 bits are zero. NaN stays NaN.
__device__ inline std::uint32_t to_tf32(float x) {
#if defined(CUHUE_HOST_EXECUTOR)
  const std::uint32_t bits = __float_as_uint(x);
  return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fffe000u : (bits + 0x1000u) & 0xffffe000u;
#else
  std::uint32_t tf32;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(tf32) : "f"(x));
  return tf32;
#endif
}

// 16 bytes from global to shared memory, both aligned to 16; zeros when not valid (`global` is not read
// then). Visible to the thread after copy_async_wait, to others after a barrier too: the executor copies no
// earlier.
__device__ inline void copy_async_16(void* shared, const void* global, bool valid) {
#if defined(CUHUE_HOST_EXECUTOR)
  simt::copy_async_16(shared, global, valid);
#else
  const auto to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes) : "memory");
#endif
}

// Ends a group of copies.
__device__ inline void copy_async_commit() {
#if defined(CUHUE_HOST_EXECUTOR)
  simt::copy_async_commit();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Returns when at most the last `Pending` groups of this thread are under way.
template <int Pending>
__device__ inline void copy_async_wait() {
#if defined(CUHUE_HOST_EXECUTOR)
  simt::copy_async_wait(Pending);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
#endif
}

}  // namespace cuhue
