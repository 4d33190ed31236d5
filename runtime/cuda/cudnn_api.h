// cuDNN's backend C API, opened at run time. For cudnn*.cpp alone: this is where cuDNN's header comes in.
#pragma once

#include <cudnn.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cuhue::cuda {

struct CudnnFunctions {
  decltype(&cudnnGetVersion) version;
  decltype(&cudnnGetErrorString) error_string;
  decltype(&cudnnGetLastErrorString) last_error_string;
  decltype(&cudnnCreate) create;
  decltype(&cudnnDestroy) destroy;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor;
  decltype(&cudnnBackendFinalize) finalize;
  decltype(&cudnnBackendSetAttribute) set_attribute;
  decltype(&cudnnBackendGetAttribute) get_attribute;
  decltype(&cudnnBackendExecute) execute;
};

// Opened by the first call, for good. Error(Status::device) names the library and the remedy when it is
// missing or older than 9.0.
const CudnnFunctions& cudnn();

// What cuDNN says to a call that it refused: text for people, and whether it was "this is not supported".
struct CudnnFailure : std::runtime_error {
  CudnnFailure(cudnnStatus_t status, const std::string& what);
  cudnnStatus_t status;
};
void check(cudnnStatus_t status, const char* what);  // throws CudnnFailure

// A backend descriptor with an owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(cudnnBackendDescriptorType_t type);
  Descriptor(Descriptor&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Descriptor();

  cudnnBackendDescriptor_t get() const { return handle_; }
  void finalize();               // throws CudnnFailure
  cudnnStatus_t try_finalize();  // for what may well be refused

  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
           const void* values);
  void set(cudnnBackendAttributeName_t name, std::int64_t value) { set(name, CUDNN_TYPE_INT64, 1, &value); }
  void set(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values) {
    set(name, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.data());
  }
  void set(cudnnBackendAttributeName_t name, bool value) { set(name, CUDNN_TYPE_BOOLEAN, 1, &value); }
  void set(cudnnBackendAttributeName_t name, cudnnDataType_t value) {
    set(name, CUDNN_TYPE_DATA_TYPE, 1, &value);
  }
  void set(cudnnBackendAttributeName_t name, const Descriptor& value) {
    set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.handle_);
  }
  void set(cudnnBackendAttributeName_t name, std::span<const Descriptor* const> values);
  void set(cudnnBackendAttributeName_t name, cudnnHandle_t handle) {
    set(name, CUDNN_TYPE_HANDLE, 1, &handle);
  }

  std::int64_t get_int(cudnnBackendAttributeName_t name) const;
  // At most `most` values of a plain type.
  template <class T>
  std::vector<T> get_all(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                         std::int64_t most) const {
    std::vector<T> values(static_cast<std::size_t>(most));
    const std::int64_t count = get(name, type, most, values.data());
    values.resize(static_cast<std::size_t>(count < most ? count : most));
    return values;
  }
  // cuDNN fills descriptors that the caller made: at most `most`, all when it is 0 (which cuDNN can count for
  // some attributes only).
  std::vector<Descriptor> get_descriptors(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type,
                                          std::int64_t most = 0) const;

 private:
  std::int64_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t most,
                   void* values) const;  // how many there are

  cudnnBackendDescriptor_t handle_ = nullptr;
};

}  // namespace cuhue::cuda
