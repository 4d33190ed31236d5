// The CUDA backend over any Device: the real one, or the tests' on the host executor.
#pragma once

#include <memory>

#include "runtime/cuda/convolution_library.h"
#include "runtime/cuda/device.h"
#include "runtime/graph/backend.h"

namespace cuhue::cuda {

struct BackendParts {
  std::shared_ptr<Device> device;
  std::shared_ptr<ConvolutionLibrary> library;  // nullptr = our own kernels serve everything
  Precision precision = Precision::fp32;
};

// Thread-safe. Its programs may run from several threads at once, each with a stream of its own.
std::unique_ptr<Backend> make_backend(BackendParts parts);

}  // namespace cuhue::cuda
