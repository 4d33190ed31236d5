#include "kernels/annealed_mean/logit_kernel.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define CUHUE_HAS_AVX2_KERNEL 1
#endif

namespace cuhue {

void logits_portable(const float* weight, const float* features, std::int64_t depth, float* logits) {
  float sum[kLogitBins][kLogitPixels] = {};
  for (std::int64_t c = 0; c < depth; ++c)
    for (std::int64_t q = 0; q < kLogitBins; ++q)
      for (std::int64_t i = 0; i < kLogitPixels; ++i)
        sum[q][i] += weight[c * kLogitBins + q] * features[c * kLogitPixels + i];
  for (std::int64_t q = 0; q < kLogitBins; ++q)
    for (std::int64_t i = 0; i < kLogitPixels; ++i) logits[q * kLogitPixels + i] += sum[q][i];
}

#if defined(CUHUE_HAS_AVX2_KERNEL)
namespace {

// Adds two vectors of sums to 16 logits.
__attribute__((target("avx2,fma"))) inline void add_logits(float* logits, __m256 low, __m256 high) {
  _mm256_storeu_ps(logits, _mm256_add_ps(_mm256_loadu_ps(logits), low));
  _mm256_storeu_ps(logits + 8, _mm256_add_ps(_mm256_loadu_ps(logits + 8), high));
}

// The sums are twelve names, not an array: GCC would keep an array in memory too.
__attribute__((target("avx2,fma"))) void logits_avx2(const float* weight, const float* features,
                                                     std::int64_t depth, float* logits) {
  __m256 a0 = _mm256_setzero_ps(), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
  __m256 b0 = a0, b1 = a0, b2 = a0, b3 = a0, b4 = a0, b5 = a0;
  for (std::int64_t c = 0; c < depth; ++c, weight += kLogitBins, features += kLogitPixels) {
    const __m256 x0 = _mm256_loadu_ps(features);
    const __m256 x1 = _mm256_loadu_ps(features + 8);
    __m256 w = _mm256_broadcast_ss(weight);
    a0 = _mm256_fmadd_ps(w, x0, a0);
    b0 = _mm256_fmadd_ps(w, x1, b0);
    w = _mm256_broadcast_ss(weight + 1);
    a1 = _mm256_fmadd_ps(w, x0, a1);
    b1 = _mm256_fmadd_ps(w, x1, b1);
    w = _mm256_broadcast_ss(weight + 2);
    a2 = _mm256_fmadd_ps(w, x0, a2);
    b2 = _mm256_fmadd_ps(w, x1, b2);
    w = _mm256_broadcast_ss(weight + 3);
    a3 = _mm256_fmadd_ps(w, x0, a3);
    b3 = _mm256_fmadd_ps(w, x1, b3);
    w = _mm256_broadcast_ss(weight + 4);
    a4 = _mm256_fmadd_ps(w, x0, a4);
    b4 = _mm256_fmadd_ps(w, x1, b4);
    w = _mm256_broadcast_ss(weight + 5);
    a5 = _mm256_fmadd_ps(w, x0, a5);
    b5 = _mm256_fmadd_ps(w, x1, b5);
  }
  static_assert(kLogitBins == 6 && kLogitPixels == 16);
  add_logits(logits, a0, b0);
  add_logits(logits + kLogitPixels, a1, b1);
  add_logits(logits + 2 * kLogitPixels, a2, b2);
  add_logits(logits + 3 * kLogitPixels, a3, b3);
  add_logits(logits + 4 * kLogitPixels, a4, b4);
  add_logits(logits + 5 * kLogitPixels, a5, b5);
}

}  // namespace
#endif

LogitKernel logit_kernel() {
#if defined(CUHUE_HAS_AVX2_KERNEL)
  static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2) return logits_avx2;
#endif
  return logits_portable;
}

}  // namespace cuhue
