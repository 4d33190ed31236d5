#include "kernels/mask_paste/mask_paste.h"

#include <algorithm>
#include <cmath>

#include "kernels/core/parallel.h"
#include "kernels/mask_paste/mask_paste_math.h"

namespace cuhue {

// A pixel more than the box on all sides, as the original: a mask of certainty covers half of a border.
PasteRectangle paste_rectangle(const float* box, std::int64_t photo_h, std::int64_t photo_w) {
  const auto low = [](float v) {
    return std::max<std::int64_t>(static_cast<std::int64_t>(std::floor(v)) - 1, 0);
  };
  const auto high = [](float v, std::int64_t most) {
    return std::min(static_cast<std::int64_t>(std::ceil(v)) + 1, most);
  };
  PasteRectangle r{low(box[0]), low(box[1]), 0, 0};
  r.w = std::max<std::int64_t>(high(box[2], photo_w) - r.x, 0);
  r.h = std::max<std::int64_t>(high(box[3], photo_h) - r.y, 0);
  return r;
}

void mask_paste_cpu(const MaskPasteParams& p) {
  const PasteRectangle& r = p.rectangle;
  constexpr std::int64_t kColumns = 512;  // whose places are found once for all rows
  MaskTap columns[kColumns];
  for (std::int64_t first = 0; first < r.w; first += kColumns) {
    const std::int64_t count = std::min(kColumns, r.w - first);
    for (std::int64_t i = 0; i < count; ++i) columns[i] = mask_tap(r.x + first + i, p.box[0], p.box[2]);
    for (std::int64_t y = 0; y < r.h; ++y) {
      const MaskTap row = mask_tap(r.y + y, p.box[1], p.box[3]);
      std::uint8_t* out = p.out + y * r.w + first;
      for (std::int64_t i = 0; i < count; ++i) out[i] = mask_covers(p.mask, row, columns[i]) ? 1 : 0;
    }
  }
}

void mask_pick_cpu(const MaskPickParams& p) {
  constexpr std::int64_t kPixels = kMaskSize * kMaskSize;
  parallel_for(p.count * kPixels, 4096, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t mask = i / kPixels;
      p.out[i] = mask_probability(p.logits[(mask * p.classes + p.labels[mask]) * kPixels + i % kPixels]);
    }
  });
}

}  // namespace cuhue
