// What an activation does to one value.
#pragma once

#include "kernels/core/hd.h"
#include "kernels/core/math.h"

namespace cuhue {

// NaN passes through, as it does in every other step: a broken network must not look like a dark picture.
CUHUE_HD float relu(float x) {
  return x < 0.0f ? 0.0f : x;
}
CUHUE_HD float leaky_relu(float x, float slope) {
  return x < 0.0f ? slope * x : x;
}
CUHUE_HD float sigmoid(float x) {
  return 1.0f / (1.0f + exp_bounded(-x));
}
CUHUE_HD float affine(float x, float scale, float shift) {
  return scale * x + shift;
}

}  // namespace cuhue
