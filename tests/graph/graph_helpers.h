// Short ways to say what a graph test needs.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "runtime/graph/builder.h"
#include "runtime/graph/graph.h"
#include "weights/status.h"

namespace cuhue::test {

inline std::vector<std::string> op_names(const Graph& g) {
  std::vector<std::string> names;
  for (const Node& node : g.nodes) names.emplace_back(op_name(node.op));
  return names;
}

inline std::vector<std::string> param_names(const Graph& g) {
  std::vector<std::string> names;
  for (const Param& p : g.params) names.push_back(p.name);
  return names;
}

inline const std::string& name_of(const Graph& g, ValueId v) {
  return g.values[static_cast<std::size_t>(v)].name;
}

// The Error that f throws; a failed check when it throws none.
template <class F>
Error error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e;
  }
  FAIL("no Error was thrown");
  return {Status::ok, ""};
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace cuhue::test
