#include "runtime/cpu/weights.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/core/parallel.h"
#include "weights/status.h"

namespace cuhue::cpu {
namespace {

std::int64_t count_of(const Param& p) {
  std::int64_t count = 1;
  for (const std::int64_t d : p.shape) count *= d;
  return count;
}

std::int64_t padded(std::int64_t channels) {
  return (channels + 15) / 16 * 16;
}

std::int64_t channels_of(const LayerParams& layer) {
  if (layer.weight == nullptr) return count_of(*layer.gamma);
  return layer.weight->shape[layer.transposed ? 1 : 0];
}

// Names what a packed weight holds: the same checkpoint tensor, folded or not, are two weights.
std::string key_of(const LayerParams& layer) {
  std::string key = layer.weight->name;
  if (layer.gamma != nullptr) key += "*" + layer.gamma->name + "/" + std::to_string(layer.eps);
  return key;
}

}  // namespace

CpuWeights::CpuWeights(std::shared_ptr<const ParamSource> source) : source_(std::move(source)) {}

std::int64_t CpuWeights::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::span<const float> CpuWeights::fetch(const Param& param, std::vector<float>& scratch) const {
  const std::span<const float> values = source_->fetch(param, scratch);
  if (static_cast<std::int64_t>(values.size()) != count_of(param)) {
    throw Error(Status::weights, "tensor " + param.name + " has " + std::to_string(values.size()) +
                                     " elements where " + std::to_string(count_of(param)) +
                                     " are expected: convert the checkpoint again");
  }
  return values;
}

const float* CpuWeights::cached(const std::string& key, std::int64_t floats,
                                const std::function<void(float*)>& fill) {
  const std::lock_guard lock(mutex_);
  if (const auto found = tensors_.find(key); found != tensors_.end()) return found->second.floats();
  Arena memory(static_cast<std::size_t>(floats) * sizeof(float), "weight " + key);
  fill(memory.floats());
  bytes_ += static_cast<std::int64_t>(memory.bytes());
  return tensors_.emplace(key, std::move(memory)).first->second.floats();
}

// Batch norm as y = scale x + shift, in double: it is rounded once, with what it is folded into.
CpuWeights::Norm CpuWeights::norm(const LayerParams& layer) const {
  std::vector<float> scratch[4];
  const auto gamma = fetch(*layer.gamma, scratch[0]), beta = fetch(*layer.beta, scratch[1]);
  const auto mean = fetch(*layer.mean, scratch[2]), var = fetch(*layer.var, scratch[3]);
  Norm n;
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    const double scale = gamma[c] / std::sqrt(static_cast<double>(var[c]) + layer.eps);
    n.scale.push_back(scale);
    n.shift.push_back(beta[c] - mean[c] * scale);
  }
  return n;
}

void CpuWeights::with_weight(const LayerParams& layer, const std::function<void(const float*)>& use) const {
  std::vector<float> scratch;
  const std::span<const float> weight = fetch(*layer.weight, scratch);
  if (layer.gamma == nullptr) {
    use(weight.data());
  } else {
    const Norm n = norm(layer);
    const auto& shape = layer.weight->shape;
    const auto out = static_cast<std::int64_t>(n.scale.size());
    const std::int64_t inner = count_of(*layer.weight) / (shape[0] * shape[1]);  // of one [kh, kw]
    const std::int64_t run = layer.transposed ? inner : inner * shape[1];  // floats in a row of one channel
    std::vector<float> folded(weight.size());
    const auto runs = static_cast<std::int64_t>(weight.size()) / run;
    parallel_for(runs, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const double scale = n.scale[static_cast<std::size_t>(r % out)];
        const auto first = static_cast<std::size_t>(r * run);
        for (std::size_t i = first; i < first + static_cast<std::size_t>(run); ++i) {
          folded[i] = static_cast<float>(weight[i] * scale);
        }
      }
    });
    use(folded.data());
  }
  source_->release(*layer.weight);
}

const float* CpuWeights::plain(const LayerParams& layer) {
  const std::int64_t floats = count_of(*layer.weight);
  return custom(layer, "plain", floats, [floats](const float* weight, float* to) {
    std::copy_n(weight, static_cast<std::size_t>(floats), to);
  });
}

const float* CpuWeights::custom(const LayerParams& layer, const std::string& layout, std::int64_t floats,
                                const std::function<void(const float*, float*)>& pack) {
  return cached(key_of(layer) + "@" + layout, floats,
                [&](float* to) { with_weight(layer, [&](const float* weight) { pack(weight, to); }); });
}

const float* CpuWeights::packed(const LayerParams& layer, const onednn::WeightLayout& layout) {
  const auto floats = static_cast<std::int64_t>(layout.bytes() / sizeof(float));
  const float* at = custom(layer, layout.id(), floats, [&](const float* weight, float* to) {
    onednn::pack_weights(layer.name, weight, layout, to);
  });
  const std::lock_guard lock(mutex_);
  layouts_.try_emplace(key_of(layer), layout);
  return at;
}

std::optional<onednn::WeightLayout> CpuWeights::layout_of(const LayerParams& layer) {
  const std::lock_guard lock(mutex_);
  const auto found = layouts_.find(key_of(layer));
  if (found == layouts_.end()) return std::nullopt;
  return found->second;
}

const float* CpuWeights::bias(const LayerParams& layer) {
  if (layer.bias == nullptr && layer.gamma == nullptr) return nullptr;
  const std::int64_t channels = channels_of(layer);
  return cached(key_of(layer) + "@bias", padded(channels), [&](float* to) {
    std::vector<float> scratch;
    std::vector<double> sum(static_cast<std::size_t>(channels), 0.0);
    if (layer.bias != nullptr) std::ranges::copy(fetch(*layer.bias, scratch), sum.begin());
    if (layer.gamma != nullptr) {
      const Norm n = norm(layer);
      for (std::size_t c = 0; c < sum.size(); ++c) sum[c] = sum[c] * n.scale[c] + n.shift[c];
    }
    for (std::size_t c = 0; c < sum.size(); ++c) to[c] = static_cast<float>(sum[c]);
    if (layer.bias != nullptr) source_->release(*layer.bias);
  });
}

ChannelAffine CpuWeights::affine(const LayerParams& layer) {
  const std::int64_t channels = padded(count_of(*layer.gamma));
  const std::string key = layer.gamma->name + "/" + std::to_string(layer.eps) + "@affine";
  const float* both = cached(key, 2 * channels, [&](float* to) {
    const Norm n = norm(layer);
    for (std::size_t c = 0; c < n.scale.size(); ++c) {
      to[c] = static_cast<float>(n.scale[c]);
      to[static_cast<std::size_t>(channels) + c] = static_cast<float>(n.shift[c]);
    }
    for (const Param* p : {layer.gamma, layer.beta, layer.mean, layer.var}) source_->release(*p);
  });
  return {both, both + channels};
}

}  // namespace cuhue::cpu
