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
  Settings properties = {};  // what the weights say of themselves, where it is not the default

  // For inputs of [n, *, h, w]; only the named outputs (empty = all). `settings` go before the properties.
  std::unique_ptr<Program> compile(std::int64_t n, std::int64_t h, std::int64_t w,
                                   const Settings& settings = {},
                                   std::span<const std::string_view> outputs = {}) const {
    return backend->compile(graph(n, h, w, settings, outputs), weights, options);
  }
  // What compile() compiles.
  Graph graph(std::int64_t n, std::int64_t h, std::int64_t w, const Settings& settings = {},
              std::span<const std::string_view> outputs = {}) const {
    Settings all = settings;
    all.insert(properties.begin(), properties.end());
    return build_graph(*network, n, h, w, all, outputs);
  }

  std::unique_ptr<Program> compile_part(std::string_view part, std::int64_t n, std::int64_t h,
                                        std::int64_t w) const {
    return backend->compile(build_part(*network, part, n, h, w, properties), weights, options);
  }
};

}  // namespace cuhue
