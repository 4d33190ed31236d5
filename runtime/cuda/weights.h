// Packed weights of one network in device memory, shared by its programs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/cuda/device.h"
#include "runtime/cuda/uploader.h"
#include "runtime/cuda/weight_store.h"
#include "runtime/graph/backend.h"

namespace cuhue::cuda {

// Every tensor is uploaded, packed by the device and kept as long as this object; its source is released as
// soon as it was read. Addresses are given at once, their contents arrive by wait().
class CudaWeights final : public DeviceWeights, public WeightStore {
 public:
  CudaWeights(std::shared_ptr<Device> device, std::shared_ptr<const ParamSource> source);
  std::int64_t bytes() const override;  // of device memory, with what the blocks have left

  const void* packed(const LayerParams& layer, WeightOrder order, Element element) override;
  const float* bias(const LayerParams& layer) override;
  ChannelAffine affine(const LayerParams& norm) override;
  const float* plain(const LayerParams& layer) override;

  // What is asked for next, bytes by key: it gets one block, of its size. A wrong expectation costs memory or
  // a further block, nothing else.
  void expect(const std::map<std::string, std::int64_t>& tensors);
  // Everything asked for so far is there; what uploading needed is given back.
  void wait();
  const Device& device() const { return *device_; }

 private:
  struct Tensor {
    std::byte* at = nullptr;
    std::string layout;
  };
  struct Block {
    Memory memory;
    std::int64_t used = 0;
  };
  // With the lock held.
  std::byte* place(std::int64_t bytes, const std::string& what);
  std::byte* cached(const std::string& key, const std::string& layout, std::int64_t bytes,
                    const std::function<void(std::byte*)>& fill);
  void pack(const LayerParams& layer, WeightOrder order, Element element, std::byte* to);
  void upload(std::byte* to, const std::vector<float>& values);

  std::shared_ptr<Device> device_;
  std::shared_ptr<const ParamSource> source_;
  mutable std::mutex mutex_;
  std::map<std::string, Tensor> tensors_;
  std::vector<Block> blocks_;
  std::int64_t expected_ = 0;  // bytes that have no place yet
  Uploader uploader_;          // before the blocks go, it waits for what is under way
};

}  // namespace cuhue::cuda
