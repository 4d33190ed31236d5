#include "tests/cuda/lowering_support.h"

#include <doctest/doctest.h>

#include "runtime/graph/kernel_params.h"

namespace cuhue::test {
namespace {

DeviceTensor tensor(const void* data, const Dims& dims, Element element, std::int64_t pitch) {
  REQUIRE(reinterpret_cast<std::uintptr_t>(data) % 16 == 0);
  return {const_cast<void*>(data), dims, element, pitch};
}

void add(DeviceEpilogue& epilogue, const DeviceEpilogueStep& step) {
  epilogue.steps[epilogue.count++] = step;
}

}  // namespace

void TestLibrary::Plan::run(const cuda::ConvolutionOperands& operands, Stream stream) {
  REQUIRE(prepared_);
  REQUIRE(reinterpret_cast<std::uintptr_t>(operands.workspace) % 256 == 0);
  const cuda::ConvolutionProblem& p = problem_;
  REQUIRE((p.epilogue.bias == (operands.bias != nullptr)));
  ConvolutionDeviceParams params;
  params.shape = p.shape;
  params.math = p.math;
  params.x = tensor(operands.x, p.shape.in, p.in, p.in_pitch);
  params.out = tensor(operands.out, p.shape.out, p.out, p.out_pitch);
  params.weight = operands.weight;
  params.bias = operands.bias;
  params.scratch = operands.workspace;
  if (p.epilogue.residual) {
    DeviceEpilogueStep step;
    step.kind = ElementwiseKind::add;
    step.other = tensor(operands.residual, p.shape.out, p.residual, p.residual_pitch);
    add(params.epilogue, step);
  }
  if (p.epilogue.activated) {
    add(params.epilogue, {elementwise_kind(p.epilogue.activation.kind),
                          p.epilogue.activation.alpha,
                          0.0f,
                          nullptr,
                          nullptr,
                          {}});
  }
  if (p.epilogue.affine) {
    add(params.epilogue, {ElementwiseKind::channel_affine, 0.0f, 0.0f, operands.scale, operands.shift, {}});
  }
  convolution_cuda(params, stream);
}

void TestDenseLibrary::Plan::run(const cuda::DenseOperands& operands, Stream stream) {
  ConvolutionDeviceParams params;
  params.shape.in = {problem_.n, problem_.c, 1, 1};
  params.shape.out = {problem_.n, problem_.k, 1, 1};
  params.math = problem_.math;
  params.x = tensor(operands.x, params.shape.in, problem_.in, problem_.in_pitch);
  params.out = tensor(operands.out, params.shape.out, problem_.out, problem_.out_pitch);
  params.weight = operands.weight;
  params.bias = operands.bias;
  std::vector<std::byte> scratch(convolution_scratch_bytes(params.shape, params.math));
  params.scratch = scratch.data();
  if (problem_.relu) add(params.epilogue, {});
  convolution_cuda(params, stream);
}

}  // namespace cuhue::test
