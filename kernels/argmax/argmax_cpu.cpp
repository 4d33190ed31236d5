#include <algorithm>

#include "kernels/argmax/argmax.h"
#include "kernels/argmax/argmax_math.h"
#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"

namespace cuhue {
namespace {

constexpr std::int64_t kTile = 256;  // pixels at a time of block 1
constexpr std::int64_t kLanes = 8;   // channels at a time of the other blocks

// Pixels [0, count) of an NCHW image: a pixel to a SIMD lane. `plane`: floats between channels.
CUHUE_SIMD_CLONES void argmax_planes(const float* x, float* out, std::int64_t channels, std::int64_t plane,
                                     std::int64_t count) {
  float value[kTile], index[kTile];
  for (std::int64_t i = 0; i < count; ++i) {
    value[i] = x[i];
    index[i] = 0.0f;
  }
  for (std::int64_t c = 1; c < channels; ++c) {
    const float* next = x + c * plane;
    const auto label = static_cast<float>(c);
    for (std::int64_t i = 0; i < count; ++i) {
      const Greatest g = greatest({value[i], index[i]}, {next[i], label});
      value[i] = g.value;
      index[i] = g.index;
    }
  }
  for (std::int64_t i = 0; i < count; ++i) out[i] = label_of({value[i], index[i]});
}

// One pixel of a blocked layout.
CUHUE_SIMD_CLONES float argmax_pixel(const float* x, const TensorRef& shape) {
  const std::int64_t plane = shape.plane(), channels = shape.dims.c;
  Greatest all = none_of(channels);
  for (std::int64_t lane = 0; lane < std::min(shape.block, channels); lane += kLanes) {
    float value[kLanes], index[kLanes];  // of each lane over the blocks
    for (std::int64_t l = 0; l < kLanes; ++l) {
      value[l] = none_of(channels).value;
      index[l] = none_of(channels).index;
    }
    for (std::int64_t first = lane; first < channels; first += shape.block) {
      const float* from = x + first / shape.block * plane + lane;
      const std::int64_t n = std::min({kLanes, shape.block - lane, channels - first});
      const auto label = static_cast<float>(first);
      for (std::int64_t l = 0; l < n; ++l) {
        const Greatest g = greatest({value[l], index[l]}, {from[l], label + static_cast<float>(l)});
        value[l] = g.value;
        index[l] = g.index;
      }
    }
    for (std::int64_t l = 0; l < kLanes; ++l) all = greatest(all, {value[l], index[l]});
  }
  return label_of(all);
}

}  // namespace

void argmax_cpu(const ArgmaxParams& p) {
  const std::int64_t pixels = p.x.dims.h * p.x.dims.w, tiles = (pixels + kTile - 1) / kTile;
  parallel_for(p.x.dims.n * tiles, 1 + 16384 / (kTile * p.x.dims.c),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t item = begin; item < end; ++item) {
                   const std::int64_t n = item / tiles, first = item % tiles * kTile,
                                      count = std::min(kTile, pixels - first);
                   const float* x = p.x.data + n * p.x.batch_stride + first * p.x.block;
                   float* out = p.out.data + n * p.out.batch_stride + first;
                   if (p.x.block == 1) {
                     argmax_planes(x, out, p.x.dims.c, pixels, count);
                     continue;
                   }
                   for (std::int64_t i = 0; i < count; ++i) out[i] = argmax_pixel(x + i * p.x.block, p.x);
                 }
               });
}

}  // namespace cuhue
