// Softmax of one pixel by one warp, a lane to every 32nd channel. Included by .cu files only.
#pragma once

#include "kernels/core/vector.cuh"
#include "kernels/softmax/softmax_math.h"

namespace cuhue {

constexpr int kWarp = 32;
constexpr unsigned kWholeWarp = 0xffffffffu;

__device__ inline float warp_max(float v) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2)
    v = softmax_max(v, __shfl_xor_sync(kWholeWarp, v, offset));
  return v;
}

// The same sum in every lane, whatever the order of the lanes.
__device__ inline float warp_sum(float v) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) v += __shfl_xor_sync(kWholeWarp, v, offset);
  return v;
}

// Channels kept in registers; those beyond are read again.
constexpr int kKeptChannels = 16 * kWarp;

// A lane's channels of one pixel.
class WarpChannels {
 public:
  __device__ WarpChannels(const DeviceTensor& x, int pixel)
      : x_(x),
        pixel_(pixel),
        channels_(static_cast<int>(x.dims.c)),
        lane_(static_cast<int>(threadIdx.x) % kWarp) {
#pragma unroll
    for (int i = 0; i < kKeptChannels / kWarp; ++i)
      if (const int c = i * kWarp + lane_; c < channels_) kept_[i] = load(c);
  }

  // visit(channel, value) for each of the lane's channels, in order.
  template <class Visit>
  __device__ void each(Visit&& visit) const {
#pragma unroll
    for (int i = 0; i < kKeptChannels / kWarp; ++i)
      if (const int c = i * kWarp + lane_; c < channels_) visit(c, kept_[i]);
    for (int c = kKeptChannels + lane_; c < channels_; c += kWarp) visit(c, load(c));
  }

  // The greatest value of the pixel.
  __device__ float max() const {
    float most = -INFINITY;
    each([&](int, float x) { most = softmax_max(most, x); });
    return warp_max(most);
  }

 private:
  __device__ float load(int channel) const {
    float v[1];
    load_lanes<1>(x_, pixel_, channel, v);
    return v[0];
  }

  const DeviceTensor& x_;
  int pixel_, channels_, lane_;
  float kept_[kKeptChannels / kWarp];
};

}  // namespace cuhue
