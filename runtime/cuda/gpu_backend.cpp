// The CUDA backend on the GPUs of this machine, with the libraries that are there.
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/cuda/backend.h"
#include "runtime/cuda/convolution_tuner.h"
#include "runtime/cuda/cublas.h"
#include "runtime/cuda/cudnn.h"
#include "runtime/cuda/gpu.h"
#include "runtime/cuda/plan_cache.h"
#include "runtime/graph/backend.h"
#include "weights/status.h"

namespace cuhue {

namespace {

// "cuDNN 9.19.0"
std::string cudnn_text() {
  try {
    return "cuDNN " + cuda::cudnn_version();
  } catch (const Error&) {  // without it our own kernels run every layer; an engine says why
    return "without cuDNN";
  }
}

}  // namespace

std::vector<CudaDeviceInfo> cuda_devices(std::string& why) {
  std::vector<CudaDeviceInfo> devices;
  for (cuda::FoundGpu& gpu : cuda::find_gpus(why)) {
    const cuda::DeviceFacts& f = gpu.facts;
    CudaDeviceInfo d;
    d.description = f.name + ", compute capability " + std::to_string(f.major) + "." +
                    std::to_string(f.minor) + ", driver " + f.driver + ", " + cudnn_text();
    d.memory_bytes = f.total_bytes;
    d.multiprocessors = f.multiprocessors;
    if (!gpu.unusable.empty()) d.unusable = gpu.unusable + kUseCpu;
    devices.push_back(std::move(d));
  }
  return devices;
}

namespace {

// The GPU of this index, or why there is none.
cuda::DeviceFacts chosen(int index) {
  const std::string label = "device 'cuda:" + std::to_string(index) + "'";
  std::string why;
  const std::vector<cuda::FoundGpu> found = cuda::find_gpus(why);
  if (found.empty()) throw Error(Status::device, label + ": " + why + kUseCpu);
  if (index < 0 || static_cast<std::size_t>(index) >= found.size()) {
    throw Error(Status::device, label + ": this machine has " + std::to_string(found.size()) +
                                    " GPU(s), numbered from 0; `cuhue devices` lists them");
  }
  const cuda::FoundGpu& gpu = found[static_cast<std::size_t>(index)];
  if (!gpu.unusable.empty())
    throw Error(Status::device, label + " (" + gpu.facts.name + "): " + gpu.unusable + kUseCpu);
  return gpu.facts;
}

// What `make` gives, or nullptr and a warning where the library is missing or does not work.
template <class Make>
auto unless_missing(const CudaOptions& options, const char* without, const Make& make) -> decltype(make()) {
  try {
    return make();
  } catch (const Error& e) {
    if (e.status() != Status::device) throw;
    if (options.warn) options.warn(std::string(without) + ": " + e.what());
    return nullptr;
  }
}

}  // namespace

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options) {
  cuda::BackendParts parts;
  parts.device = std::make_shared<cuda::Gpu>(chosen(options.device));
  parts.precision = options.precision;
  const std::filesystem::path file = options.plan_cache;
  const auto cache = std::make_shared<cuda::PlanCache>(file.empty() ? cuda::PlanCache::default_path() : file);
  parts.library = unless_missing(options, "convolutions run without cuDNN", [&] {
    cuda::CudnnOptions cudnn;
    cudnn.device = parts.device;
    cudnn.cache = cache;
    return cuda::make_cudnn_library(cudnn);
  });
  parts.dense = unless_missing(options, "matrix products run without cuBLAS",
                               [&] { return cuda::make_cublas_library(parts.device); });
  if (parts.library) {
    const auto tuner = std::make_shared<cuda::ConvolutionTuner>(
        cuda::ConvolutionTunerParts{parts.device, parts.library, cache, options.tune, options.warn});
    parts.choose = [tuner](const cuda::ConvolutionProblem& problem) { return tuner->choose(problem); };
  }
  return cuda::make_backend(std::move(parts));
}

}  // namespace cuhue
