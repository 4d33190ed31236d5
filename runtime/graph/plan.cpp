#include "runtime/graph/plan.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>

#include "weights/status.h"

namespace cuhue {
namespace {

[[noreturn]] void too_large() {
  throw Error(Status::out_of_memory,
              "memory plan: the intermediates need more than 2^63 bytes; use smaller images or batches");
}

std::int64_t add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) too_large();
  return sum;
}

std::int64_t aligned(std::int64_t bytes, std::int64_t alignment) {
  return add(bytes, alignment - 1) / alignment * alignment;
}

bool meet(const BufferLife& a, const BufferLife& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

struct Range {
  std::int64_t begin = 0, end = 0;
};

// The smallest gap between `taken` (sorted by begin) that holds `bytes`, else the place behind all of them.
std::int64_t best_fit(std::span<const Range> taken, std::int64_t bytes) {
  std::int64_t top = 0, best = -1, best_gap = 0;
  for (const Range& r : taken) {
    const std::int64_t gap = r.begin - top;
    if (gap >= bytes && (best < 0 || gap < best_gap)) {
      best = top;
      best_gap = gap;
    }
    top = std::max(top, r.end);
  }
  return best >= 0 ? best : top;
}

std::int64_t live_peak(std::span<const BufferLife> buffers) {
  struct Event {
    int step;
    bool death;  // after births of the same step: lives are inclusive
    std::int64_t bytes;
  };
  std::vector<Event> events;
  for (const BufferLife& b : buffers) {
    events.push_back({b.first_step, false, b.bytes});
    events.push_back({b.last_step, true, b.bytes});
  }
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
    return a.step != b.step ? a.step < b.step : a.death < b.death;
  });
  std::int64_t live = 0, peak = 0;
  for (const Event& e : events) {
    live = e.death ? live - e.bytes : add(live, e.bytes);
    peak = std::max(peak, live);
  }
  return peak;
}

void check(std::span<const BufferLife> buffers) {
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    if (buffers[i].bytes < 0 || buffers[i].first_step > buffers[i].last_step)
      throw Error(Status::internal, "memory plan: buffer " + std::to_string(i) +
                                        " has a negative size or ends before it begins; this is a defect in "
                                        "cuhue, please report it");
  }
}

}  // namespace

MemoryPlan plan_memory(std::span<const BufferLife> buffers, std::int64_t alignment) {
  check(buffers);
  MemoryPlan plan;
  plan.offsets.assign(buffers.size(), 0);
  plan.live_peak_bytes = live_peak(buffers);

  std::vector<std::size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].bytes > buffers[b].bytes; });

  std::vector<std::size_t> placed;
  std::vector<Range> taken;
  for (const std::size_t i : order) {
    if (buffers[i].bytes == 0) continue;  // needs no room
    taken.clear();
    for (const std::size_t j : placed) {
      if (meet(buffers[i], buffers[j]))
        taken.push_back({plan.offsets[j], plan.offsets[j] + aligned(buffers[j].bytes, alignment)});
    }
    std::sort(taken.begin(), taken.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    const std::int64_t bytes = aligned(buffers[i].bytes, alignment);
    plan.offsets[i] = best_fit(taken, bytes);
    plan.arena_bytes = std::max(plan.arena_bytes, add(plan.offsets[i], bytes));
    placed.push_back(i);
  }
  return plan;
}

}  // namespace cuhue
