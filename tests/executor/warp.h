// What lanes of a warp do together. A lane that takes no part, because the mask does not name it, it is done
// or does not exist, gives the others no value: what they read of it is 0xCD bytes, as it may be anything on
// a device.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/executor/executor.h"
#include "weights/half.h"

namespace simt {

// operation(lanes, values): values[lane] points at the lane's Value.
template <class Value, class Operation>
void together(unsigned mask, Value& value, Operation /*stateless*/, Place at) {
  warp_wait(
      mask,
      [](unsigned lanes, void* const* values) {
        std::array<Value*, 32> typed{};
        for (unsigned i = 0; i < 32; ++i) typed[i] = static_cast<Value*>(values[i]);
        Operation()(lanes, typed);
      },
      &value, at);
}

// use(lane, value) for each lane.
template <class Value, class Use>
void for_each_lane(const std::array<Value*, 32>& values, Use&& use) {
  for (unsigned i = 0; i < 32; ++i)
    if (values[i] != nullptr) use(i, *values[i]);
}

template <class T>
T from_lane(unsigned mask, T mine, unsigned source, Place at) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8, "a shuffle moves 8 bytes at most");
  struct Value {
    T mine, read;
    unsigned source;
  };
  Value value{mine, mine, source};
  together(
      mask, value,
      [](unsigned /*lanes*/, const std::array<Value*, 32>& values) {
        for_each_lane(values, [&](unsigned, Value& v) {
          if (values[v.source] != nullptr) {
            v.read = values[v.source]->mine;
          } else {
            std::memset(static_cast<void*>(&v.read), 0xCD, sizeof v.read);
          }
        });
      },
      at);
  return value.read;
}

inline unsigned checked_width(int width, Place at) {
  if (width < 1 || width > 32 || !std::has_single_bit(static_cast<unsigned>(width)))
    fail("the width of a shuffle is no power of two up to 32", at);
  return static_cast<unsigned>(width);
}

// One number of all lanes: reduce(so far, next lane's), lanes ascending.
template <class T, class Reduce>
T reduced(unsigned mask, T mine, Reduce /*stateless*/, Place at) {
  struct Value {
    T value;
  };
  Value value{mine};
  together(
      mask, value,
      [](unsigned lanes, const std::array<Value*, 32>& values) {
        T sum = values[static_cast<unsigned>(std::countr_zero(lanes))]->value;
        for (unsigned rest = lanes & (lanes - 1); rest != 0; rest &= rest - 1)
          sum = Reduce()(sum, values[static_cast<unsigned>(std::countr_zero(rest))]->value);
        for_each_lane(values, [&](unsigned, Value& v) { v.value = sum; });
      },
      at);
  return value.value;
}

// ---- tensor-core products; fragments as kernels/core/mma.cuh says
struct MmaLane {
  float* d;
  const std::uint32_t *a, *b;
};
using MmaLanes = std::array<MmaLane*, 32>;

template <int Depth>
void multiply(const MmaLanes& lanes, const float (&a)[16][Depth], const float (&b)[Depth][8]) {
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      for (unsigned k = 0; k < Depth; ++k) lanes[lane]->d[i] += a[row][k] * b[k][column];
    }
}

inline void mma_m16n8k16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                         Place at = Place::here()) {
  MmaLane value{d, a, b};
  together(
      ~0u, value,
      [](unsigned all, const MmaLanes& lanes) {
        if (all != ~0u) throw KernelError("a tensor-core product of a warp that lacks lanes");
        const auto half = [](std::uint32_t two, unsigned i) {
          return cuhue::float_from_f16(static_cast<std::uint16_t>(two >> 16 * i));
        };
        float full_a[16][16], full_b[16][8];
        for (unsigned lane = 0; lane < 32; ++lane)
          for (unsigned i = 0; i < 8; ++i) {
            const unsigned part = i / 2, g = lane / 4, k = lane % 4 * 2 + i % 2;
            full_a[g + part % 2 * 8][k + part / 2 * 8] = half(lanes[lane]->a[part], i % 2);
            if (part < 2) full_b[k + part * 8][g] = half(lanes[lane]->b[part], i % 2);
          }
        multiply<16>(lanes, full_a, full_b);
      },
      at);
}

