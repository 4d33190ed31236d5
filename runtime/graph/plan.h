// Memory plan: an offset in one arena for every buffer, by liveness. A pure function.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cuhue {

// A buffer is alive from the step that writes it first to the step that reads it last, both inclusive.
struct BufferLife {
  std::int64_t bytes = 0;
  int first_step = 0, last_step = 0;
};

struct MemoryPlan {
  std::vector<std::int64_t> offsets;  // one a buffer, multiples of the alignment
  std::int64_t arena_bytes = 0;
  std::int64_t live_peak_bytes = 0;  // lower bound: the largest sum of buffers alive at one step
};

constexpr std::int64_t kArenaAlignment = 64;  // of the CPU's

// No two buffers alive at the same step overlap. Deterministic. Best fit over buffers ordered by size.
MemoryPlan plan_memory(std::span<const BufferLife> buffers, std::int64_t alignment = kArenaAlignment);

}  // namespace cuhue
