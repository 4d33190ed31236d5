// Packed weights of one network on the CPU, shared by its programs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/cpu/arena.h"
#include "runtime/cpu/onednn.h"
#include "runtime/graph/backend.h"
#include "runtime/graph/layer_params.h"

namespace cuhue::cpu {

// y = scale[c] x + shift[c], each [c] padded with zeros to a multiple of 16.
struct ChannelAffine {
  const float* scale = nullptr;
  const float* shift = nullptr;
};

// Every tensor is packed once, on first demand, and kept as long as this object; after packing its source is
// released. Thread-safe. Addresses stay valid for the object's life.
class CpuWeights final : public DeviceWeights {
 public:
  explicit CpuWeights(std::shared_ptr<const ParamSource> source);
  std::int64_t bytes() const override;

  // Weight in PyTorch's order, batch norm folded in.
  const float* plain(const LayerParams& layer);
  // Weight in a layout of oneDNN's, batch norm folded in.
  const float* packed(const LayerParams& layer, const onednn::WeightLayout& layout);
  // A layout this weight already stands in, if any: a program does well to take it instead of another.
  std::optional<onednn::WeightLayout> layout_of(const LayerParams& layer);
  // Of an enlarged layer: [4 out, in, 2, 2], its phases one after another (phase_kernels()); of a transposed
  // one of 2x2: [4 out, in, 1, 1], its taps; their bias, [4 out].
  const float* packed_phases(const LayerParams& layer, const onednn::WeightLayout& layout);
  const float* bias_of_phases(const LayerParams& layer);
  // [out] padded with zeros to a multiple of 16, batch norm folded in; nullptr when there is neither.
  const float* bias(const LayerParams& layer);
  // gamma .. eps of `norm`; of one without mean and var: gamma and beta.
  ChannelAffine affine(const LayerParams& norm);
  // A weight in a kernel's own layout of `floats` floats.
  const float* custom(const LayerParams& layer, const std::string& layout, std::int64_t floats,
                      const std::function<void(const float* weight, float* packed)>& pack);

 private:
  void with_weight(const LayerParams& layer, const std::function<void(const float*)>& use) const;
  const float* cached(const std::string& key, std::int64_t floats, const std::function<void(float*)>& fill);

  std::shared_ptr<const ParamSource> source_;
  mutable std::mutex mutex_;
  std::map<std::string, Arena> tensors_;
  std::map<std::string, onednn::WeightLayout> layouts_;  // the first packed of each weight
  std::int64_t bytes_ = 0;
};

}  // namespace cuhue::cpu
