// Elements in registers: conversions to float and vectors of up to 16 bytes. Included by .cu files only.
#pragma once

#include <initializer_list>
#include <type_traits>

#include "kernels/core/device_tensor.h"
#include "kernels/core/launch.cuh"

namespace cuhue {

__device__ inline int smaller(int a, int b) {
  return a < b ? a : b;
}

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

// The widest vector that `Lanes` elements are moved in.
template <class T, int Lanes>
using Piece = Vector < T,
      Lanes<kLanesOf16Bytes<T> ? Lanes : kLanesOf16Bytes<T>>;

template <int Lanes, class T>
__device__ inline void load_run(const T* from, float (&v)[Lanes]) {
  using V = Piece<T, Lanes>;
  constexpr int kPiece = static_cast<int>(sizeof(V) / sizeof(T));
#pragma unroll
  for (int i = 0; i < Lanes; i += kPiece) {
    const V piece = *reinterpret_cast<const V*>(from + i);
#pragma unroll
    for (int l = 0; l < kPiece; ++l) v[i + l] = to_float(piece.lane[l]);
  }
}

template <int Lanes, class T>
__device__ inline void store_run(T* to, const float (&v)[Lanes]) {
  using V = Piece<T, Lanes>;
  constexpr int kPiece = static_cast<int>(sizeof(V) / sizeof(T));
#pragma unroll
  for (int i = 0; i < Lanes; i += kPiece) {
    V piece;
#pragma unroll
    for (int l = 0; l < kPiece; ++l) piece.lane[l] = from_float<T>(v[i + l]);
    *reinterpret_cast<V*>(to + i) = piece;
  }
}

// Channels [channel, channel + Lanes) of a pixel as floats, from either element. vectors_fit(t, Lanes).
template <int Lanes>
__device__ inline void load_lanes(const DeviceTensor& t, int pixel, int channel, float (&v)[Lanes]) {
  const auto at = pixel * t.pitch + channel;
  if (t.element == Element::f16) {
    load_run<Lanes>(static_cast<const __half*>(t.data) + at, v);
  } else {
    load_run<Lanes>(static_cast<const float*>(t.data) + at, v);
  }
}

template <int Lanes>
__device__ inline void store_lanes(const DeviceTensor& t, int pixel, int channel, const float (&v)[Lanes]) {
  const auto at = pixel * t.pitch + channel;
  if (t.element == Element::f16) {
    store_run<Lanes>(static_cast<__half*>(t.data) + at, v);
  } else {
    store_run<Lanes>(static_cast<float*>(t.data) + at, v);
  }
}

// Calls body(std::integral_constant<int, Lanes>) with the most lanes that fit all of the tensors: 8 where one
// of them is half, 4, or 1.
template <class Body>
void with_lanes(std::initializer_list<DeviceTensor> tensors, Body&& body) {
  bool half = false, four = true, eight = true;
  for (const DeviceTensor& t : tensors) {
    half = half || t.element == Element::f16;
    four = four && vectors_fit(t, 4);
    eight = eight && vectors_fit(t, 8);
  }
  if (half && eight) {
    body(std::integral_constant<int, 8>{});
  } else if (four) {
    body(std::integral_constant<int, 4>{});
  } else {
    body(std::integral_constant<int, 1>{});
  }
}

}  // namespace cuhue
