#include "tests/kernels/device/convolution_case.h"

using namespace cuhue;
using namespace cuhue::test;

TEST_CASE("implicit gemm: kernels, strides, dilations and paddings, tails in every dimension") {
  for (const ConvolutionShape& shape : {
           convolution_shape({1, 5, 1, 1}, 1, 1),
           convolution_shape({2, 16, 9, 7}, 20, 1),
           convolution_shape({2, 33, 9, 7}, 17, 1, 2),
           convolution_shape({1, 20, 10, 11}, 65, 3, 1, 1),
           convolution_shape({2, 17, 11, 10}, 24, 3, 2, 1),
           convolution_shape({1, 32, 13, 9}, 40, 3, 1, 2, 2),
           convolution_shape({2, 32, 10, 11}, 20, 3, 2, 2, 2),  // every second pixel of the input is read
           convolution_shape({1, 6, 9, 12}, 5, 5, 1, 2),
           convolution_shape({1, 8, 9, 15}, 70, 7, 2, 3),
           convolution_shape({1, 12, 12, 12}, 2, 4, 2, 1),
       }) {
    CAPTURE(shape.in.c);
    CAPTURE(shape.out.c);
    CAPTURE(shape.kernel_h);
    CHECK(convolution_kernel(shape) == ConvolutionKernel::implicit_gemm);
    check_convolution({.shape = shape});
    check_convolution({.shape = shape, .bias = false, .multiprocessors = 1});
  }
}

TEST_CASE("implicit gemm: oblong kernels and padding at one end only") {
  ConvolutionShape shape{{1, 8, 9, 10}, {1, 12, 9, 10}, 1, 7, 1, 1, 0, 3, false};
  check_convolution({.shape = shape});
  shape = {{1, 8, 8, 8}, {1, 12, 4, 4}, 3, 3, 2, 1, 0, 0, false};  // TensorFlow's SAME: the far end is padded
  check_convolution({.shape = shape});
}

TEST_CASE("implicit gemm and few channels: reflected and repeated borders are read in place") {
  for (const BorderKind border : {BorderKind::reflect, BorderKind::replicate}) {
    for (ConvolutionShape shape : {
             convolution_shape({2, 17, 11, 10}, 24, 3, 1, 1),
             convolution_shape({1, 16, 12, 8}, 70, 3, 2, 1),
             convolution_shape({1, 8, 9, 15}, 20, 7, 1, 3),
             convolution_shape({1, 128, 2, 2}, 24, 3, 2, 1),
             convolution_shape({1, 20, 8, 9}, 12, 3, 1, 2, 2),
             convolution_shape({2, 1, 9, 35}, 64, 3, 1, 1),
             convolution_shape({1, 3, 21, 19}, 66, 7, 1, 3),
         }) {
      shape.border = border;
      CAPTURE(shape.in.c);
      CAPTURE(shape.kernel_h);
      check_convolution({.shape = shape});
      check_convolution({.shape = shape, .bias = false, .multiprocessors = 1});
    }
  }
  ConvolutionShape oblong{{1, 8, 9, 10}, {1, 12, 10, 11}, 3, 3, 1, 1, 1, 2, false, BorderKind::reflect};
  check_convolution({.shape = oblong});
}

TEST_CASE("transposed: the edge repeated where the input ends") {
  for (ConvolutionShape shape :
       {transposed_shape({2, 20, 5, 4}, 24, 4, 2, 1, 0), transposed_shape({1, 136, 3, 4}, 7, 4, 2, 1, 0),
        transposed_shape({1, 3, 1, 1}, 2, 4, 2, 1, 0)}) {
    shape.border = BorderKind::replicate;
    check_convolution({.shape = shape});
    check_convolution({.shape = shape, .multiprocessors = 1});
  }
}

TEST_CASE("implicit gemm: every element, pitch and alignment") {
  const auto shape = convolution_shape({2, 24, 7, 6}, 20, 3, 1, 1);
  for (const Element x : {Element::f32, Element::f16})
    for (const Element out : {Element::f32, Element::f16})
      for (const std::int64_t more : {0, 8, 3})
        for (const ConvolutionMath math : {ConvolutionMath::fp32, ConvolutionMath::fp16}) {
          if (math == ConvolutionMath::fp16 && x == Element::f16) continue;  // of the tensor cores
          check_convolution({.shape = shape,
                             .math = math,
                             .x_element = x,
                             .out_element = out,
                             .x_more = more,
                             .out_more = more,
                             .x_offset = more,
                             .out_offset = more});
        }
}

