// The convolution as a matrix product: [pixels, taps * in.c] times [taps * in.c, out.c], with the left matrix
// never stored. What its kernels share that needs no device.
#pragma once

#include "kernels/convolution/axis.h"
#include "kernels/convolution/convolution.h"
#include "kernels/core/hd.h"

namespace cuhue {

// A block makes `pixels` x `channels` outputs; `splits` blocks share the sum of one tile. math is what the
// kernel computes in.
struct GemmTiling {
  ConvolutionMath math = ConvolutionMath::fp32;
  int pixels = 64, channels = 64, splits = 1;
};
// A pure function of the shape and the number of multiprocessors; `math` as the tensors allow it.
GemmTiling gemm_tiling(const ConvolutionShape& shape, ConvolutionMath math, int multiprocessors);
// What is left of `math` when the tensors are not fit for tensor cores.
ConvolutionMath gemm_math(const ConvolutionDeviceParams& p);

struct GemmParams {
  static constexpr int kMostPhases = 4;  // in one launch
  struct Phase {
    ConvolutionAxis y, x;
  };
  ConvolutionDeviceParams conv;
  Phase phases[kMostPhases];
  int splits = 1;
  float* partial = nullptr;  // [splits, out pixels, out.c rounded up to 4], when splits > 1
  bool x_vectors = false, weight_vectors = false, out_vectors = false;  // 4 channels can be one access
};

// Channels between pixels of the partial sums.
CUHUE_HD constexpr int gemm_partial_pitch(int channels) {
  return (channels + 3) / 4 * 4;
}

// One launch for `phases` of them. Tensor cores want x and weight in half (fp16) or float (tf32), channels in
// whole aligned 16 bytes.
void gemm_fp32(const GemmParams& g, const GemmTiling& tiling, int phases, Stream stream);
void gemm_fp16(const GemmParams& g, const GemmTiling& tiling, int phases, Stream stream);
void gemm_tf32(const GemmParams& g, const GemmTiling& tiling, int phases, Stream stream);
// Adds the splits in their order, then bias, epilogue and store.
void gemm_reduce(const GemmParams& g, Stream stream);
// At most 4 input channels, weight [r, s, c, k] float.
void convolution_few_channels(const ConvolutionDeviceParams& p, Stream stream);
bool convolution_few_channels_fits(const ConvolutionShape& shape);

}  // namespace cuhue
