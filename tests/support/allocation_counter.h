// Counts the allocations of a piece of work, by who asks: cuhue itself, oneDNN (which keeps small books in
// every call) or the OpenMP runtime. Replaces malloc of the executable that links it.
#pragma once

#include <cstddef>
#include <functional>

namespace cuhue::test {

struct AllocationTally {
  int own = 0, onednn = 0, openmp = 0, other = 0;
  std::size_t bytes = 0;
};

// Runs body and says what it allocated, on all threads. One call at a time.
AllocationTally allocations_of(const std::function<void()>& body);

}  // namespace cuhue::test
