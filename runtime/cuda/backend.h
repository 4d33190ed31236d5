// The CUDA backend over any Device: the real one, or the tests' on the host executor.
#pragma once

#include <memory>

#include "runtime/cuda/choices.h"
#include "runtime/cuda/convolution_library.h"
#include "runtime/cuda/dense_library.h"
#include "runtime/cuda/device.h"
#include "runtime/graph/backend.h"

namespace cuhue::cuda {

struct BackendParts {
  std::shared_ptr<Device> device;
  std::shared_ptr<ConvolutionLibrary> library = nullptr;  // nullptr = our own kernels serve every layer
  std::shared_ptr<DenseLibrary> dense = nullptr;          // likewise matrix products
  ChooseConvolution choose = {};                          // measured choices; empty = by rule
  Precision precision = Precision::fp32;
};

// Thread-safe. Its programs may run from several threads at once, each with a stream of its own.
std::unique_ptr<Backend> make_backend(BackendParts parts);

}  // namespace cuhue::cuda
