#include "bench/gpu/machine.h"

#include "runtime/cuda/cublas.h"
#include "runtime/cuda/gpu.h"

namespace cuhue::bench {

std::shared_ptr<cuda::Device> open_device(std::string& why) {
  for (const cuda::FoundGpu& gpu : cuda::find_gpus(why)) {
    if (gpu.unusable.empty()) return std::make_shared<cuda::Gpu>(gpu.facts);
    why = gpu.facts.name + ": " + gpu.unusable;
  }
  return nullptr;
}

std::shared_ptr<cuda::DenseLibrary> open_matrix_library(const std::shared_ptr<cuda::Device>& device) {
  return cuda::make_cublas_library(device);
}

}  // namespace cuhue::bench
