// Benchmarks of single kernels on a GPU: what a case is, and how it is timed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/core/device_tensor.h"
#include "runtime/cuda/device.h"

namespace cuhue::bench {

// Device memory of one set of a case's tensors, filled with random values.
class Set {
 public:
  explicit Set(std::shared_ptr<cuda::Device> device) : device_(std::move(device)), stream_(device_) {}
  DeviceTensor tensor(Dims dims, Element element, float range = 1.0f);
  float* floats(std::int64_t count, float range = 1.0f);
  std::uint8_t* random_bytes(std::int64_t count);
  std::byte* bytes(std::int64_t count);  // zeros
  std::byte* upload(const void* from, std::int64_t count);
  std::int64_t allocated() const { return allocated_; }
  const cuda::DeviceFacts& facts() const { return device_->facts(); }

 private:
  std::shared_ptr<cuda::Device> device_;
  cuda::OwnedStream stream_;  // of uploads
  std::vector<cuda::Memory> memory_;
  std::int64_t allocated_ = 0;
};

using Work = std::function<void(Stream)>;

struct Case {
  std::string name;
  double bytes = 0;  // read and written, each once: what the kernel cannot do without
  double flops = 0;  // 2 a multiply-add of the direct form
  std::string unit;  // whose ceiling bounds flops: "fp32", "tf32", "fp16"
  std::function<Work(Set&)> make;
};

std::vector<Case> photo_cases();
std::vector<Case> op_cases();
std::vector<Case> detector_cases();
std::vector<Case> convolution_cases();

struct Times {
  double median = 0, p10 = 0, p90 = 0;  // seconds of one run of the case
};

// As many sets of tensors as do not fit into twice the L2, run in turns inside one CUDA graph: neither caches
// nor launches from the host flatter the figure. A graph takes a millisecond or so, whatever the case.
Times time_case(const std::shared_ptr<cuda::Device>& device, const Case& c);

}  // namespace cuhue::bench