TEST_CASE("implicit gemm: the sum is split where tiles are few, and the splits' order is fixed") {
  const auto shape = convolution_shape({1, 256, 4, 5}, 67, 3, 1, 1);
  CHECK(gemm_tiling(shape, ConvolutionMath::fp32, 132).splits == 16);
  CHECK(gemm_tiling(shape, ConvolutionMath::fp32, 4).splits == 4);
  CHECK(gemm_tiling(shape, ConvolutionMath::fp32, 1).splits == 1);
  CHECK(convolution_scratch_bytes(shape, ConvolutionMath::fp32, 132) == 4u * 16 * 4 * 5 * 68);
  CHECK(convolution_scratch_bytes(shape, ConvolutionMath::fp32, 1) == 0);
  for (const int multiprocessors : {132, 4, 1})
    check_convolution({.shape = shape,
                       .out_element = Element::f16,
                       .steps = {step(ElementwiseKind::relu)},
                       .multiprocessors = multiprocessors});
}

TEST_CASE("implicit gemm: tiles follow the shape") {
  struct Expected {
    ConvolutionShape shape;
    int pixels, channels;
  };
  for (const Expected& e : {
           Expected{convolution_shape({1, 20, 4, 5}, 17, 3, 1, 1), 64, 64},
           Expected{convolution_shape({1, 20, 4, 5}, 16, 3, 1, 1), 128, 16},
           Expected{convolution_shape({1, 20, 4, 4}, 70, 3, 1, 1), 16, 64},
           Expected{convolution_shape({3, 20, 1, 1}, 70, 1), 16, 64},
       }) {
    const GemmTiling tiling = gemm_tiling(e.shape, ConvolutionMath::fp32, kUsualMultiprocessors);
    CHECK(tiling.math == ConvolutionMath::fp32);
    CHECK(tiling.pixels == e.pixels);
    CHECK(tiling.channels == e.channels);
    check_convolution({.shape = e.shape});
  }
}

TEST_CASE("few channels: kernels, strides, dilations and paddings, tails in every dimension") {
  for (const std::int64_t channels : {1, 2, 3, 4})
    for (const ConvolutionShape& shape : {
             convolution_shape({2, channels, 9, 35}, 64, 3, 1, 1),
             convolution_shape({1, channels, 18, 17}, 5, 3, 2, 1),
             convolution_shape({1, channels, 21, 19}, 66, 7, 2, 3),
             convolution_shape({1, channels, 20, 23}, 17, 3, 1, 2, 2),
             convolution_shape({2, channels, 11, 5}, 32, 1),
         })
      for (const Element out : {Element::f32, Element::f16}) {
        CHECK(convolution_kernel(shape) == ConvolutionKernel::few_channels);
        CHECK(convolution_weight_order(shape) == WeightOrder::rsck);
        check_convolution({.shape = shape,
                           .math = ConvolutionMath::fp16,
                           .x_element = out,
                           .out_element = out,
                           .x_more = channels % 3,
                           .out_more = channels,
                           .steps = {step(ElementwiseKind::relu)}});
      }
}

TEST_CASE("few channels: the input affine does not reach the padding") {
  const auto shape = convolution_shape({1, 1, 9, 10}, 16, 3, 1, 1);
  check_convolution({.shape = shape, .in_scale = 0.01f, .in_shift = -0.5f});
}

TEST_CASE("few channels: a window too large for shared memory goes the common way") {
  const auto shape = convolution_shape({1, 4, 12, 13}, 8, 11);
  CHECK(convolution_kernel(shape) == ConvolutionKernel::few_channels);
  const auto larger = convolution_shape({1, 4, 12, 13}, 64, 11);
  CHECK(convolution_kernel(larger) == ConvolutionKernel::implicit_gemm);
  check_convolution({.shape = larger});
}

