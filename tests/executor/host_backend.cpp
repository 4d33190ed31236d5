// "cuda:0" of the tests: the CUDA backend on a HostDevice.
#include <memory>
#include <string>

#include "runtime/cuda/backend.h"
#include "tests/executor/host_device.h"
#include "weights/status.h"

namespace cuhue {

std::vector<CudaDeviceInfo> cuda_devices(std::string& why) {
  why.clear();
  const test::HostDevice device;
  CudaDeviceInfo info;
  info.description = device.facts().name;
  info.memory_bytes = device.facts().total_bytes;
  info.multiprocessors = device.facts().multiprocessors;
  return {info};
}

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options) {
  if (options.device != 0) {
    throw Error(Status::device,
                "device 'cuda:" + std::to_string(options.device) + "': there is one device, cuda:0");
  }
  cuda::BackendParts parts;
  parts.device = std::make_shared<test::HostDevice>();
  parts.precision = options.precision;
  return cuda::make_backend(std::move(parts));
}

}  // namespace cuhue
