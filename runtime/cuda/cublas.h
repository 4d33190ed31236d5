// Dense layers by cuBLASLt, opened at run time.
#pragma once

#include <memory>
#include <string>

#include "runtime/cuda/dense_library.h"
#include "runtime/cuda/device.h"

namespace cuhue::cuda {

// Error(Status::device) when cuBLASLt is missing or does not work with the device; it names the remedy.
std::shared_ptr<DenseLibrary> make_cublas_library(std::shared_ptr<Device> device);

// "13.1.0"; Error(Status::device) as above.
std::string cublas_version();

}  // namespace cuhue::cuda
