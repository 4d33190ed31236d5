#include "runtime/cuda/cudnn_api.h"

#include <algorithm>
#include <array>

#include "runtime/cuda/cudnn.h"
#include "runtime/cuda/shared_library.h"
#include "weights/status.h"

namespace cuhue::cuda {
namespace {

constexpr const char* kLibrary = "libcudnn.so.9";
constexpr const char* kRemedy =
    "install cuDNN 9 for this CUDA version, put its folder into LD_LIBRARY_PATH, or use device 'cpu'";

CudnnFunctions open_cudnn() {
  const SharedLibrary library(kLibrary, kRemedy);
  CudnnFunctions f{};
  library.resolve("cudnnGetVersion", f.version);
  if (const std::size_t version = f.version(); version < 90000)
    library.refuse(" is version " + std::to_string(version) + ", 9.0 or newer is needed");
  library.resolve("cudnnGetErrorString", f.error_string);
  library.resolve("cudnnGetLastErrorString", f.last_error_string);
  library.resolve("cudnnCreate", f.create);
  library.resolve("cudnnDestroy", f.destroy);
  library.resolve("cudnnSetStream", f.set_stream);
  library.resolve("cudnnBackendCreateDescriptor", f.create_descriptor);
  library.resolve("cudnnBackendDestroyDescriptor", f.destroy_descriptor);
  library.resolve("cudnnBackendFinalize", f.finalize);
  library.resolve("cudnnBackendSetAttribute", f.set_attribute);
  library.resolve("cudnnBackendGetAttribute", f.get_attribute);
  library.resolve("cudnnBackendExecute", f.execute);
  return f;
}

// One line: cuDNN's own explanation may have several.
std::string explanation(cudnnStatus_t status) {
  std::array<char, 512> text{};
  cudnn().last_error_string(text.data(), text.size());
  std::string line = text.data();
  std::replace(line.begin(), line.end(), '\n', ' ');
  return std::string(cudnn().error_string(status)) + (line.empty() ? "" : ": " + line);
}

}  // namespace

const CudnnFunctions& cudnn() {
  static const CudnnFunctions functions = open_cudnn();  // thrown: tried again by the next call
  return functions;
}

std::string cudnn_version() {
  const std::size_t v = cudnn().version();
  return std::to_string(v / 10000) + "." + std::to_string(v / 100 % 100) + "." + std::to_string(v % 100);
}

CudnnFailure::CudnnFailure(cudnnStatus_t status, const std::string& what)
    : std::runtime_error("cuDNN: " + what + ": " + explanation(status)), status(status) {}

void check(cudnnStatus_t status, const char* what) {
  if (status != CUDNN_STATUS_SUCCESS) throw CudnnFailure(status, what);
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  check(cudnn().create_descriptor(type, &handle_), "a descriptor");
}

Descriptor::~Descriptor() {
  if (handle_ != nullptr) cudnn().destroy_descriptor(handle_);
}

void Descriptor::finalize() {
  check(try_finalize(), "finalize");
}

cudnnStatus_t Descriptor::try_finalize() {
  return cudnn().finalize(handle_);
}

void Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                     const void* values) {
  if (const cudnnStatus_t status = cudnn().set_attribute(handle_, name, type, count, values);
      status != CUDNN_STATUS_SUCCESS)
    throw CudnnFailure(status, "attribute " + std::to_string(name));
}

void Descriptor::set(cudnnBackendAttributeName_t name, std::span<const Descriptor* const> values) {
  std::vector<cudnnBackendDescriptor_t> handles;
  for (const Descriptor* d : values) handles.push_back(d->handle_);
  set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(handles.size()), handles.data());
}

std::int64_t Descriptor::get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                             std::int64_t most, void* values) const {
  std::int64_t count = 0;
  if (const cudnnStatus_t status = cudnn().get_attribute(handle_, name, type, most, &count, values);
      status != CUDNN_STATUS_SUCCESS)
    throw CudnnFailure(status, "value of attribute " + std::to_string(name));
  return count;
}

std::int64_t Descriptor::get_int(cudnnBackendAttributeName_t name) const {
  std::int64_t value = 0;
  get(name, CUDNN_TYPE_INT64, 1, &value);
  return value;
}

std::vector<Descriptor> Descriptor::get_descriptors(cudnnBackendAttributeName_t name,
                                                    cudnnBackendDescriptorType_t type,
                                                    std::int64_t most) const {
  if (most == 0) most = get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
  std::vector<Descriptor> all;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (std::int64_t i = 0; i < most; ++i) {
    all.emplace_back(type);
    handles.push_back(all.back().get());
  }
  if (most > 0) {
    const std::int64_t filled = get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, handles.data());
    all.resize(static_cast<std::size_t>(std::min(most, filled)));
  }
  return all;
}

}  // namespace cuhue::cuda
