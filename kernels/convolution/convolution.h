// Our own convolutions on CUDA. All read channels-last activations, sum in fp32 and store through an
// epilogue.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/core/device_tensor.h"
#include "kernels/core/stream.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/pack/pack.h"
#include "kernels/pad/pad.h"

namespace cuhue {

// How products are formed; sums are fp32 in every mode.
enum class ConvolutionMath : std::uint8_t {
  fp32,  // on the plain cores
  tf32,  // operands rounded to tf32, tensor cores
  fp16   // operands are half, tensor cores
};

struct ConvolutionShape {
  Dims in, out;
  int kernel_h = 1, kernel_w = 1, stride = 1, dilation = 1, pad_top = 0, pad_left = 0;
  bool transposed = false;  // pad_* as PyTorch's padding; its output padding is what out says
  // What stands outside of the input, read in place. Of a transposed one zero or replicate.
  BorderKind border = BorderKind::zero;
};

// What the choice of tiles is made for when nobody says which GPU it is.
constexpr int kUsualMultiprocessors = 108;

struct ConvolutionDeviceParams {
  ConvolutionShape shape;
  ConvolutionMath math = ConvolutionMath::fp32;
  DeviceTensor x, out;           // of shape.in, shape.out; each f32 or f16, whatever the other and the math
  const void* weight = nullptr;  // packed in convolution_weight_order() and convolution_weight_element()
  const float* bias = nullptr;   // [out.c] or nullptr
  float in_scale = 1.0f,
        in_shift = 0.0f;  // of few-channel convolutions only: each x is affine() first, padding is not
  DeviceEpilogue epilogue;
  std::byte* scratch = nullptr;                 // convolution_scratch_bytes(), device memory, aligned to 256
  int multiprocessors = kUsualMultiprocessors;  // of the GPU; the same as was given for the scratch
};

// Which of our kernels serves a shape; every shape has one.
//   few_channels: at most 4 input channels; fp32 products whatever the math; fused input affine
//   transposed_phases: a transposed convolution of stride s (and a 3x3 one over pixels that are each four
//     times there: runtime/graph/layer_params.h) as s * s dense ones that interleave, in one
//     launch up to stride 2; no multiplication by inserted zeros
//   implicit_gemm: everything else
// Tensor cores (tf32, fp16) need input channels in whole 16 bytes, aligned; other tensors take the plain
// cores, which are as exact or better.
enum class ConvolutionKernel : std::uint8_t { implicit_gemm, few_channels, transposed_phases };
ConvolutionKernel convolution_kernel(const ConvolutionShape& shape);
WeightOrder convolution_weight_order(const ConvolutionShape& shape);
Element convolution_weight_element(const ConvolutionShape& shape, ConvolutionMath math);
std::size_t convolution_scratch_bytes(const ConvolutionShape& shape, ConvolutionMath math,
                                      int multiprocessors = kUsualMultiprocessors);

// Kernels that convolution_cuda() starts. Of addresses only the alignment matters.
int convolution_launches(const ConvolutionDeviceParams& p);

// Deterministic: the same bits every time.
void convolution_cuda(const ConvolutionDeviceParams& p, Stream stream);

}  // namespace cuhue
