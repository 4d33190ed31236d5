// 16-bit floating point to float32, exactly.
#pragma once

#include <bit>
#include <cstdint>

namespace cuhue {

// IEEE 754 binary16.
inline float float_from_f16(std::uint16_t bits) {
  const std::uint32_t exponent = bits >> 10 & 0x1fu, fraction = bits & 0x3ffu;
  const float sign = (bits & 0x8000u) != 0 ? -1.0f : 1.0f;
  if (exponent == 0) return sign * static_cast<float>(fraction) * 0x1p-24f;  // zero or subnormal
  const std::uint32_t widened = exponent == 31 ? 0xffu : exponent + (127 - 15);
  return sign * std::bit_cast<float>(widened << 23 | fraction << 13);
}

// The upper half of a float32.
inline float float_from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

}  // namespace cuhue
