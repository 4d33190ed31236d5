// Lanczos windows of one axis as tables, for rows and columns alike.
#pragma once

#include <cstdint>

namespace cuhue {

// The largest number of samples under any window.
std::int64_t lanczos_taps(std::int64_t n_in, std::int64_t n_out);
// first, count [n_out]; weights [n_out, taps] in the fixed point of bicubic.h, behind the count 0.
void fill_lanczos_windows(std::int64_t n_in, std::int64_t n_out, std::int32_t* first, std::int32_t* count,
                          std::int32_t* weights);

// The tables of CUDA: of columns [fit.w], then of rows [fit.h], each first, count, weights. An axis that
// keeps its size has windows of one sample with the weight 1.
struct LetterboxAxis {
  std::int64_t n_in = 0, n_out = 0, taps = 0;
  std::int64_t words() const { return n_out * (2 + taps); }  // of 32 bits
};
LetterboxAxis letterbox_axis(std::int64_t n_in, std::int64_t n_out);

}  // namespace cuhue
