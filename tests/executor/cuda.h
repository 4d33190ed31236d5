// CUDA C++ for .cu files that are compiled as plain C++: force-included before everything else. The part of
// the language and of its functions that our kernels use; add what is missing here, with its exact meaning.
// Left out on purpose: approximate intrinsics (__expf), whose bits no CPU has, and __activemask(), whose
// answer depends on how hardware converges.
#pragma once

#define CUHUE_HOST_EXECUTOR 1

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/executor/executor.h"
#include "tests/executor/half.h"
#include "tests/executor/vector_types.h"
#include "tests/executor/warp.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __constant__ static
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))
// One block runs on an OS thread at a time. Never `extern`: dynamic_shared() of kernels/core/launch.cuh.
#define __shared__ static thread_local

constexpr int warpSize = 32;

// ---- barriers and fences
inline void __syncthreads(simt::Place at = simt::Place::here()) {
  simt::block_wait(simt::Barrier::plain, false, at);
}
inline int __syncthreads_count(int predicate, simt::Place at = simt::Place::here()) {
  return simt::block_wait(simt::Barrier::count, predicate != 0, at);
}
inline int __syncthreads_and(int predicate, simt::Place at = simt::Place::here()) {
  return simt::block_wait(simt::Barrier::all, predicate != 0, at);
}
inline int __syncthreads_or(int predicate, simt::Place at = simt::Place::here()) {
  return simt::block_wait(simt::Barrier::any, predicate != 0, at);
}
inline void __threadfence() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
inline void __threadfence_block() {
  __threadfence();
}
[[noreturn]] inline void __trap(simt::Place at = simt::Place::here()) {
  simt::fail("trap", at);
}

