// Evaluates any graph in plain loops and double precision: the oracle for passes and backends. Slow; meant
// for small sizes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/graph/graph.h"
#include "runtime/graph/param_source.h"

namespace cuhue::test {

struct ReferenceTensor {
  Dims dims;
  std::vector<double> data;  // NCHW

  double& at(std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
    return data[static_cast<std::size_t>(((n * dims.c + c) * dims.h + y) * dims.w + x)];
  }
  double at(std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) const {
    return data[static_cast<std::size_t>(((n * dims.c + c) * dims.h + y) * dims.w + x)];
  }
};

ReferenceTensor make_tensor(Dims dims);

// Every value of the graph, by ValueId. Epilogues, folded batch norms and the fused ops are evaluated by
// their definition, step by step.
std::vector<ReferenceTensor> evaluate(const Graph& g, const ParamSource& source,
                                      const std::map<std::string, ReferenceTensor>& inputs);

// The outputs alone, by the names of their bindings.
std::map<std::string, ReferenceTensor> evaluate_outputs(const Graph& g, const ParamSource& source,
                                                        const std::map<std::string, ReferenceTensor>& inputs);

// max |a - b| / max |b|, infinite when the sizes differ or a value is not finite.
double relative_error(const ReferenceTensor& a, const ReferenceTensor& b);

}  // namespace cuhue::test
