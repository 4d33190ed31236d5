// The device of a rehearsal: of a GPU's size, and computes nothing.
#include "bench/gpu/machine.h"
#include "tests/executor/host_device.h"
#include "weights/status.h"

namespace cuhue::bench {

std::shared_ptr<cuda::Device> open_device(std::string&) {
  return std::make_shared<test::HostDevice>(test::dry_gpu());
}

std::shared_ptr<cuda::DenseLibrary> open_matrix_library(const std::shared_ptr<cuda::Device>&) {
  throw Error(Status::device, "the host executor has no library of matrix products");
}

}  // namespace cuhue::bench
