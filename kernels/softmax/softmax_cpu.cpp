#include <algorithm>
#include <cstring>

#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"
#include "kernels/softmax/softmax.h"
#include "kernels/softmax/softmax_math.h"

namespace cuhue {
namespace {

constexpr std::int64_t kTile = 64;  // pixels at a time of block 1
constexpr std::int64_t kRun = 512;  // channels at a time of the other blocks
constexpr std::int64_t kLanes = 8;

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
  float term[kTile];  // never x itself, which out may be: the loop over it becomes vector code
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t i = 0; i < count; ++i) {
      term[i] = softmax_term(x[c * plane + i], max[i], inverse_temperature);
      sum[i] += term[i];
    }
    std::memcpy(out + c * plane, term, static_cast<std::size_t>(count) * sizeof(float));
  }
  for (std::int64_t i = 0; i < count; ++i) sum[i] = 1.0f / sum[i];
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t i = 0; i < count; ++i) out[c * plane + i] *= sum[i];
}

// Channels [begin, begin + count) of one pixel, whose blocks lie `plane` floats apart, to a dense run.
inline __attribute__((always_inline)) void gather(const float* x, const TensorRef& shape, std::int64_t begin,
                                                  std::int64_t count, float* run) {
  const std::int64_t block = shape.block, plane = shape.plane();
  for (std::int64_t i = 0; i < count;) {
    const std::int64_t lane = (begin + i) % block, n = std::min(block - lane, count - i);
    const float* from = x + (begin + i) / block * plane + lane;
    for (std::int64_t l = 0; l < n; ++l) run[i + l] = from[l];
    i += n;
  }
}

inline __attribute__((always_inline)) void scatter(const float* run, const TensorRef& shape,
                                                   std::int64_t begin, std::int64_t count, float* x) {
  const std::int64_t block = shape.block, plane = shape.plane();
  for (std::int64_t i = 0; i < count;) {
    const std::int64_t lane = (begin + i) % block, n = std::min(block - lane, count - i);
    float* to = x + (begin + i) / block * plane + lane;
    for (std::int64_t l = 0; l < n; ++l) to[l] = run[i + l];
    i += n;
  }
}

// One pixel of a blocked layout; writes 0 to the padding.
CUHUE_SIMD_CLONES void softmax_pixel(const float* x, float* out, const TensorRef& shape,
                                     float inverse_temperature) {
  const std::int64_t channels = shape.dims.c;
  float run[kRun];
  float max = x[0], sum = 0.0f;
  for (std::int64_t c = 0; c < channels; c += kRun) {
    const std::int64_t n = std::min(kRun, channels - c);
    gather(x, shape, c, n, run);
    float lane[kLanes];  // partial results, for vectors
    for (std::int64_t l = 0; l < kLanes; ++l) lane[l] = max;
    for (std::int64_t i = n; i % kLanes != 0; ++i) run[i] = max;
    for (std::int64_t i = 0; i < n; i += kLanes)
      for (std::int64_t l = 0; l < kLanes; ++l) lane[l] = softmax_max(lane[l], run[i + l]);
    for (std::int64_t l = 0; l < kLanes; ++l) max = softmax_max(max, lane[l]);
  }
  for (std::int64_t c = 0; c < channels; c += kRun) {
    const std::int64_t n = std::min(kRun, channels - c);
    if (channels > kRun) gather(x, shape, c, n, run);
    for (std::int64_t i = 0; i < n; ++i) run[i] = softmax_term(run[i], max, inverse_temperature);
    for (std::int64_t i = n; i % kLanes != 0; ++i) run[i] = 0.0f;
    float lane[kLanes] = {};
    for (std::int64_t i = 0; i < n; i += kLanes)
      for (std::int64_t l = 0; l < kLanes; ++l) lane[l] += run[i + l];
    for (std::int64_t l = 0; l < kLanes; ++l) sum += lane[l];
    scatter(run, shape, c, n, out);
  }
  const float inverse = 1.0f / sum;
  for (std::int64_t b = 0; b < shape.blocks(); ++b) {
    float* to = out + b * shape.plane();
    const std::int64_t n = std::min(shape.block, channels - b * shape.block);
    for (std::int64_t i = 0; i < n; ++i) to[i] *= inverse;
    for (std::int64_t i = n; i < shape.block; ++i) to[i] = 0.0f;
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
