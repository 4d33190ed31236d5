#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"
#include "kernels/instance_norm/instance_norm.h"
#include "kernels/instance_norm/instance_norm_math.h"

namespace cuhue {
namespace {

constexpr std::int64_t kLanes = 8;
constexpr std::int64_t kChunk = 512;  // pixels whose moments are found at once: they stay in the first cache

// Statistics of chunks: [n, channel group, chunk] of the moments of kLanes channels. A plane of block 1 is
// one channel: its eight lanes are pixels that follow each other.
struct Layout {
  std::int64_t groups = 0;  // of an image
  std::int64_t chunks = 0;  // of a group
  std::int64_t pixels = 0;
  explicit Layout(const TensorRef& x)
      : groups(x.block == 1 ? x.dims.c : x.blocks() * groups_of_block(x)),
        chunks((x.dims.h * x.dims.w + kChunk - 1) / kChunk),
        pixels(x.dims.h * x.dims.w) {}
  static std::int64_t groups_of_block(const TensorRef& x) { return (x.block + kLanes - 1) / kLanes; }
  std::int64_t items(const TensorRef& x) const { return x.dims.n * groups * chunks; }
};

struct ChunkMoments {
  float mean[kLanes], squares[kLanes];
};

std::int64_t padded(std::int64_t channels, std::int64_t block) {
  const std::int64_t whole = (channels + block - 1) / block * block;
  return (whole + 15) / 16 * 16;
}

// Of `count` values a lane, `stride` floats from one to the next: first the mean, then what differs from it.
// The first value is taken off before the sum, so that equal values have no rounding at all.
template <std::int64_t Lanes>
inline __attribute__((always_inline)) void moments(const float* x, std::int64_t stride, std::int64_t count,
                                                   float* mean, float* squares) {
  float first[Lanes], sum[Lanes] = {}, m[Lanes], difference[Lanes] = {}, square[Lanes] = {};
  for (std::int64_t l = 0; l < Lanes; ++l) first[l] = x[l];
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t l = 0; l < Lanes; ++l) sum[l] += x[i * stride + l] - first[l];
  const float inverse = 1.0f / static_cast<float>(count);
  for (std::int64_t l = 0; l < Lanes; ++l) m[l] = first[l] + sum[l] * inverse;
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t l = 0; l < Lanes; ++l) {
      const float d = x[i * stride + l] - m[l];
      difference[l] += d;
      square[l] += d * d;
    }
  for (std::int64_t l = 0; l < Lanes; ++l) {
    // What rounding of the mean left.
    mean[l] = m[l] + difference[l] * inverse;
    squares[l] = std::max(0.0f, square[l] - difference[l] * difference[l] * inverse);
  }
}

// The moments of channels [0, lanes) that lie side by side, of `count` pixels `stride` floats apart.
CUHUE_SIMD_CLONES void moments_of_channels(const float* x, std::int64_t stride, std::int64_t count,
                                           std::int64_t lanes, ChunkMoments& to) {
  if (lanes == kLanes) return moments<kLanes>(x, stride, count, to.mean, to.squares);
  for (std::int64_t l = 0; l < lanes; ++l) moments<1>(x + l, stride, count, to.mean + l, to.squares + l);
}

// The same for one channel of consecutive pixels, in lanes where there are as many.
CUHUE_SIMD_CLONES void moments_of_pixels(const float* x, std::int64_t count, ChunkMoments& to) {
  const std::int64_t rows = count / kLanes, rest = count % kLanes;
  Moments<float> all;
  if (rows > 0) {
    float mean[kLanes], squares[kLanes];
    moments<kLanes>(x, kLanes, rows, mean, squares);
    for (std::int64_t l = 0; l < kLanes; ++l)
      all = merged(all, Moments<float>{static_cast<float>(rows), mean[l], squares[l]});
  }
  if (rest > 0) {
    Moments<float> last{static_cast<float>(rest), 0.0f, 0.0f};
    moments<1>(x + rows * kLanes, 1, rest, &last.mean, &last.squares);
    all = merged(all, last);
  }
  to.mean[0] = all.mean;
  to.squares[0] = all.squares;
}

