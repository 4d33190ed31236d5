#include <algorithm>
#include <cstring>

#include "kernels/annealed_mean/annealed_mean.h"
#include "kernels/annealed_mean/logit_kernel.h"
#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"
#include "kernels/softmax/softmax_math.h"

namespace cuhue {
namespace {

constexpr std::int64_t kPixels = kLogitPixels, kBins = kLogitBins;
constexpr std::int64_t kDepth =
    64;  // channels summed before they are added to the total: shorter sums round less
constexpr std::int64_t kSumChunk = 32;  // bins likewise

std::int64_t bin_groups(std::int64_t bins) {
  return (bins + kBins - 1) / kBins;
}

std::int64_t tile_floats(std::int64_t bins, std::int64_t c) {  // features [c, 16] and logits [groups * 6, 16]
  return (c + bin_groups(bins) * kBins) * kPixels;
}

// Pixels [begin, begin + count) of one image as [c, 16]; lanes beyond count hold 0.
CUHUE_SIMD_CLONES void pack_features(const TensorRef& x, const float* image, std::int64_t begin,
                                     std::int64_t count, float* to) {
  const std::int64_t block = x.block;
  if (count < kPixels) std::memset(to, 0, static_cast<std::size_t>(x.dims.c * kPixels) * sizeof(float));
  for (std::int64_t b = 0; b < x.blocks(); ++b) {
    const float* from = image + b * x.plane() + begin * block;
    const std::int64_t lanes = std::min(block, x.dims.c - b * block);
    for (std::int64_t l = 0; l < lanes; ++l, to += kPixels)
      for (std::int64_t i = 0; i < count; ++i) to[i] = from[i * block + l];
  }
}

// Logits [bins, 16] without their bias -> out[k][i] = mean of centres under softmax, for lanes i < count.
CUHUE_SIMD_CLONES void decode(const AnnealedMeanParams& p, float* logits, std::int64_t count,
                              std::int64_t out_plane, float* out) {
  float max[kPixels], sum[kPixels], part[kPixels];
  for (std::int64_t i = 0; i < kPixels; ++i) max[i] = logits[i] + p.bias[0];
  for (std::int64_t q = 0; q < p.bins; ++q) {
    float* z = logits + q * kPixels;
    for (std::int64_t i = 0; i < kPixels; ++i) {
      z[i] += p.bias[q];
      max[i] = softmax_max(max[i], z[i]);
    }
  }
  const float inverse_temperature = 1.0f / p.temperature;
  for (std::int64_t i = 0; i < kPixels; ++i) sum[i] = 0.0f;
  for (std::int64_t chunk = 0; chunk < p.bins; chunk += kSumChunk) {
    for (std::int64_t i = 0; i < kPixels; ++i) part[i] = 0.0f;
    for (std::int64_t q = chunk; q < std::min(chunk + kSumChunk, p.bins); ++q) {
      float* z = logits + q * kPixels;
      for (std::int64_t i = 0; i < kPixels; ++i) {
        z[i] = softmax_term(z[i], max[i], inverse_temperature);
        part[i] += z[i];
      }
    }
    for (std::int64_t i = 0; i < kPixels; ++i) sum[i] += part[i];
  }
  for (std::int64_t k = 0; k < p.out.dims.c; ++k) {
    const float* centres = p.centres + k * p.bins;
    float mean[kPixels] = {};
    for (std::int64_t chunk = 0; chunk < p.bins; chunk += kSumChunk) {
      for (std::int64_t i = 0; i < kPixels; ++i) part[i] = 0.0f;
      for (std::int64_t q = chunk; q < std::min(chunk + kSumChunk, p.bins); ++q)
        for (std::int64_t i = 0; i < kPixels; ++i) part[i] += centres[q] * logits[q * kPixels + i];
      for (std::int64_t i = 0; i < kPixels; ++i) mean[i] += part[i];
    }
    for (std::int64_t i = 0; i < kPixels; ++i) mean[i] /= sum[i];
    std::memcpy(out + k * out_plane, mean, static_cast<std::size_t>(count) * sizeof(float));
  }
}

void run_tile(const AnnealedMeanParams& p, LogitKernel kernel, std::int64_t n, std::int64_t begin,
              float* scratch) {
  const std::int64_t c = p.x.dims.c, pixels = p.x.dims.h * p.x.dims.w;
  const std::int64_t count = std::min(kPixels, pixels - begin);
  const std::int64_t groups = bin_groups(p.bins);
  float* features = scratch;
  float* logits = scratch + c * kPixels;
  pack_features(p.x, p.x.data + n * p.x.batch_stride, begin, count, features);
  std::memset(logits, 0, static_cast<std::size_t>(groups * kBins * kPixels) * sizeof(float));
  for (std::int64_t g = 0; g < groups; ++g)
    for (std::int64_t c0 = 0; c0 < c; c0 += kDepth)
      kernel(p.weight + (g * c + c0) * kBins, features + c0 * kPixels, std::min(kDepth, c - c0),
             logits + g * kBins * kPixels);
  decode(p, logits, count, p.out.plane(), p.out.data + n * p.out.batch_stride + begin);
}

}  // namespace

std::int64_t annealed_mean_packed_floats(std::int64_t bins, std::int64_t c) {
  return bin_groups(bins) * kBins * c;
}

void pack_annealed_mean_weight(const float* weight, std::int64_t bins, std::int64_t c, float* packed) {
  for (std::int64_t g = 0; g < bin_groups(bins); ++g)
    for (std::int64_t ci = 0; ci < c; ++ci)
      for (std::int64_t q = g * kBins; q < (g + 1) * kBins; ++q)
        *packed++ = q < bins ? weight[q * c + ci] : 0.0f;
}

std::size_t annealed_mean_scratch_bytes(std::int64_t bins, std::int64_t c, int threads) {
  return static_cast<std::size_t>(tile_floats(bins, c) * std::max(threads, 1)) * sizeof(float);
}

void annealed_mean_cpu(const AnnealedMeanParams& p) {
  const std::int64_t per_image = (p.x.dims.h * p.x.dims.w + kPixels - 1) / kPixels;
  const std::int64_t tiles = p.x.dims.n * per_image;
  const LogitKernel kernel = logit_kernel();
  // One part a thread, each with its own piece of the scratch.
  const std::int64_t parts = std::min<std::int64_t>(max_threads(), tiles);
  parallel_for(parts, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t part = first; part < last; ++part) {
      float* scratch = reinterpret_cast<float*>(p.scratch) + part * tile_floats(p.bins, p.x.dims.c);
      for (std::int64_t t = tiles * part / parts; t < tiles * (part + 1) / parts; ++t)
        run_tile(p, kernel, t / per_image, t % per_image * kPixels, scratch);
    }
  });
}

}  // namespace cuhue
