// The CUDA backend on a HostDevice that the test can ask and trouble.
#pragma once

#include <memory>
#include <utility>

#include "runtime/cuda/backend.h"
#include "tests/executor/host_device.h"

namespace cuhue::test {

struct HostBackend {
  explicit HostBackend(Precision precision = Precision::fp32, const HostDeviceOptions& options = {})
      : device(std::make_shared<HostDevice>(options)) {
    cuda::BackendParts parts;
    parts.device = device;
    parts.precision = precision;
    backend = cuda::make_backend(std::move(parts));
  }
  Backend* operator->() const { return backend.get(); }

  std::shared_ptr<HostDevice> device;
  std::unique_ptr<Backend> backend;
};

}  // namespace cuhue::test
