// "cuda:0" of the tests: the CUDA backend on a HostDevice.
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/cuda/backend.h"
#include "tests/executor/host_device.h"
#include "weights/status.h"

namespace cuhue {

namespace {

// CUHUE_EXECUTOR=dry: for scripts at full size.
test::HostDeviceOptions device_options() {
  const char* how = std::getenv("CUHUE_EXECUTOR");
  const bool dry = how != nullptr && std::string_view(how) == "dry";
  return dry ? test::dry_gpu() : test::HostDeviceOptions{};
}

}  // namespace

std::vector<CudaDeviceInfo> cuda_devices(std::string& why) {
  why.clear();
  const test::HostDevice device(device_options());
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
  parts.device = std::make_shared<test::HostDevice>(device_options());
  parts.precision = options.precision;
  return cuda::make_backend(std::move(parts));
}

}  // namespace cuhue
