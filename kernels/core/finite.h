// Whether numbers are numbers.
#pragma once

#include <cstdint>

namespace cuhue {

// Neither NaN nor infinite, all of them. One pass without branches: x * 0 is 0 for every finite x, NaN for
// the others, and sums in lanes become vectors.
inline bool all_finite(const float* values, std::int64_t count) {
  constexpr std::int64_t kLanes = 16;
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += values[i + lane] * 0.0f;
  for (; i < count; ++i) sums[0] += values[i] * 0.0f;
  float sum = 0.0f;
  for (const float s : sums) sum += s;
  return sum == 0.0f;
}

}  // namespace cuhue
