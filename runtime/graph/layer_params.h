// The parameters of one layer, as both backends pack them.
#pragma once

#include <optional>
#include <string>

#include "runtime/graph/graph.h"

namespace cuhue {

// The parameters of a layer that are packed together.
struct LayerParams {
  std::string name;  // of the layer, for messages
  const Param* weight = nullptr;
  const Param* bias = nullptr;  // may be nullptr
  // A batch norm folded into weight and bias; nullptr = none. Its parameters:
  const Param *gamma = nullptr, *beta = nullptr, *mean = nullptr, *var = nullptr;
  float eps = 0.0f;
  bool transposed = false;  // output channels are the weight's second dimension
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

}  // namespace cuhue
