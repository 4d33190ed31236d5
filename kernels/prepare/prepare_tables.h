// The coefficient tables of the CUDA kernels: windows of whole words of four samples, weights as digits of
// eight bits, so that four samples are multiplied by one digit each in one instruction.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/core/hd.h"
#include "kernels/resample/bicubic.h"

namespace cuhue {

// Weights of four neighbours: byte i of digit d is digit d of weight i. Two's complement: the highest digit
// is signed.
struct alignas(16) WeightWord {
  std::uint32_t digit[3];
  std::uint32_t unused;
};

// One axis in memory: first [n_out] int32, the word that each window starts in; then, at a multiple of 16
// bytes, weights [n_out, words] WeightWord. Also where the size stays: then each window is its own sample.
struct TableAxis {
  std::int64_t n_in = 0, n_out = 0;

  CUHUE_HD constexpr std::int64_t words() const { return (bicubic_window_bound(n_in, n_out) + 6) / 4; }
  CUHUE_HD constexpr std::int64_t weights_at() const { return (n_out * 4 + 15) / 16 * 16; }
  CUHUE_HD constexpr std::int64_t bytes() const {
    return weights_at() + n_out * words() * static_cast<std::int64_t>(sizeof(WeightWord));
  }
};

}  // namespace cuhue
