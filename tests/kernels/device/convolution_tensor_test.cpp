#include "tests/kernels/device/convolution_case.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

// Both tensor-core modes; sums are fp32, so that the bound is that of fp32 once the operands are rounded.
void check_tensor(ConvolutionCase c) {
  const bool keeps_out = c.out_element == Element::f16;
  for (const ConvolutionMath math : {ConvolutionMath::fp16, ConvolutionMath::tf32}) {
    c.math = math;
    c.operands = math == ConvolutionMath::fp16 ? Operands::half : Operands::tf32;
    c.x_element = math == ConvolutionMath::fp16 ? Element::f16 : Element::f32;
    if (!keeps_out) c.out_element = c.x_element;
    check_convolution(c);
  }
}

ConvolutionMath math_of(const ConvolutionShape& shape, ConvolutionMath math, const DeviceTensor& x) {
  ConvolutionDeviceParams p;
  p.shape = shape;
  p.math = math;
  p.x = x;
  return gemm_math(p);
}

}  // namespace

TEST_CASE("tensor cores: kernels, strides, dilations and paddings, tails in every dimension") {
  for (const ConvolutionShape& shape : {
           convolution_shape({1, 8, 1, 1}, 1, 1),
           convolution_shape({2, 16, 9, 7}, 20, 1),
           convolution_shape({2, 40, 9, 7}, 17, 1, 2),
           convolution_shape({1, 24, 10, 11}, 65, 3, 1, 1),
           convolution_shape({2, 72, 11, 10}, 24, 3, 2, 1),
           convolution_shape({1, 32, 13, 9}, 40, 3, 1, 2, 2),
           convolution_shape({2, 32, 10, 11}, 20, 3, 2, 2, 2),  // every second pixel of the input is read
           convolution_shape({1, 8, 9, 12}, 5, 5, 1, 2),
           convolution_shape({1, 8, 9, 15}, 70, 7, 2, 3),
           convolution_shape({1, 16, 12, 12}, 2, 4, 2, 1),
       }) {
    CAPTURE(shape.in.c);
    CAPTURE(shape.out.c);
    CAPTURE(shape.kernel_h);
    check_tensor({.shape = shape});
    check_tensor({.shape = shape, .bias = false, .multiprocessors = 1});
  }
}

TEST_CASE("tensor cores: every tile") {
  struct Expected {
    ConvolutionShape shape;
    int multiprocessors, pixels, channels;
  };
  for (const Expected& e : {
           Expected{convolution_shape({1, 32, 12, 13}, 130, 3, 1, 1), 4, 128, 128},
           Expected{convolution_shape({1, 32, 12, 13}, 70, 3, 1, 1), 4, 128, 64},
           Expected{convolution_shape({1, 32, 12, 13}, 70, 3, 1, 1), 8, 64, 64},
           Expected{convolution_shape({1, 32, 12, 13}, 13, 3, 1, 1), 1, 128, 16},
           Expected{convolution_shape({1, 32, 3, 5}, 70, 3, 1, 1), 1, 16, 64},
           Expected{convolution_shape({5, 72, 1, 1}, 70, 1), 132, 16, 64},
       })
    for (const ConvolutionMath math : {ConvolutionMath::fp16, ConvolutionMath::tf32}) {
      const GemmTiling tiling = gemm_tiling(e.shape, math, e.multiprocessors);
      CHECK(tiling.math == math);
      CHECK(tiling.pixels == e.pixels);
      CHECK(tiling.channels == e.channels);
      check_tensor({.shape = e.shape, .multiprocessors = e.multiprocessors});
    }
}

TEST_CASE("tensor cores: split sums") {
  const auto shape = convolution_shape({1, 264, 4, 5}, 67, 3, 1, 1);
  CHECK(gemm_tiling(shape, ConvolutionMath::fp16, 132).splits == 10);
  CHECK(gemm_tiling(shape, ConvolutionMath::tf32, 132).splits == 16);
  check_tensor({.shape = shape, .steps = {step(ElementwiseKind::relu)}, .multiprocessors = 132});
  check_tensor({.shape = shape, .out_element = Element::f16, .multiprocessors = 4});
}

