// The CUDA backend on the GPUs of this machine.
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/cuda/gpu.h"
#include "runtime/graph/backend.h"
#include "weights/status.h"

namespace cuhue {

std::vector<CudaDeviceInfo> cuda_devices(std::string& why) {
  std::vector<CudaDeviceInfo> devices;
  for (cuda::FoundGpu& gpu : cuda::find_gpus(why)) {
    const cuda::DeviceFacts& f = gpu.facts;
    CudaDeviceInfo d;
    d.description = f.name + ", compute capability " + std::to_string(f.major) + "." +
                    std::to_string(f.minor) + ", driver " + f.driver;
    d.memory_bytes = f.total_bytes;
    d.multiprocessors = f.multiprocessors;
    d.unusable = std::move(gpu.unusable + kUseCpu);
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

}  // namespace

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options) {
  auto gpu = std::make_shared<cuda::Gpu>(chosen(options.device));
  throw Error(Status::device, "not yet");
}

}  // namespace cuhue
