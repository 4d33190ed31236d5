// The parameters of one layer, as both backends pack them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/graph/graph.h"
#include "runtime/graph/param_source.h"

namespace cuhue {

// The parameters of a layer that are packed together.
struct LayerParams {
  std::string name;  // of the layer, for messages
  const Param* weight = nullptr;
  WeightPart part;                    // of the weight
  const Param* bias = nullptr;        // may be nullptr
  const Param* spectral_u = nullptr;  // Convolution::spectral_u
  // A batch norm folded into weight and bias; beta nullptr = none. Its parameters (gamma nullptr: 1; mean and
  // var nullptr: those of the image, so that what is left of the norm is y = gamma x + beta):
  const Param *gamma = nullptr, *beta = nullptr, *mean = nullptr, *var = nullptr;
  float eps = 0.0f;
  bool transposed = false;  // output channels are the weight's second dimension

  bool has_norm() const { return beta != nullptr; }

  bool enlarged = false;  // packed as enlarged_kernel()
};

// Ids are of g; kNone = none.
inline LayerParams layer_params(const Graph& g, const std::string& name, ParamId weight, ParamId bias,
                                const std::optional<BatchNormParams>& norm, bool transposed = false) {
  const auto param = [&g](ParamId id) {
    return id == kNone ? nullptr : &g.params[static_cast<std::size_t>(id)];
  };
  LayerParams p;
  p.name = name;
  p.weight = param(weight);
  p.bias = param(bias);
  p.transposed = transposed;
  if (norm) {
    p.gamma = param(norm->gamma);
    p.beta = param(norm->beta);
    p.mean = param(norm->mean);
    p.var = param(norm->var);
    p.eps = norm->eps;
  }
  return p;
}

inline LayerParams layer_params(const Graph& g, const std::string& name, const Convolution& op) {
  LayerParams p = layer_params(g, name, op.weight, op.bias, op.folded, op.transposed);
  p.part = op.part;
  if (op.spectral_u != kNone) p.spectral_u = &g.params[static_cast<std::size_t>(op.spectral_u)];
  p.enlarged = op.enlarged;
  return p;
}

std::int64_t count_of(const Param& p);
// Of what the layer reads of its weight, in PyTorch's order.
std::vector<std::int64_t> weight_shape(const LayerParams& layer);
std::int64_t weight_count(const LayerParams& layer);
std::int64_t norm_channels(const LayerParams& layer);

std::int64_t packed_count(const LayerParams& layer);  // floats of its weight as it is packed
std::int64_t channels_of(const LayerParams& layer);  // of the output, or of the norm where there is no weight

// Vectors of packed parameters are padded with zeros to a multiple of 16.
constexpr std::int64_t padded_channels(std::int64_t channels) {
  return (channels + 15) / 16 * 16;
}

// Name what is packed: the same checkpoint tensor, folded or not, are two weights.
std::string weight_key(const LayerParams& layer);
std::string norm_key(const LayerParams& layer);

// A 3x3 kernel over pixels that are each four times there is one of stride 1/2 over the pixels themselves.
// Along an axis, taps k0, k1, k2 on the enlarged rows 2i - 1, 2i, 2i + 1 (output row 2i) are taps k0 and
// k1 + k2 on rows i - 1 and i, and those on rows 2i, 2i + 1, 2i + 2 (output row 2i + 1) taps k0 + k1 and k2
// on rows i and i + 1: together a transposed convolution of stride 2 and padding 1 with taps k2, k1 + k2, k0
// + k1, k0. At the borders the enlarged row -1 is, reflected, row 1, which is row 0 of the pixels: what
// stands there is the edge repeated; zeros stay zeros. [k, c, 3, 3] to [k, c, 4, 4].
std::vector<float> enlarged_kernel(std::span<const float> weight);
// The same as four dense convolutions whose outputs interleave: phase 2 p + q makes output rows 2i + p,
// columns 2j + q from pixels [i + p - 1, i + p] x [j + q - 1, j + q]. [k, c, 4, 4] to [4, k, c, 2, 2].
constexpr int kPhases = 4;
std::vector<float> phase_kernels(std::span<const float> enlarged);

// As ParamSource::fetch. Error(Status::weights) when the count differs from the shape's.
std::span<const float> fetch_checked(const ParamSource& source, const Param& p, std::vector<float>& scratch);
// The same of what the layer reads of its weight: weight_count(layer) floats.
std::span<const float> fetch_weight(const ParamSource& source, const LayerParams& layer,
                                    std::vector<float>& scratch);

// The layer's batch norm as y = scale x + shift, in double: it is rounded once, with what it is folded into.
struct FoldedNorm {
  std::vector<double> scale, shift;
};
FoldedNorm fold_norm(const ParamSource& source, const LayerParams& layer);
// What each output channel of the weight is multiplied by, batch norm and spectral norm together, in double;
// empty = by nothing. `weight` is the layer's, fetched.
std::vector<double> weight_scale(const ParamSource& source, const LayerParams& layer,
                                 std::span<const float> weight);
void release_norm(const ParamSource& source, const LayerParams& layer);

// The bias with the batch norm folded in, channels_of(layer) floats; the layer has one of the two.
void fold_bias(const ParamSource& source, const LayerParams& layer, float* to);

}  // namespace cuhue
