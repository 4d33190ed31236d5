#include "runtime/graph/layer_params.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "runtime/graph/spectral_norm.h"
#include "weights/status.h"

namespace cuhue {

std::int64_t count_of(const Param& p) {
  std::int64_t count = 1;
  for (const std::int64_t d : p.shape) count *= d;
  return count;
}

std::vector<std::int64_t> weight_shape(const LayerParams& layer) {
  std::vector<std::int64_t> shape = layer.weight->shape;
  if (layer.part.count > 0) shape[1] = layer.part.count;
  return shape;
}

std::int64_t weight_count(const LayerParams& layer) {
  const std::int64_t all = count_of(*layer.weight);
  return layer.part.count > 0 ? all / layer.weight->shape[1] * layer.part.count : all;
}

std::int64_t norm_channels(const LayerParams& layer) {
  return count_of(*layer.beta);
}

std::int64_t packed_count(const LayerParams& layer) {
  return layer.enlarged ? weight_count(layer) / 9 * 16 : weight_count(layer);
}

std::vector<float> enlarged_kernel(std::span<const float> weight) {
  constexpr std::size_t kIn = 9, kOut = 16;
  // Which taps of three a tap of four sums.
  constexpr int kFirst[4] = {2, 1, 0, 0}, kLast[4] = {2, 2, 1, 0};
  std::vector<float> kernel(weight.size() / kIn * kOut);
  for (std::size_t i = 0; i < weight.size() / kIn; ++i) {
    for (int y = 0; y < 4; ++y) {
      for (int x = 0; x < 4; ++x) {
        double sum = 0;
        for (int ky = kFirst[y]; ky <= kLast[y]; ++ky)
          for (int kx = kFirst[x]; kx <= kLast[x]; ++kx)
            sum += double{weight[i * kIn + static_cast<std::size_t>(3 * ky + kx)]};
        kernel[i * kOut + static_cast<std::size_t>(4 * y + x)] = static_cast<float>(sum);
      }
    }
  }
  return kernel;
}

std::vector<float> phase_kernels(std::span<const float> enlarged) {
  const std::size_t kernels = enlarged.size() / 16;
  std::vector<float> phases;
  phases.reserve(enlarged.size());
  for (int phase = 0; phase < kPhases; ++phase) {
    // Tap 3 - p of the transposed convolution is of the row before, tap 1 - p of the one behind it.
    const int p = phase / 2, q = phase % 2;
    for (std::size_t i = 0; i < kernels; ++i)
      for (const int y : {3 - p, 1 - p})
        for (const int x : {3 - q, 1 - q})
          phases.push_back(enlarged[i * 16 + static_cast<std::size_t>(4 * y + x)]);
  }
  return phases;
}

std::int64_t channels_of(const LayerParams& layer) {
  if (layer.weight == nullptr) return norm_channels(layer);
  return layer.weight->shape[layer.transposed ? 1 : 0];
}

std::string norm_key(const LayerParams& layer) {
  const Param& first = layer.gamma != nullptr ? *layer.gamma : *layer.beta;
  return first.name + "/" + (layer.mean == nullptr ? "of the image" : std::to_string(layer.eps));
}

std::string weight_key(const LayerParams& layer) {
  std::string key = layer.weight->name;
  if (layer.spectral_u != nullptr) key += "/" + layer.spectral_u->name;
  if (layer.part.count > 0)
    key += "[" + std::to_string(layer.part.first) + "+" + std::to_string(layer.part.count) + "]";
  if (layer.has_norm()) key += "*" + norm_key(layer);
  if (layer.enlarged) key += "/enlarged";
  return key;
}

std::span<const float> fetch_checked(const ParamSource& source, const Param& p, std::vector<float>& scratch) {
  const std::span<const float> values = source.fetch(p, scratch);
  if (static_cast<std::int64_t>(values.size()) != count_of(p)) {
    throw Error(Status::weights, "tensor " + p.name + " has " + std::to_string(values.size()) +
                                     " elements where " + std::to_string(count_of(p)) +
                                     " are expected: convert the checkpoint again");
  }
  return values;
}

std::span<const float> fetch_weight(const ParamSource& source, const LayerParams& layer,
                                    std::vector<float>& scratch) {
  const auto all = fetch_checked(source, *layer.weight, scratch);
  if (layer.part.count == 0) return all;
  const std::vector<std::int64_t>& shape = layer.weight->shape;
  const auto row = all.size() / static_cast<std::size_t>(shape[0]);        // of one output channel
  const auto inner = row / static_cast<std::size_t>(shape[1]);             // of one input channel of it
  const auto first = inner * static_cast<std::size_t>(layer.part.first);   // read from there
  const auto length = inner * static_cast<std::size_t>(layer.part.count);  // as many
  std::vector<float> part;
  part.reserve(length * static_cast<std::size_t>(shape[0]));
  for (std::size_t at = first; at < all.size(); at += row)
    part.insert(part.end(), all.begin() + static_cast<std::ptrdiff_t>(at),
                all.begin() + static_cast<std::ptrdiff_t>(at + length));
  scratch = std::move(part);
  return scratch;
}

FoldedNorm fold_norm(const ParamSource& source, const LayerParams& layer) {
  std::vector<float> scratch[4];
  const auto beta = fetch_checked(source, *layer.beta, scratch[1]);
  if (layer.gamma == nullptr) scratch[0].assign(beta.size(), 1.0f);
  const auto gamma = layer.gamma == nullptr ? std::span<const float>(scratch[0])
                                            : fetch_checked(source, *layer.gamma, scratch[0]);
  if (layer.mean == nullptr) return {{gamma.begin(), gamma.end()}, {beta.begin(), beta.end()}};
  const auto mean = fetch_checked(source, *layer.mean, scratch[2]);
  const auto var = fetch_checked(source, *layer.var, scratch[3]);
  FoldedNorm n;
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    const double scale = gamma[c] / std::sqrt(static_cast<double>(var[c]) + layer.eps);
    n.scale.push_back(scale);
    n.shift.push_back(beta[c] - mean[c] * scale);
  }
  return n;
}