TEST_CASE("transposed: phases of every kernel, stride, padding, output padding and dilation") {
  const Dims in{2, 20, 5, 4};
  for (const ConvolutionShape& shape : {
           transposed_shape(in, 24, 4, 2, 1, 0),
           transposed_shape(in, 24, 3, 2, 1, 1),
           transposed_shape(in, 9, 3, 2, 1, 0),
           transposed_shape(in, 8, 2, 2, 0, 0),
           transposed_shape(in, 8, 3, 1, 1, 0),
           transposed_shape(in, 8, 5, 3, 2, 1),
           transposed_shape(in, 8, 2, 3, 0, 2),  // some outputs get the bias only
           transposed_shape(in, 8, 3, 2, 2, 1, 2),
           transposed_shape(in, 8, 4, 3, 1, 0, 2),
           transposed_shape({1, 3, 3, 3}, 2, 4, 2, 1, 0),
           transposed_shape({1, 1, 1, 1}, 1, 1, 2, 0, 0),
       }) {
    CAPTURE(shape.kernel_h);
    CAPTURE(shape.stride);
    CAPTURE(shape.dilation);
    CHECK(convolution_kernel(shape) == ConvolutionKernel::transposed_phases);
    check_convolution({.shape = shape, .out_more = 4});
    check_convolution({.shape = shape, .multiprocessors = 1});
  }
}

TEST_CASE("transposed: split sums, phases of unequal sums") {
  for (const ConvolutionShape& shape :
       {transposed_shape({2, 136, 3, 4}, 20, 4, 2, 1, 0), transposed_shape({1, 136, 3, 4}, 7, 3, 2, 1, 1),
        transposed_shape({1, 264, 3, 4}, 7, 1, 2, 0, 1)}) {
    CHECK(gemm_tiling(shape, ConvolutionMath::fp32, 132).splits > 1);
    check_convolution({.shape = shape, .multiprocessors = 132});
  }
}

TEST_CASE("convolutions: every epilogue, residuals of any element and pitch") {
  const std::vector<ElementwiseStep> each = {
      step(ElementwiseKind::relu),
      step(ElementwiseKind::leaky_relu, 0.2f),
      step(ElementwiseKind::tanh),
      step(ElementwiseKind::sigmoid),
      step(ElementwiseKind::scalar_affine, -1.5f, 0.25f),
      step(ElementwiseKind::channel_affine),
      step(ElementwiseKind::add),
      step(ElementwiseKind::add_channels),
  };
  std::vector<std::vector<ElementwiseStep>> chains;
  for (const ElementwiseStep& step : each) chains.push_back({step});
  chains.push_back(each);
  chains.push_back({each[5], each[6], each[0]});
  chains.push_back({each[7], each[0]});
  for (const std::int64_t channels : {24, 7})
    for (const ConvolutionShape& shape :
         {convolution_shape({1, 16, 5, 6}, channels, 3, 1, 1), convolution_shape({3, 16, 3, 5}, channels, 1),
          convolution_shape({1, 3, 5, 6}, channels, 3, 1, 1),
          transposed_shape({1, 16, 3, 3}, channels, 4, 2, 1, 0)})
      for (const auto& steps : chains)
        for (const Element other : {Element::f32, Element::f16})
          check_convolution(
              {.shape = shape, .steps = steps, .other_more = channels % 5, .other_element = other});
}

TEST_CASE("convolutions: padding of each side, windows of each shape") {
  // TensorFlow's SAME of stride 2 pads an even size behind only; 1x7 and 7x1 pad one axis.
  ConvolutionShape even = convolution_shape({2, 16, 8, 6}, 24, 3, 2, 0);
  even.out = {2, 24, 4, 3};
  ConvolutionShape mixed = even;  // odd rows, even columns
  mixed.in.h = 7;
  mixed.pad_top = 1;
  ConvolutionShape few = mixed;
  few.in.c = 1;
  const auto line = [](int kernel_h, int kernel_w) {
    ConvolutionShape s = convolution_shape({1, 24, 6, 9}, 16, 1);
    s.kernel_h = kernel_h;
    s.kernel_w = kernel_w;
    s.pad_top = kernel_h / 2;
    s.pad_left = kernel_w / 2;
    return s;
  };
  for (const ConvolutionShape& shape : {even, mixed, few, line(1, 7), line(7, 1), line(1, 3), line(3, 1)})
    for (const ConvolutionMath math : {ConvolutionMath::fp32, ConvolutionMath::tf32}) {
      const bool rounds = math == ConvolutionMath::tf32 && shape.in.c > 4;
      check_convolution({.shape = shape,
                         .math = math,
                         .operands = rounds ? Operands::tf32 : Operands::exact,
                         .steps = {step(ElementwiseKind::relu)}});
    }
}
