// Mean and variance in parts, and what they do to a value.
#pragma once

#include "kernels/core/hd.h"
#include "kernels/core/math.h"
#include "kernels/elementwise/activation.h"

namespace cuhue {

// Of `count` values: their mean, and the sum of the squares of what they differ from it.
template <class T>
struct Moments {
  T count = 0, mean = 0, squares = 0;
};

// Of both together. Exact where the means are equal; nothing is subtracted that is large.
template <class T>
CUHUE_HD Moments<T> merged(const Moments<T>& a, const Moments<T>& b) {
  const T count = a.count + b.count;
  const T share = count > 0 ? b.count / count : T{0};
  const T difference = b.mean - a.mean;
  return {count, a.mean + difference * share,
          a.squares + b.squares + difference * difference * (a.count * share)};
}

// 1 / sqrt(variance + eps)
CUHUE_HD float inverse_deviation(float variance, float eps) {
  return 1.0f / square_root(variance + eps);
}

// `scale`: gamma times the inverse deviation.
CUHUE_HD float normalized(float x, float mean, float scale, float beta) {
  return affine(x - mean, scale, beta);
}

}  // namespace cuhue
