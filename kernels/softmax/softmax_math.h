// Softmax, one channel of one pixel at a time; and its mean over bin centres (annealed mean).
#pragma once

#include "kernels/core/hd.h"
#include "kernels/core/math.h"

namespace cuhue {

CUHUE_HD float softmax_max(float so_far, float x) {
  return x > so_far ? x : so_far;
}

// e^((x - max) / temperature): what one channel adds to the sum.
CUHUE_HD float softmax_term(float x, float max, float inverse_temperature) {
  return exp_bounded((x - max) * inverse_temperature);
}

}  // namespace cuhue
