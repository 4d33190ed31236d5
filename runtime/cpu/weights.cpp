#include "runtime/cpu/weights.h"

#include <algorithm>
#include <utility>

#include "kernels/core/parallel.h"

namespace cuhue::cpu {

CpuWeights::CpuWeights(std::shared_ptr<const ParamSource> source) : source_(std::move(source)) {}

std::int64_t CpuWeights::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
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

void CpuWeights::with_weight(const LayerParams& layer, const std::function<void(const float*)>& use) const {
  std::vector<float> scratch;
  const std::span<const float> weight = fetch_weight(*source_, layer, scratch);
  const std::vector<double> scales = weight_scale(*source_, layer, weight);
  if (scales.empty()) {
    use(weight.data());
    source_->release(*layer.weight);
  } else {
    const std::vector<std::int64_t> shape = weight_shape(layer);
    const auto out = static_cast<std::int64_t>(scales.size());
    const std::int64_t inner = weight_count(layer) / (shape[0] * shape[1]);  // of one [kh, kw]
    const std::int64_t run = layer.transposed ? inner : inner * shape[1];    // floats in a row of one channel
    std::vector<float> folded(weight.size());
    const auto runs = static_cast<std::int64_t>(weight.size()) / run;
    parallel_for(runs, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const double scale = scales[static_cast<std::size_t>(r % out)];
        const auto first = static_cast<std::size_t>(r * run);
        for (std::size_t i = first; i < first + static_cast<std::size_t>(run); ++i) {
          folded[i] = static_cast<float>(weight[i] * scale);
        }
      }
    });
    source_->release(*layer.weight);  // before what it is packed into is there
    use(folded.data());
  }
}

const float* CpuWeights::plain(const LayerParams& layer) {
  const std::int64_t floats = weight_count(layer);
  return custom(layer, "plain", floats, [floats](const float* weight, float* to) {
    std::copy_n(weight, static_cast<std::size_t>(floats), to);
  });
}

const float* CpuWeights::custom(const LayerParams& layer, const std::string& layout, std::int64_t floats,
                                const std::function<void(const float*, float*)>& pack) {
  return cached(weight_key(layer) + "@" + layout, floats,
                [&](float* to) { with_weight(layer, [&](const float* weight) { pack(weight, to); }); });
}

const float* CpuWeights::packed(const LayerParams& layer, const onednn::WeightLayout& layout) {
  const auto floats = static_cast<std::int64_t>(layout.bytes() / sizeof(float));
  const float* at = custom(layer, layout.id(), floats, [&](const float* weight, float* to) {
    onednn::pack_weights(layer.name, weight, layout, to);
  });
  const std::lock_guard lock(mutex_);
  layouts_.try_emplace(weight_key(layer), layout);
  return at;
}

const float* CpuWeights::packed_phases(const LayerParams& layer, const onednn::WeightLayout& layout) {
  const auto floats = static_cast<std::int64_t>(layout.bytes() / sizeof(float));
  return custom(layer, "phases " + layout.id(), floats, [&](const float* weight, float* to) {
    if (layer.transposed) {  // [in, out, 2, 2]: a phase is a tap
      const std::int64_t outs = layer.weight->shape[1], ins = layer.weight->shape[0];
      const Arena phases(static_cast<std::size_t>(weight_count(layer)) * sizeof(float),
                         "phases of " + layer.name);
      float* next = phases.floats();
      for (std::int64_t p = 0; p < kPhases; ++p)
        for (std::int64_t k = 0; k < outs; ++k)
          for (std::int64_t c = 0; c < ins; ++c) *next++ = weight[(c * outs + k) * kPhases + p];
      return onednn::pack_weights(layer.name, phases.floats(), layout, to);
    }
    // An output channel at a time: a whole enlarged kernel beside the phases would be the peak of loading.
    const auto channels = static_cast<std::size_t>(channels_of(layer));
    const std::size_t plain = static_cast<std::size_t>(count_of(*layer.weight)) / channels;  // of a channel
    const std::size_t phase = plain / 9 * 4;
    // Not on the heap, which would keep it for long after.
    const Arena phases(kPhases * channels * phase * sizeof(float), "phases of " + layer.name);
    for (std::size_t k = 0; k < channels; ++k) {
      const std::vector<float> one = phase_kernels(enlarged_kernel({weight + k * plain, plain}));
      for (std::size_t p = 0; p < kPhases; ++p)
        std::copy_n(&one[p * phase], phase, phases.floats() + (p * channels + k) * phase);
    }
    onednn::pack_weights(layer.name, phases.floats(), layout, to);
  });
}

const float* CpuWeights::bias_of_phases(const LayerParams& layer) {
  const float* bias = this->bias(layer);
  if (bias == nullptr) return nullptr;
  const std::int64_t channels = channels_of(layer);
  return cached(weight_key(layer) + "@bias of phases", kPhases * channels, [&](float* to) {
    for (int phase = 0; phase < kPhases; ++phase) to = std::copy_n(bias, channels, to);
  });
}

std::optional<onednn::WeightLayout> CpuWeights::layout_of(const LayerParams& layer) {
  const std::lock_guard lock(mutex_);
  const auto found = layouts_.find(weight_key(layer));
  if (found == layouts_.end()) return std::nullopt;
  return found->second;
}

const float* CpuWeights::bias(const LayerParams& layer) {
  if (layer.bias == nullptr && !layer.has_norm()) return nullptr;
  return cached(weight_key(layer) + "@bias", padded_channels(channels_of(layer)),
                [&](float* to) { fold_bias(*source_, layer, to); });
}

ChannelAffine CpuWeights::affine(const LayerParams& layer) {
  const std::int64_t channels = padded_channels(norm_channels(layer));
  const std::string key = norm_key(layer) + "@affine";
  const float* both = cached(key, 2 * channels, [&](float* to) {
    const FoldedNorm n = fold_norm(*source_, layer);
    for (std::size_t c = 0; c < n.scale.size(); ++c) {
      to[c] = static_cast<float>(n.scale[c]);
      to[static_cast<std::size_t>(channels) + c] = static_cast<float>(n.shift[c]);
    }
    release_norm(*source_, layer);
  });
  return {both, both + channels};
}

}  // namespace cuhue::cpu