void find_moments(const InstanceNormParams& p, const Layout& layout, ChunkMoments* to) {
  const TensorRef& x = p.x;
  const std::int64_t per_block = Layout::groups_of_block(x);
  parallel_for(layout.items(x), 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t chunk = item % layout.chunks, group = item / layout.chunks % layout.groups,
                         n = item / layout.chunks / layout.groups;
      const std::int64_t first = chunk * kChunk, count = std::min(kChunk, layout.pixels - first);
      const float* image = x.data + n * x.batch_stride;
      if (x.block == 1) {
        moments_of_pixels(image + group * x.plane() + first, count, to[item]);
      } else {
        const std::int64_t lane = group % per_block * kLanes;
        moments_of_channels(image + group / per_block * x.plane() + first * x.block + lane, x.block, count,
                            std::min(kLanes, x.block - lane), to[item]);
      }
    }
  });
}

// What the norm does to a channel: affine(affine(x, 1, shift), scale, beta) is normalized().
struct Channels {
  float *one, *shift, *scale, *beta;  // [padded channels]
};

// The moments of the chunks, added in order.
Moments<double> moments_of(const ChunkMoments* chunks, const Layout& layout, std::int64_t lane) {
  Moments<double> all;
  for (std::int64_t i = 0; i < layout.chunks; ++i) {
    const std::int64_t count = std::min(kChunk, layout.pixels - i * kChunk);
    all = merged(all, Moments<double>{static_cast<double>(count), static_cast<double>(chunks[i].mean[lane]),
                                      static_cast<double>(chunks[i].squares[lane])});
  }
  return all;
}

void merge_chunks(const InstanceNormParams& p, const Layout& layout, const ChunkMoments* chunks,
                  const Channels& to) {
  const std::int64_t channels = padded(p.x.dims.c, p.x.block), per_block = Layout::groups_of_block(p.x);
  parallel_for(p.x.dims.n * p.x.dims.c, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t n = i / p.x.dims.c, c = i % p.x.dims.c;
      const std::int64_t lane = p.x.block == 1 ? 0 : c % p.x.block % kLanes;
      const std::int64_t group = p.x.block == 1 ? c : c / p.x.block * per_block + c % p.x.block / kLanes;
      const auto all = moments_of(chunks + (n * layout.groups + group) * layout.chunks, layout, lane);
      const float gamma = p.gamma != nullptr ? p.gamma[c] : 1.0f;
      const std::int64_t at = n * channels + c;
      to.one[at] = 1.0f;
      to.shift[at] = -static_cast<float>(all.mean);
      to.scale[at] = gamma * inverse_deviation(static_cast<float>(all.squares / all.count), p.eps);
      to.beta[at] = p.beta != nullptr ? p.beta[c] : 0.0f;
    }
  });
}

TensorRef image_of(TensorRef t, std::int64_t n) {
  t.data += n * t.batch_stride;
  t.dims.n = 1;
  return t;
}

void apply(const InstanceNormParams& p, const Channels& channels) {
  const std::int64_t stride = padded(p.x.dims.c, p.x.block);
  std::array<ElementwiseStep, 2 + kMostInstanceNormSteps> steps;
  for (std::int64_t n = 0; n < p.x.dims.n; ++n) {
    steps[0].kind = steps[1].kind = ElementwiseKind::channel_affine;
    steps[0].scale = channels.one + n * stride;
    steps[0].shift = channels.shift + n * stride;
    steps[1].scale = channels.scale + n * stride;
    steps[1].shift = channels.beta + n * stride;
    for (std::size_t i = 0; i < p.steps.size(); ++i) {
      steps[2 + i] = p.steps[i];
      if (p.steps[i].other.data != nullptr) steps[2 + i].other = image_of(p.steps[i].other, n);
    }
    elementwise_cpu({image_of(p.x, n), image_of(p.out, n), std::span(steps).first(2 + p.steps.size())});
  }
}

}  // namespace

std::size_t instance_norm_scratch_bytes(const TensorRef& x) {
  const Layout layout(x);
  return static_cast<std::size_t>(layout.items(x)) * sizeof(ChunkMoments) +
         static_cast<std::size_t>(4 * x.dims.n * padded(x.dims.c, x.block)) * sizeof(float);
}

void instance_norm_cpu(const InstanceNormParams& p) {
  const Layout layout(p.x);
  auto* chunks = reinterpret_cast<ChunkMoments*>(p.scratch);
  const std::int64_t vector = p.x.dims.n * padded(p.x.dims.c, p.x.block);
  auto* values = reinterpret_cast<float*>(chunks + layout.items(p.x));
  std::fill_n(values, 4 * vector, 0.0f);  // padding channels
  const Channels channels{values, values + vector, values + 2 * vector, values + 3 * vector};
  find_moments(p, layout, chunks);
  merge_chunks(p, layout, chunks, channels);
  apply(p, channels);
}

}  // namespace cuhue