inline void mma_m16n8k8_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                             Place at = Place::here()) {
  MmaLane value{d, a, b};
  together(
      ~0u, value,
      [](unsigned all, const MmaLanes& lanes) {
        if (all != ~0u) throw KernelError("a tensor-core product of a warp that lacks lanes");
        float full_a[16][8], full_b[8][8];
        for (unsigned lane = 0; lane < 32; ++lane)
          for (unsigned i = 0; i < 4; ++i) {
            const unsigned g = lane / 4, t = lane % 4;
            full_a[g + i % 2 * 8][t + i / 2 * 4] = std::bit_cast<float>(lanes[lane]->a[i]);
            if (i < 2) full_b[t + i * 4][g] = std::bit_cast<float>(lanes[lane]->b[i]);
          }
        multiply<8>(lanes, full_a, full_b);
      },
      at);
}

}  // namespace simt

// ---- barriers and votes
inline void __syncwarp(unsigned mask = ~0u, simt::Place at = simt::Place::here()) {
  simt::warp_wait(mask, nullptr, nullptr, at);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, simt::Place at = simt::Place::here()) {
  const unsigned mine = predicate != 0 ? 1u << simt::lane() : 0u;
  return simt::reduced(
      mask, mine, [](unsigned a, unsigned b) { return a | b; }, at);
}
inline int __any_sync(unsigned mask, int predicate, simt::Place at = simt::Place::here()) {
  return simt::reduced(
      mask, predicate != 0 ? 1 : 0, [](int a, int b) { return a | b; }, at);
}
inline int __all_sync(unsigned mask, int predicate, simt::Place at = simt::Place::here()) {
  return simt::reduced(
      mask, predicate != 0 ? 1 : 0, [](int a, int b) { return a & b; }, at);
}
template <class T>
unsigned __match_any_sync(unsigned mask, T mine, simt::Place at = simt::Place::here()) {
  struct Value {
    T mine;
    unsigned equal;
  };
  Value value{mine, 0};
  simt::together(
      mask, value,
      [](unsigned /*lanes*/, const std::array<Value*, 32>& values) {
        simt::for_each_lane(values, [&](unsigned, Value& v) {
          simt::for_each_lane(values, [&](unsigned lane, const Value& other) {
            if (std::memcmp(&v.mine, &other.mine, sizeof v.mine) == 0) v.equal |= 1u << lane;
          });
        });
      },
      at);
  return value.equal;
}

// ---- shuffles
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, simt::Place at = simt::Place::here()) {
  const unsigned w = simt::checked_width(width, at);
  return simt::from_lane(mask, value, (simt::lane() & ~(w - 1)) | (static_cast<unsigned>(source) & (w - 1)),
                         at);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 simt::Place at = simt::Place::here()) {
  const unsigned lane = simt::lane(), place = lane & (simt::checked_width(width, at) - 1);
  return simt::from_lane(mask, value, delta <= place ? lane - delta : lane, at);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   simt::Place at = simt::Place::here()) {
  const unsigned lane = simt::lane(), w = simt::checked_width(width, at), place = lane & (w - 1);
  return simt::from_lane(mask, value, delta < w - place ? lane + delta : lane, at);
}
// May read from earlier groups of `width` lanes, as on a device, not from later ones.
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  simt::Place at = simt::Place::here()) {
  const unsigned lane = simt::lane(), w = simt::checked_width(width, at);
  const unsigned source = (lane ^ static_cast<unsigned>(lane_mask)) & 31u;
  return simt::from_lane(mask, value, source <= (lane | (w - 1)) ? source : lane, at);
}

// ---- reductions of int and unsigned
#define SIMT_REDUCTION(name, T, expression)                                                       \
  inline T __reduce_##name##_sync(unsigned mask, T value, simt::Place at = simt::Place::here()) { \
    return simt::reduced(                                                                         \
        mask, value, [](T a, T b) { return static_cast<T>(expression); }, at);                    \
  }
SIMT_REDUCTION(add, unsigned, a + b)
SIMT_REDUCTION(add, int, static_cast<unsigned>(a) + static_cast<unsigned>(b))
SIMT_REDUCTION(min, unsigned, a < b ? a : b)
SIMT_REDUCTION(min, int, a < b ? a : b)
SIMT_REDUCTION(max, unsigned, a > b ? a : b)
SIMT_REDUCTION(max, int, a > b ? a : b)
SIMT_REDUCTION(and, unsigned, a& b)
SIMT_REDUCTION(or, unsigned, a | b)
SIMT_REDUCTION(xor, unsigned, a ^ b)
#undef SIMT_REDUCTION
