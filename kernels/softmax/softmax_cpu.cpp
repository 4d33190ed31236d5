#include <algorithm>
#include <cstring>

#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"
#include "kernels/softmax/softmax.h"
#include "kernels/softmax/softmax_math.h"

namespace cuhue {
namespace {

constexpr std::int64_t kTile = 64;  // pixels at a time of block 1
constexpr std::int64_t kLanes = 8;  // partial results of a channel run, for vectors

// Pixels [0, count) of an NCHW image: a pixel to a SIMD lane. `plane`: floats between channels.
CUHUE_SIMD_CLONES void softmax_planes(const float* x, float* out, std::int64_t channels, std::int64_t plane,
                                      std::int64_t count, float inverse_temperature) {
  float max[kTile], sum[kTile];
  for (std::int64_t i = 0; i < count; ++i) {
    max[i] = x[i];
    sum[i] = 0.0f;
  }
  for (std::int64_t c = 1; c < channels; ++c)
    for (std::int64_t i = 0; i < count; ++i) max[i] = softmax_max(max[i], x[c * plane + i]);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float term = softmax_term(x[c * plane + i], max[i], inverse_temperature);
      out[c * plane + i] = term;
      sum[i] += term;
    }
  }
  for (std::int64_t i = 0; i < count; ++i) sum[i] = 1.0f / sum[i];
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t i = 0; i < count; ++i) out[c * plane + i] *= sum[i];
}

// One pixel whose channels lie in blocks `plane` floats apart; writes 0 to the padding.
CUHUE_SIMD_CLONES void softmax_pixel(const float* x, float* out, const TensorRef& shape,
                                     float inverse_temperature) {
  const std::int64_t block = shape.block, plane = shape.plane(), channels = shape.dims.c;
  float max[kLanes], sum[kLanes];
  for (std::int64_t l = 0; l < kLanes; ++l) {
    max[l] = x[0];
    sum[l] = 0.0f;
  }
  for (std::int64_t b = 0; b < shape.blocks(); ++b) {
    const float* run = x + b * plane;
    const std::int64_t n = std::min(block, channels - b * block), whole = n / kLanes * kLanes;
    for (std::int64_t i = 0; i < whole; i += kLanes)
      for (std::int64_t l = 0; l < kLanes; ++l) max[l] = softmax_max(max[l], run[i + l]);
    for (std::int64_t i = whole; i < n; ++i) max[i - whole] = softmax_max(max[i - whole], run[i]);
  }
  for (std::int64_t l = 1; l < kLanes; ++l) max[0] = softmax_max(max[0], max[l]);
  for (std::int64_t b = 0; b < shape.blocks(); ++b) {
    const float* run = x + b * plane;
    float* to = out + b * plane;
    const std::int64_t n = std::min(block, channels - b * block), whole = n / kLanes * kLanes;
    for (std::int64_t i = 0; i < n; ++i) to[i] = softmax_term(run[i], max[0], inverse_temperature);
    for (std::int64_t i = 0; i < whole; i += kLanes)
      for (std::int64_t l = 0; l < kLanes; ++l) sum[l] += to[i + l];
    for (std::int64_t i = whole; i < n; ++i) sum[i - whole] += to[i];
  }
  for (std::int64_t l = 1; l < kLanes; ++l) sum[0] += sum[l];
  const float inverse = 1.0f / sum[0];
  for (std::int64_t b = 0; b < shape.blocks(); ++b) {
    float* to = out + b * plane;
    const std::int64_t n = std::min(block, channels - b * block);
    for (std::int64_t i = 0; i < n; ++i) to[i] *= inverse;
    for (std::int64_t i = n; i < block; ++i) to[i] = 0.0f;
  }
}

}  // namespace

void softmax_cpu(const SoftmaxParams& p) {
  const std::int64_t pixels = p.x.dims.h * p.x.dims.w, tiles = (pixels + kTile - 1) / kTile;
  const float inverse_temperature = 1.0f / p.temperature;
  const std::int64_t grain = 1 + 4096 / (kTile * p.x.dims.c);
  parallel_for(p.x.dims.n * tiles, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t n = item / tiles, first = item % tiles * kTile,
                         count = std::min(kTile, pixels - first);
      const float* x = p.x.data + n * p.x.batch_stride + first * p.x.block;
      float* out = p.out.data + n * p.out.batch_stride + first * p.x.block;
      if (p.x.block == 1) {
        softmax_planes(x, out, p.x.dims.c, pixels, count, inverse_temperature);
        continue;
      }
      for (std::int64_t i = 0; i < count; ++i)
        softmax_pixel(x + i * p.x.block, out + i * p.x.block, p.x, inverse_temperature);
    }
  });
}

}  // namespace cuhue
