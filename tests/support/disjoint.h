// Whether a plan of memory is one.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/graph/plan.h"

namespace cuhue::test {

// Buffers alive at the same step have memory of their own.
inline bool disjoint(const std::vector<BufferLife>& lives, const MemoryPlan& plan) {
  for (std::size_t i = 0; i < lives.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const bool together =
          lives[i].first_step <= lives[j].last_step && lives[j].first_step <= lives[i].last_step;
      const bool overlap = plan.offsets[i] < plan.offsets[j] + lives[j].bytes &&
                           plan.offsets[j] < plan.offsets[i] + lives[i].bytes;
      if (together && overlap) return false;
    }
  }
  return true;
}

}  // namespace cuhue::test
