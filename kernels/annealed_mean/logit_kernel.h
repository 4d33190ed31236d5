// The inner matrix product of annealed_mean_cpu(), for one tile of pixels and one group of bins.
#pragma once

#include <cstdint>

namespace cuhue {

// A tile is 16 pixels, one to a SIMD lane, so that softmax over bins never crosses lanes. Six bins by 16
// pixels of sums fill the sixteen AVX2 registers with one row of features and one weight.
constexpr std::int64_t kLogitPixels = 16;
constexpr std::int64_t kLogitBins = 6;

// logits [6, 16] += weight [depth, 6] . features [depth, 16]
using LogitKernel = void (*)(const float* weight, const float* features, std::int64_t depth, float* logits);

LogitKernel logit_kernel();  // the fastest of this machine

void logits_portable(const float* weight, const float* features, std::int64_t depth, float* logits);

}  // namespace cuhue
