// A border of reflected or repeated pixels, or of zeros.
#pragma once

#include <cstdint>

#include "kernels/core/device_tensor.h"
#include "kernels/core/hd.h"
#include "kernels/core/stream.h"

namespace cuhue {

enum class BorderKind : std::uint8_t { zero, reflect, replicate };

// Source index of padded index i for a dimension of `size`, `pad` before it; -1 = zero. Reflection leaves the
// edge out (as torch); it needs pad < size.
CUHUE_HD std::int64_t border_source(BorderKind kind, std::int64_t i, std::int64_t pad, std::int64_t size) {
  const std::int64_t at = i - pad;
  if (at >= 0 && at < size) return at;
  if (kind == BorderKind::zero) return -1;
  if (kind == BorderKind::replicate) return at < 0 ? 0 : size - 1;
  return at < 0 ? -at : 2 * (size - 1) - at;
}

struct PadDeviceParams {
  DeviceTensor x, out;  // [n, h, w, c] -> [n, top + h + .., left + w + .., c], any elements and pitches
  int top = 0, left = 0;
  BorderKind kind = BorderKind::reflect;
};
void pad_cuda(const PadDeviceParams& p, Stream stream);

}  // namespace cuhue
