// What pooling makes of the values of one window, one after another.
#pragma once

#include "kernels/core/hd.h"
#include "kernels/pool/pool.h"

namespace cuhue {

// As torch: a NaN wins.
CUHUE_HD float pool_max(float so_far, float x) {
  return x > so_far || x != x ? x : so_far;
}

// `counted`: values inside the tensor.
CUHUE_HD float pool_mean(const PoolWindow& window, float sum, int counted) {
  const int divisor = window.kind == PoolingKind::average ? window.kernel * window.kernel : counted;
  return sum / static_cast<float>(divisor > 0 ? divisor : 1);
}

// The part of a window's rows (or columns) that lies inside a tensor of `size`: [begin, end).
struct PoolRange {
  int begin, end;
};
CUHUE_HD PoolRange pool_range(const PoolWindow& window, int at, int pad, int size) {
  const int first = at * window.stride - pad, last = first + window.kernel;
  return {first > 0 ? first : 0, last < size ? last : size};
}

}  // namespace cuhue
