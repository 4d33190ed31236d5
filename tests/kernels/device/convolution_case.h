// One convolution on the device against sums in double precision.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "kernels/convolution/convolution.h"
#include "kernels/convolution/gemm.h"
#include "tests/executor/device_array.h"
#include "tests/kernels/support.h"
#include "weights/half.h"

namespace cuhue::test {

// What a kernel does to x and the weights before it multiplies them.
enum class Operands : std::uint8_t { exact, tf32, half };

struct ConvolutionCase {
  ConvolutionShape shape;
  ConvolutionMath math = ConvolutionMath::fp32;
  Operands operands = Operands::exact;
  Element x_element = Element::f32, out_element = Element::f32;
  std::int64_t x_more = 0, out_more = 0;  // channels of others between the pixels
  std::int64_t x_offset = 0, out_offset = 0;
  bool bias = true;
  float in_scale = 1.0f, in_shift = 0.0f;
  std::vector<ElementwiseStep> steps = {};  // scale, shift and other are made up
  std::int64_t other_more = 0;
  Element other_element = Element::f32;
  int multiprocessors = kUsualMultiprocessors;
  double bound = 1e-5;  // of the largest result
};

// A square kernel, equal padding; the output as PyTorch gives it, `out_more` rows and columns more.
inline ConvolutionShape convolution_shape(Dims in, std::int64_t k, int kernel, int stride = 1, int pad = 0,
                                          int dilation = 1) {
  const int reach = dilation * (kernel - 1) + 1;
  return {in,     {in.n, k, (in.h + 2 * pad - reach) / stride + 1, (in.w + 2 * pad - reach) / stride + 1},
          kernel, kernel,
          stride, dilation,
          pad,    pad,
          false};
}
inline ConvolutionShape transposed_shape(Dims in, std::int64_t k, int kernel, int stride, int pad,
                                         int output_padding, int dilation = 1) {
  const auto out = [&](std::int64_t size) {
    return (size - 1) * stride - 2 * pad + dilation * (kernel - 1) + 1 + output_padding;
  };
  return {in, {in.n, k, out(in.h), out(in.w)}, kernel, kernel, stride, dilation, pad, pad, true};
}

inline ElementwiseStep step(ElementwiseKind kind, float alpha = 0.0f, float beta = 0.0f) {
  ElementwiseStep s;
  s.kind = kind;
  s.alpha = alpha;
  s.beta = beta;
  return s;
}

// Throws nothing, checks everything: values, the same bits in every order, nothing written between pixels.
void check_convolution(const ConvolutionCase& c);

}  // namespace cuhue::test
