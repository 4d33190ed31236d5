// cuda_fp16.h's types and the part of its functions that kernels use: every result is the exact one, rounded
// to nearest, ties to even.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "tests/executor/vector_types.h"
#include "weights/half.h"

struct alignas(2) __half {
  __half() = default;
  __half(float x) : bits(cuhue::f16_from_float(x)) {}
  explicit __half(int x) : __half(static_cast<float>(x)) {}
  operator float() const { return cuhue::float_from_f16(bits); }
  __half& operator+=(__half b);
  __half& operator-=(__half b);
  __half& operator*=(__half b);

  std::uint16_t bits;
};
struct alignas(4) __half2 {
  __half x, y;
};
using half = __half;
using half2 = __half2;

// ---- conversions
inline float __half2float(__half h) {
  return h;
}
inline __half __float2half_rn(float x) {
  return {x};
}
inline __half __float2half(float x) {
  return {x};
}
inline unsigned short __half_as_ushort(__half h) {
  return h.bits;
}
inline __half __ushort_as_half(unsigned short bits) {
  __half h;
  h.bits = bits;
  return h;
}
inline __half2 __halves2half2(__half low, __half high) {
  return {low, high};
}
inline __half2 __half2half2(__half h) {
  return {h, h};
}
inline __half2 __floats2half2_rn(float low, float high) {
  return {low, high};
}
inline __half2 __float2half2_rn(float x) {
  return {x, x};
}
inline __half2 __float22half2_rn(float2 v) {
  return {v.x, v.y};
}
inline float2 __half22float2(__half2 v) {
  return {v.x, v.y};
}
inline __half __low2half(__half2 v) {
  return v.x;
}
inline __half __high2half(__half2 v) {
  return v.y;
}
inline float __low2float(__half2 v) {
  return v.x;
}
inline float __high2float(__half2 v) {
  return v.y;
}

// ---- arithmetic: of + - * and /, float's 24 bits are enough that rounding twice is rounding once
inline __half __hadd(__half a, __half b) {
  return __half2float(a) + __half2float(b);
}
inline __half __hsub(__half a, __half b) {
  return __half2float(a) - __half2float(b);
}
inline __half __hmul(__half a, __half b) {
  return __half2float(a) * __half2float(b);
}
inline __half __hdiv(__half a, __half b) {
  return __half2float(a) / __half2float(b);
}
inline __half __hneg(__half a) {
  return __ushort_as_half(static_cast<unsigned short>(a.bits ^ 0x8000u));
}
inline __half __habs(__half a) {
  return __ushort_as_half(static_cast<unsigned short>(a.bits & 0x7fffu));
}
// a b + c is exact in double, or so far from a tie that nothing lost matters; on the way through float the
// last bit notes what is lost.
inline __half __hfma(__half a, __half b, __half c) {
  const double exact = static_cast<double>(__half2float(a)) * static_cast<double>(__half2float(b)) +
                       static_cast<double>(__half2float(c));
  auto x = static_cast<float>(exact);
  if (std::isfinite(x) && static_cast<double>(x) != exact && (std::bit_cast<std::uint32_t>(x) & 1u) == 0)
    x = std::nextafterf(x, static_cast<double>(x) < exact ? INFINITY : -INFINITY);
  return {x};
}
inline bool __hisnan(__half a) {
  return (a.bits & 0x7fffu) > 0x7c00u;
}
// Of a number and NaN the number.
inline __half __hmax(__half a, __half b) {
  return std::fmax(__half2float(a), __half2float(b));
}
inline __half __hmin(__half a, __half b) {
  return std::fmin(__half2float(a), __half2float(b));
}
inline bool __heq(__half a, __half b) {
  return __half2float(a) == __half2float(b);
}
inline bool __hlt(__half a, __half b) {
  return __half2float(a) < __half2float(b);
}
inline bool __hgt(__half a, __half b) {
  return __half2float(a) > __half2float(b);
}
inline __half operator+(__half a, __half b) {
  return __hadd(a, b);
}
inline __half operator-(__half a, __half b) {
  return __hsub(a, b);
}
inline __half operator*(__half a, __half b) {
  return __hmul(a, b);
}
inline __half operator/(__half a, __half b) {
  return __hdiv(a, b);
}
inline __half operator-(__half a) {
  return __hneg(a);
}
inline bool operator<(__half a, __half b) {
  return __hlt(a, b);
}
inline bool operator>(__half a, __half b) {
  return __hgt(a, b);
}
inline bool operator==(__half a, __half b) {
  return __heq(a, b);
}
inline __half& __half::operator+=(__half b) {
  return *this = *this + b;
}
inline __half& __half::operator-=(__half b) {
  return *this = *this - b;
}
inline __half& __half::operator*=(__half b) {
  return *this = *this * b;
}
inline __half2 __hadd2(__half2 a, __half2 b) {
  return {__hadd(a.x, b.x), __hadd(a.y, b.y)};
}
inline __half2 __hsub2(__half2 a, __half2 b) {
  return {__hsub(a.x, b.x), __hsub(a.y, b.y)};
}
inline __half2 __hmul2(__half2 a, __half2 b) {
  return {__hmul(a.x, b.x), __hmul(a.y, b.y)};
}
inline __half2 __hfma2(__half2 a, __half2 b, __half2 c) {
  return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};
}
inline __half2 __hmax2(__half2 a, __half2 b) {
  return {__hmax(a.x, b.x), __hmax(a.y, b.y)};
}
inline __half2 __hmin2(__half2 a, __half2 b) {
  return {__hmin(a.x, b.x), __hmin(a.y, b.y)};
}
