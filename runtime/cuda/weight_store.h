// Packed weights as the lowering asks for them. The real store keeps them in device memory; a test that only
// looks at the lowered program has one without memory.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/core/device_tensor.h"
#include "kernels/pack/pack.h"
#include "runtime/graph/layer_params.h"

namespace cuhue::cuda {

// y = scale[c] x + shift[c]; float, device memory, padded with zeros to a multiple of 16 channels.
struct ChannelAffine {
  const float* scale = nullptr;
  const float* shift = nullptr;
};

// What a store may keep of a layer beside its weight, whose name is weight_key().
inline std::string bias_key(const LayerParams& layer) {
  return weight_key(layer) + "@bias";
}
inline std::string affine_key(const LayerParams& norm) {
  return norm_key(norm) + "@affine";
}

// Every tensor is packed once, on first demand, and stays where it is for the store's life. Thread-safe.
class WeightStore {
 public:
  virtual ~WeightStore() = default;
  // Batch norm folded in. One weight in one order and element only: a second layout of it is a defect
  // (Error(Status::internal)), never a second copy.
  virtual const void* packed(const LayerParams& layer, WeightOrder order, Element element) = 0;
  // [out], padded with zeros to a multiple of 16, batch norm folded in; nullptr when there is neither.
  virtual const float* bias(const LayerParams& layer) = 0;
  virtual ChannelAffine affine(const LayerParams& norm) = 0;  // gamma .. eps of `norm`
  virtual const float* plain(const LayerParams& layer) = 0;   // PyTorch's order, float
};

}  // namespace cuhue::cuda
