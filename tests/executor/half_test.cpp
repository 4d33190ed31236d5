// Halves: conversions against a table and against every half, arithmetic against exact results.
#include "tests/executor/half.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "weights/half.h"

using namespace cuhue;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool is_nan(std::uint16_t bits) {
  return (bits & 0x7fffu) > 0x7c00u;
}

// The half nearest to x, ties to even, found by looking at all of them: slow and plain.
std::uint16_t nearest_half(double x) {
  const std::uint16_t sign = std::signbit(x) ? 0x8000u : 0u;
  const double magnitude = std::abs(x);
  if (magnitude >= 65520.0) return sign | 0x7c00u;
  std::uint16_t low = 0, high = 0x7bffu;  // the largest not above, by halving
  while (low < high) {
    const auto middle = static_cast<std::uint16_t>((low + high + 1) / 2);
    if (static_cast<double>(float_from_f16(middle)) <= magnitude) {
      low = middle;
    } else {
      high = static_cast<std::uint16_t>(middle - 1);
    }
  }
  if (low == 0x7bffu) return sign | low;
  const double below = magnitude - static_cast<double>(float_from_f16(low));
  const double above = static_cast<double>(float_from_f16(static_cast<std::uint16_t>(low + 1))) - magnitude;
  const bool up = above < below || (above == below && low % 2 == 1);
  return static_cast<std::uint16_t>(sign | (up ? low + 1 : low));
}

}  // namespace

TEST_CASE("half: hard cases of rounding") {
  const std::pair<float, std::uint16_t> cases[] = {
      {0.0f, 0x0000},
      {-0.0f, 0x8000},
      {1.0f, 0x3c00},
      {-2.0f, 0xc000},
      {0x1.ffcp15f, 0x7bff},  // 65504, the largest
      {65519.996f, 0x7bff},   // just below the tie
      {65520.0f, 0x7c00},     // the tie to infinity
      {kInfinity, 0x7c00},
      {-kInfinity, 0xfc00},
      {std::numeric_limits<float>::max(), 0x7c00},
      {0x1.002p0f, 0x3c00},       // a tie, down to even
      {0x1.006p0f, 0x3c02},       // a tie, up to even
      {0x1.002002p0f, 0x3c01},    // just above a tie
      {0x1.ffep0f, 0x4000},       // a tie that carries into the exponent
      {0x1p-14f, 0x0400},         // the smallest normal
      {0x1.ff8p-15f, 0x03ff},     // the largest subnormal
      {0x1.ffcp-15f, 0x0400},     // a tie from subnormal to normal
      {0x1p-24f, 0x0001},         // the smallest subnormal
      {0x1p-25f, 0x0000},         // a tie to zero
      {0x1.000002p-25f, 0x0001},  // just above it
      {-0x1p-25f, 0x8000},
      {0x1.8p-24f, 0x0002},  // a tie among subnormals
      {std::numeric_limits<float>::denorm_min(), 0x0000},
  };
  for (const auto& hard : cases) {
    const float x = hard.first;
    const std::uint16_t bits = hard.second;
    CAPTURE(x);
    CHECK(f16_from_float(x) == bits);
    CHECK(__half_as_ushort(__float2half_rn(x)) == bits);
  }
  CHECK(is_nan(f16_from_float(std::numeric_limits<float>::quiet_NaN())));
  CHECK(is_nan(f16_from_float(-std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("half: every half survives the way through float, and floats around ties round to the nearest") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float x = float_from_f16(half);
    if (is_nan(half)) {
      wrong += !std::isnan(x) || !is_nan(f16_from_float(x));
      continue;
    }
    wrong += f16_from_float(x) != half;
    if ((half & 0x7fffu) >= 0x7bffu) continue;
    const float next = float_from_f16(static_cast<std::uint16_t>(half + 1)), tie = (x + next) / 2;  // exact
    for (const float y : {std::nextafter(tie, x), tie, std::nextafter(tie, next)})
      wrong += f16_from_float(y) != nearest_half(static_cast<double>(y));
  }
  CHECK(wrong == 0);
}

TEST_CASE("half: arithmetic is the exact result, rounded once") {
  int wrong = 0;
  std::uint32_t random = 1;
  const auto next = [&] {
    for (;;) {
      random = random * 1664525u + 1013904223u;
      const auto bits = static_cast<unsigned short>(random >> 13);
      if ((bits & 0x7c00u) != 0x7c00u) return __ushort_as_half(bits);  // finite
    }
  };
  for (int i = 0; i < 200000; ++i) {
    const __half a = next(), b = next(), c = next();
    const auto x = static_cast<double>(__half2float(a)), y = static_cast<double>(__half2float(b)),
               z = static_cast<double>(__half2float(c));
    wrong += __half_as_ushort(__hadd(a, b)) != nearest_half(x + y);
    wrong += __half_as_ushort(__hsub(a, b)) != nearest_half(x - y);
    wrong += __half_as_ushort(__hmul(a, b)) != nearest_half(x * y);
    // Where 53 bits are too few for x y + z, what is lost is far below z's last bit.
    const double sum = x * y + z;
    wrong += __half_as_ushort(__hfma(a, b, c)) != nearest_half(sum);
    if (y != 0) {
      const double quotient = x / y;  // no tie: 53 bits tell it apart
      wrong += __half_as_ushort(__hdiv(a, b)) != nearest_half(quotient);
    }
  }
  CHECK(wrong == 0);
  // Where rounding to float on the way would go wrong: a tie and a little more.
  const __half big = __float2half_rn(0x1.004p0f), factor = __float2half_rn(0x1p-11f),
               little = __ushort_as_half(1);
  CHECK(__half_as_ushort(__hfma(factor, __float2half_rn(1.0f), big)) == 0x3c02);  // a tie, to even
  CHECK(__half_as_ushort(__hfma(factor, __float2half_rn(1.0f), __float2half_rn(1.0f))) == 0x3c00);
  CHECK(__half_as_ushort(__hfma(__float2half_rn(0x1.004p0f), __float2half_rn(0x1.ff8p-1f), little)) ==
        nearest_half(0x1.004p0 * 0x1.ff8p-1 + 0x1p-24));
}

TEST_CASE("half: pairs keep their places") {
  const __half2 v = __floats2half2_rn(1.5f, -2.5f);
  CHECK(__low2float(v) == 1.5f);
  CHECK(__high2float(v) == -2.5f);
  CHECK(std::bit_cast<std::uint32_t>(v) == (0xc100u << 16 | 0x3e00u));  // the low one first in memory
  const __half2 sum = __hfma2(v, __float2half2_rn(2.0f), __floats2half2_rn(0.25f, 10.0f));
  CHECK(__low2float(sum) == 3.25f);
  CHECK(__high2float(sum) == 5.0f);
  CHECK(__half2float(__hmax(__ushort_as_half(0x7e00), __float2half_rn(-3.0f))) == -3.0f);  // not NaN
}
