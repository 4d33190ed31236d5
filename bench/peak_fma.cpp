#include "bench/peak_fma.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cuhue::bench {
namespace {

// Enough independent sums to hide the latency of an FMA (4 cycles) at two a cycle.
constexpr int kChains = 12;

// Each returns a value that depends on all sums, so that none is removed; macs counts what was done.
using Burst = float (*)(std::int64_t rounds);

float burst_portable(std::int64_t rounds) {
  float sum[kChains] = {};
  for (std::int64_t i = 0; i < rounds; ++i) {
    for (float& s : sum) s = s * 0.999f + 1.0f;
  }
  float all = 0;
  for (const float s : sum) all += s;
  return all;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) float burst_avx2(std::int64_t rounds) {
  __m256 sum[kChains];
  for (__m256& s : sum) s = _mm256_setzero_ps();
  const __m256 factor = _mm256_set1_ps(0.999f), one = _mm256_set1_ps(1.0f);
  for (std::int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) sum[c] = _mm256_fmadd_ps(sum[c], factor, one);
  }
  for (int c = 1; c < kChains; ++c) sum[0] = _mm256_add_ps(sum[0], sum[c]);
  return _mm256_cvtss_f32(sum[0]);
}

__attribute__((target("avx512f"))) float burst_avx512(std::int64_t rounds) {
  __m512 sum[kChains];
  for (__m512& s : sum) s = _mm512_setzero_ps();
  const __m512 factor = _mm512_set1_ps(0.999f), one = _mm512_set1_ps(1.0f);
  for (std::int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) sum[c] = _mm512_fmadd_ps(sum[c], factor, one);
  }
  for (int c = 1; c < kChains; ++c) sum[0] = _mm512_add_ps(sum[0], sum[c]);
  return _mm512_cvtss_f32(sum[0]);
}
#endif

struct Kernel {
  const char* name;
  Burst burst;
  int lanes;
};

Kernel best_kernel() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return {"avx512f", burst_avx512, 16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {"avx2 fma", burst_avx2, 8};
#endif
  return {"portable", burst_portable, 1};
}

}  // namespace

double peak_macs_per_second(int threads) {
  const Kernel kernel = best_kernel();
  constexpr std::int64_t kRounds = 2'000'000;
  constexpr int kRuns = 8;
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<float> results(static_cast<std::size_t>(threads));
    std::vector<std::thread> others;
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t t = 1; t < results.size(); ++t)
      others.emplace_back([&results, &kernel, t] { results[t] = kernel.burst(kRounds); });
    results[0] = kernel.burst(kRounds);
    for (std::thread& other : others) other.join();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const bool real = std::all_of(results.begin(), results.end(), [](float r) { return r > 0; });
    const double macs = static_cast<double>(kRounds) * kChains * kernel.lanes * threads;
    if (real) best = std::max(best, macs / seconds);
  }
  return best;
}

double peak_bytes_per_second(int threads) {
  constexpr std::size_t kBytes = std::size_t{64}
                                 << 20;  // of each of two blocks of a thread: beyond any cache
  constexpr int kRuns = 4;
  struct Blocks {
    std::vector<char> from = std::vector<char>(kBytes, 1), to = std::vector<char>(kBytes, 2);
  };
  std::vector<Blocks> blocks(static_cast<std::size_t>(threads));
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<std::thread> others;
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t t = 1; t < blocks.size(); ++t)
      others.emplace_back([&blocks, t] { std::memcpy(blocks[t].to.data(), blocks[t].from.data(), kBytes); });
    std::memcpy(blocks[0].to.data(), blocks[0].from.data(), kBytes);
    for (std::thread& other : others) other.join();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2.0 * kBytes * threads / seconds);
  }
  return best;
}

const char* peak_instructions() {
  return best_kernel().name;
}

}  // namespace cuhue::bench
