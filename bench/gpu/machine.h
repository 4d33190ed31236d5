// What cuhue_bench_gpu measures: a GPU, or in tests of the program itself a device that computes nothing.
#pragma once

#include <memory>
#include <string>

#include "runtime/cuda/dense_library.h"
#include "runtime/cuda/device.h"

namespace cuhue::bench {

// nullptr where there is none; `why` then says what to do.
std::shared_ptr<cuda::Device> open_device(std::string& why);

// Error(Status::device) where the device has none.
std::shared_ptr<cuda::DenseLibrary> open_matrix_library(const std::shared_ptr<cuda::Device>& device);

}  // namespace cuhue::bench
