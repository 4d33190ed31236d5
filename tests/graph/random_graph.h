// Random small graphs for property tests: every op, shared values, several outputs, dead ends.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "runtime/graph/graph.h"
#include "tests/support/reference_interpreter.h"

namespace cuhue::test {

Graph random_graph(std::uint64_t seed);
std::map<std::string, ReferenceTensor> random_inputs(const Graph& g, std::uint64_t seed);

}  // namespace cuhue::test
