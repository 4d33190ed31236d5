// A convolution as cuDNN's operation graph. For cudnn*.cpp alone.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cuda/convolution_library.h"
#include "runtime/cuda/cudnn_api.h"

namespace cuhue::cuda {

// Names of the tensors in memory, for variant packs.
enum TensorUid : std::int64_t {
  kUidX = 1,
  kUidWeight,
  kUidBias,
  kUidResidual,
  kUidScale,
  kUidShift,
  kUidOut,
  kUidFirstVirtual = 100  // between operations, never in memory
};

// [k] vectors in the element that cuDNN's fused kernels want: the activations', where those agree.
Element vector_element(const ConvolutionProblem& problem);

struct OperationGraph {
  std::vector<Descriptor> parts;  // what `graph` refers to
  Descriptor graph;
};

// Convolution (or, transposed, its gradient of the data), then the epilogue. `handle` may be nullptr where
// engines are told a device by description. CudnnFailure when cuDNN has no such operation.
OperationGraph operation_graph(const ConvolutionProblem& problem, cudnnHandle_t handle);

}  // namespace cuhue::cuda