// ---- atomics: the value before
namespace simt {
template <class T>
using Same = std::type_identity_t<T>;

template <class T, class Change>
T change_atomically(T* at, Change&& change) {
  T before = __atomic_load_n(at, __ATOMIC_RELAXED);
  while (
      !__atomic_compare_exchange_n(at, &before, change(before), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return before;
}
template <class Change>
float change_atomically(float* at, Change&& change) {
  auto* bits = reinterpret_cast<std::uint32_t __attribute__((may_alias))*>(at);
  std::uint32_t before = __atomic_load_n(bits, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(bits, &before,
                                      std::bit_cast<std::uint32_t>(change(std::bit_cast<float>(before))),
                                      false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return std::bit_cast<float>(before);
}
}  // namespace simt

template <class T>
T atomicAdd(T* at, simt::Same<T> value) {
  return simt::change_atomically(at, [&](T before) {
    if constexpr (std::is_same_v<T, int>) {
      return static_cast<int>(static_cast<unsigned>(before) + static_cast<unsigned>(value));
    } else {
      return static_cast<T>(before + value);
    }
  });
}
template <class T>
T atomicSub(T* at, simt::Same<T> value) {
  return simt::change_atomically(at, [&](T before) { return static_cast<T>(before - value); });
}
template <class T>
T atomicMax(T* at, simt::Same<T> value) {
  return simt::change_atomically(at, [&](T before) { return before > value ? before : value; });
}
template <class T>
T atomicMin(T* at, simt::Same<T> value) {
  return simt::change_atomically(at, [&](T before) { return before < value ? before : value; });
}
template <class T>
T atomicAnd(T* at, simt::Same<T> value) {
  return simt::change_atomically(at, [&](T before) { return static_cast<T>(before & value); });
}
template <class T>
T atomicOr(T* at, simt::Same<T> value) {
  return simt::change_atomically(at, [&](T before) { return static_cast<T>(before | value); });
}
template <class T>
T atomicXor(T* at, simt::Same<T> value) {
  return simt::change_atomically(at, [&](T before) { return static_cast<T>(before ^ value); });
}
template <class T>
T atomicExch(T* at, simt::Same<T> value) {
  return simt::change_atomically(at, [&](T) { return value; });
}
template <class T>
T atomicCAS(T* at, simt::Same<T> expected, simt::Same<T> value) {
  return simt::change_atomically(at, [&](T before) { return before == expected ? value : before; });
}

// ---- memory
template <class T>
T __ldg(const T* at) {
  return *at;
}
template <class T>
T __ldcs(const T* at) {
  return *at;
}
template <class T>
T __ldcg(const T* at) {
  return *at;
}
template <class T>
void __stcs(T* at, simt::Same<T> value) {
  *at = value;
}
template <class T>
void __stcg(T* at, simt::Same<T> value) {
  *at = value;
}

// ---- arithmetic; float min and max give the number of a number and NaN
#define SIMT_MIN_MAX(T)       \
  constexpr T min(T a, T b) { \
    return b < a ? b : a;     \
  }                           \
  constexpr T max(T a, T b) { \
    return a < b ? b : a;     \
  }
SIMT_MIN_MAX(int)
SIMT_MIN_MAX(unsigned)
SIMT_MIN_MAX(long)
SIMT_MIN_MAX(unsigned long)
SIMT_MIN_MAX(long long)
SIMT_MIN_MAX(unsigned long long)
#undef SIMT_MIN_MAX
inline float min(float a, float b) {
  return std::fmin(a, b);
}
inline float max(float a, float b) {
  return std::fmax(a, b);
}
inline float __fadd_rn(float a, float b) {
  return a + b;
}
inline float __fsub_rn(float a, float b) {
  return a - b;
}
inline float __fmul_rn(float a, float b) {
  return a * b;
}
inline float __fdiv_rn(float a, float b) {
  return a / b;
}
inline float __fmaf_rn(float a, float b, float c) {
  return std::fma(a, b, c);
}
inline float __fsqrt_rn(float a) {
  return std::sqrt(a);
}
inline float __frcp_rn(float a) {
  return 1.0f / a;
}
// Correctly rounded, which a device's is to within 2 units in the last place.
inline float rsqrtf(float a) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(a)));
}
inline float __saturatef(float a) {
  return std::fmin(std::fmax(a, 0.0f), 1.0f);
}

// ---- conversions; beyond the range the nearest number, of NaN 0
inline int __float2int_rz(float a) {
  if (std::isnan(a)) return 0;
  if (a >= 0x1p31f) return 0x7fffffff;
  return a < -0x1p31f ? -0x7fffffff - 1 : static_cast<int>(a);
}
inline int __float2int_rn(float a) {
  return __float2int_rz(std::nearbyint(a));
}
inline int __float2int_rd(float a) {
  return __float2int_rz(std::floor(a));
}
inline int __float2int_ru(float a) {
  return __float2int_rz(std::ceil(a));
}
inline float __int2float_rn(int a) {
  return static_cast<float>(a);
}
inline float __uint2float_rn(unsigned a) {
  return static_cast<float>(a);
}
inline int __float_as_int(float a) {
  return std::bit_cast<int>(a);
}
inline unsigned __float_as_uint(float a) {
  return std::bit_cast<unsigned>(a);
}
inline float __int_as_float(int a) {
  return std::bit_cast<float>(a);
}
inline float __uint_as_float(unsigned a) {
  return std::bit_cast<float>(a);
}

// ---- bits
inline int __clz(int a) {
  return std::countl_zero(static_cast<unsigned>(a));
}
inline int __clzll(long long a) {
  return std::countl_zero(static_cast<unsigned long long>(a));
}
inline int __popc(unsigned a) {
  return std::popcount(a);
}
inline int __popcll(unsigned long long a) {
  return std::popcount(a);
}
inline int __ffs(int a) {
  return a == 0 ? 0 : std::countr_zero(static_cast<unsigned>(a)) + 1;
}
inline unsigned __brev(unsigned a) {
  unsigned reversed = 0;
  for (unsigned i = 0; i < 32; ++i) reversed |= (a >> i & 1u) << (31 - i);
  return reversed;
}
inline int __mulhi(int a, int b) {
  return static_cast<int>(static_cast<std::int64_t>(a) * b >> 32);
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<std::uint64_t>(a) * b >> 32);
}
// Four bytes of the eight in (b, a), by the low three bits of each nibble of `selector`; its top bit, which
// would repeat the byte's sign, is not used.
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const std::uint64_t bytes = static_cast<std::uint64_t>(b) << 32 | a;
  unsigned result = 0;
  for (unsigned i = 0; i < 4; ++i)
    result |= static_cast<unsigned>(bytes >> (selector >> 4 * i & 7u) * 8 & 0xffu) << 8 * i;
  return result;
}
