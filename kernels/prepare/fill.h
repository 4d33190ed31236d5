// What stands in a plane beyond the photo: where prepare's two executions take it from.
#pragma once

#include <cstdint>

#include "kernels/core/hd.h"
#include "kernels/prepare/prepare.h"

namespace cuhue {

// Which of `size` rows (columns) row i repeats. Reflected: the edge is not repeated, and where the photo ends
// at its other side it turns there again.
CUHUE_HD int fill_source(PlaneFill fill, int i, int size) {
  if (i < size) return i;
  if (fill == PlaneFill::repeat || size == 1) return size - 1;
  const int period = 2 * (size - 1), at = i % period;
  return at < size ? at : period - at;
}

// Seen from the other side: the rows that repeat row i of `size`, one after another. At least 1 apart, some
// of them twice.
struct FillSteps {
  int next, after;  // from a row to the next that repeats it, and from that to the one after

  CUHUE_HD FillSteps(PlaneFill fill, int i, int size) {
    constexpr int kNever = 1 << 29;
    if (fill == PlaneFill::repeat || size == 1) {
      next = after = i == size - 1 ? 1 : kNever;
    } else {
      next = 2 * (size - 1 - i);
      after = 2 * i;
      if (next == 0) next = after;
      if (after == 0) after = next;
    }
  }
};

}  // namespace cuhue
