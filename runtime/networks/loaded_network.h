// A network with weights on a device, ready to be compiled for any size.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "runtime/graph/backend.h"
#include "runtime/networks/network.h"

namespace cuhue {

struct LoadedNetwork {
  const Network* network = nullptr;
  std::shared_ptr<Backend> backend;
  std::shared_ptr<DeviceWeights> weights;
  CompileOptions options;

  // For inputs of [n, *, h, w]; only the named outputs (empty = all).
  std::unique_ptr<Program> compile(std::int64_t n, std::int64_t h, std::int64_t w,
                                   const Settings& settings = {},
                                   std::span<const std::string_view> outputs = {}) const {
    return backend->compile(build_graph(*network, n, h, w, settings, outputs), weights, options);
  }
};

}  // namespace cuhue
