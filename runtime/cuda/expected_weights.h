// What lowering a graph will ask its weights for, before it does.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "runtime/graph/backend.h"
#include "runtime/graph/graph.h"

namespace cuhue::cuda {

// Bytes by key, of an optimized graph; a tensor that several layers share is one.
std::map<std::string, std::int64_t> expected_weights(const Graph& graph, Precision precision);

}  // namespace cuhue::cuda