TEST_CASE("tensor cores: pitches, slices and both elements of the output") {
  const auto shape = convolution_shape({2, 24, 7, 6}, 20, 3, 1, 1);
  for (const Element out : {Element::f32, Element::f16})
    for (const std::int64_t out_more : {0, 4, 3})
      check_tensor({.shape = shape,
                    .out_element = out,
                    .x_more = 8,
                    .out_more = out_more,
                    .x_offset = 16,
                    .out_offset = out_more});
}

TEST_CASE("tensor cores: tensors that do not fit them take the plain cores") {
  const auto shape = convolution_shape({1, 16, 5, 6}, 20, 3, 1, 1),
             odd = convolution_shape({1, 12, 5, 6}, 20, 3);
  DeviceArrayTensor x(shape.in, Element::f16), off(shape.in, Element::f16, 24, 4),
      pitched(shape.in, Element::f16, 20), single(shape.in, Element::f32), tail(odd.in, Element::f16);
  CHECK(math_of(shape, ConvolutionMath::fp16, x.ref()) == ConvolutionMath::fp16);
  CHECK(math_of(shape, ConvolutionMath::fp16, off.ref()) == ConvolutionMath::fp32);
  CHECK(math_of(shape, ConvolutionMath::fp16, pitched.ref()) == ConvolutionMath::fp32);
  CHECK(math_of(shape, ConvolutionMath::fp16, single.ref()) == ConvolutionMath::fp32);
  CHECK(math_of(odd, ConvolutionMath::fp16, tail.ref()) == ConvolutionMath::fp32);
  CHECK(math_of(shape, ConvolutionMath::tf32, single.ref()) == ConvolutionMath::tf32);
  CHECK(math_of(shape, ConvolutionMath::tf32, x.ref()) == ConvolutionMath::fp32);
  for (const std::int64_t more : {4, 3})
    check_convolution({.shape = shape,
                       .math = ConvolutionMath::fp16,
                       .x_element = Element::f16,
                       .out_element = Element::f16,
                       .x_more = more,
                       .x_offset = more});
  check_convolution({.shape = odd, .math = ConvolutionMath::fp16, .x_element = Element::f16});
  check_convolution({.shape = shape, .math = ConvolutionMath::tf32, .x_more = 3});
  check_convolution({.shape = odd, .math = ConvolutionMath::tf32, .operands = Operands::tf32});
}

TEST_CASE("tensor cores: transposed convolutions by phases") {
  const Dims in{2, 24, 5, 4};
  for (const ConvolutionShape& shape : {
           transposed_shape(in, 24, 4, 2, 1, 0),
           transposed_shape(in, 24, 3, 2, 1, 1),
           transposed_shape(in, 9, 3, 2, 1, 0),
           transposed_shape(in, 8, 5, 3, 2, 1),
           transposed_shape(in, 8, 2, 3, 0, 2),
           transposed_shape(in, 70, 3, 2, 2, 1, 2),
           transposed_shape({1, 136, 3, 4}, 20, 4, 2, 1, 0),  // split at 132
           transposed_shape({1, 136, 3, 4}, 7, 3, 2, 1, 1),
       })
    for (const int multiprocessors : {132, 1})
      check_tensor({.shape = shape, .out_more = 4, .multiprocessors = multiprocessors});
}

TEST_CASE("tensor cores: every epilogue") {
  const std::vector<ElementwiseStep> steps = {
      step(ElementwiseKind::channel_affine), step(ElementwiseKind::add),
      step(ElementwiseKind::leaky_relu, 0.2f), step(ElementwiseKind::scalar_affine, -1.5f, 0.25f),
      step(ElementwiseKind::tanh)};
  for (const std::int64_t channels : {24, 7})
    for (const int multiprocessors : {132, 1})
      check_tensor({.shape = convolution_shape({1, 136, 5, 6}, channels, 3, 1, 1),
                    .steps = steps,
                    .other_more = 4,
                    .other_element = Element::f16,
                    .multiprocessors = multiprocessors});
}