std::vector<double> weight_scale(const ParamSource& source, const LayerParams& layer,
                                 std::span<const float> weight) {
  std::vector<double> scale;
  if (layer.has_norm()) scale = fold_norm(source, layer).scale;
  if (layer.spectral_u == nullptr) return scale;
  std::vector<float> scratch;
  const double sigma = spectral_sigma(weight, fetch_checked(source, *layer.spectral_u, scratch));
  if (!(sigma > 0.0) || !std::isfinite(sigma)) {
    throw Error(Status::weights, "tensor " + layer.weight->name +
                                     " has no spectral norm: all zeros, or not numbers; convert another "
                                     "checkpoint");
  }
  if (scale.empty()) scale.assign(static_cast<std::size_t>(channels_of(layer)), 1.0);
  for (double& s : scale) s /= sigma;
  source.release(*layer.spectral_u);
  return scale;
}

void release_norm(const ParamSource& source, const LayerParams& layer) {
  for (const Param* p : {layer.gamma, layer.beta, layer.mean, layer.var}) {
    if (p != nullptr) source.release(*p);
  }
}

void fold_bias(const ParamSource& source, const LayerParams& layer, float* to) {
  std::vector<float> scratch;
  std::vector<double> sum(static_cast<std::size_t>(channels_of(layer)), 0.0);
  if (layer.bias != nullptr) std::ranges::copy(fetch_checked(source, *layer.bias, scratch), sum.begin());
  if (layer.has_norm()) {
    const FoldedNorm n = fold_norm(source, layer);
    for (std::size_t c = 0; c < sum.size(); ++c) sum[c] = sum[c] * n.scale[c] + n.shift[c];
  }
  for (std::size_t c = 0; c < sum.size(); ++c) to[c] = static_cast<float>(sum[c]);
  if (layer.bias != nullptr) source.release(*layer.bias);
}

}  // namespace cuhue
