// The CUDA backend of a build without CUDA.
#include "runtime/graph/backend.h"
#include "weights/status.h"

namespace cuhue {

std::vector<CudaDeviceInfo> cuda_devices(std::string& why) {
  why = "this build has no CUDA backend; build with CUHUE_CUDA=ON";
  return {};
}

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options) {
  std::string why;
  cuda_devices(why);
  throw Error(Status::device, "device 'cuda:" + std::to_string(options.device) + "': " + why + kUseCpu);
}

}  // namespace cuhue
