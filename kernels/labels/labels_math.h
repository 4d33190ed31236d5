// Which pixels of a label map make one of a map of another size.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/core/hd.h"

namespace cuhue {

constexpr int kMostLabels = 64;

struct LabelWindow {
  std::int64_t first, end;  // [first, end), never empty
};

// Of one axis. A larger map repeats: output o is input floor(o n_in / n_out). A smaller one takes in all that
// a map of its size would repeat to: the inputs i with floor(i n_out / n_in) = o. So a map that was made
// larger, and is made smaller again, is what it was.
CUHUE_HD LabelWindow label_window(std::int64_t o, std::int64_t n_in, std::int64_t n_out) {
  if (n_in <= n_out) {
    const std::int64_t i = o * n_in / n_out;
    return {i, i + 1};
  }
  return {(o * n_in + n_out - 1) / n_out, ((o + 1) * n_in + n_out - 1) / n_out};
}

// The label that most pixels of a window have, of equally many the lowest. Counts stand `step` apart, zeros
// before; a window of one pixel leaves them alone.
CUHUE_HD std::uint8_t most_frequent(const std::uint8_t* map, std::ptrdiff_t stride, const LabelWindow& rows,
                                    const LabelWindow& columns, std::int32_t* counts, int step) {
  std::uint8_t best = map[rows.first * stride + columns.first];
  if (rows.end - rows.first == 1 && columns.end - columns.first == 1) return best;
  std::int32_t most = 0;
  for (std::int64_t y = rows.first; y < rows.end; ++y)
    for (std::int64_t x = columns.first; x < columns.end; ++x) {
      const auto label = static_cast<std::uint8_t>(map[y * stride + x] % kMostLabels);
      const std::int32_t count = ++counts[label * step];
      if (count < most || (count == most && label > best)) continue;
      best = label;
      most = count;
    }
  return best;
}

}  // namespace cuhue
