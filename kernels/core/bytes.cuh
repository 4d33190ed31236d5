// Four bytes in a register. Included by .cu files only; on the executor each function is its definition.
#pragma once

#include <cstdint>

#include "kernels/core/launch.cuh"

namespace cuhue {

// Byte i of the result is byte (selector >> 4 i) & 7 of the eight of low, high.
__device__ inline std::uint32_t select_bytes(std::uint32_t low, std::uint32_t high, std::uint32_t selector) {
#if defined(CUHUE_HOST_EXECUTOR)
  const std::uint64_t both = static_cast<std::uint64_t>(high) << 32 | low;
  std::uint32_t result = 0;
  for (unsigned i = 0; i < 4; ++i)
    result |= static_cast<std::uint32_t>(both >> 8 * (selector >> 4 * i & 7) & 255) << 8 * i;
  return result;
#else
  return __byte_perm(low, high, selector);
#endif
}

// The four bytes `bytes` (0..3) after the start of low, high.
__device__ inline std::uint32_t bytes_at(std::uint32_t low, std::uint32_t high, unsigned bytes) {
#if defined(CUHUE_HOST_EXECUTOR)
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(high) << 32 | low) >> 8 * bytes);
#else
  return __funnelshift_r(low, high, 8 * bytes);
#endif
}

// sum + the products of four unsigned bytes.
__device__ inline std::uint32_t dot_u8(std::uint32_t a, std::uint32_t b, std::uint32_t sum) {
#if defined(CUHUE_HOST_EXECUTOR)
  for (unsigned i = 0; i < 32; i += 8) sum += (a >> i & 255) * (b >> i & 255);
  return sum;
#else
  return __dp4a(a, b, sum);
#endif
}

// sum + the products of four unsigned bytes and four signed ones, modulo 2^32.
__device__ inline std::uint32_t dot_u8_s8(std::uint32_t a, std::uint32_t b, std::uint32_t sum) {
#if defined(CUHUE_HOST_EXECUTOR)
  for (unsigned i = 0; i < 32; i += 8)
    sum += static_cast<std::uint32_t>(static_cast<std::int32_t>(a >> i & 255) *
                                      static_cast<std::int8_t>(b >> i & 255));
  return sum;
#else
  std::uint32_t result;
  asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
#endif
}

}  // namespace cuhue
