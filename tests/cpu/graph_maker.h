// Small graphs with invented weights, and both ways to run them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "runtime/graph/backend.h"
#include "runtime/graph/graph.h"
#include "runtime/graph/param_source.h"
#include "tests/support/reference_interpreter.h"

namespace cuhue::test {

// The same numbers for the same seed, in [-1, 1).
double noise(std::uint64_t seed, std::uint64_t i);

// Weights computed from a parameter's name; counts what is fetched and released.
class NoiseSource final : public ParamSource {
 public:
  std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const override;
  void release(const Param& p) const override;

  int fetches(const std::string& name) const;
  bool released(const std::string& name) const;

 private:
  mutable std::mutex mutex_;
  mutable std::map<std::string, int> fetches_;
  mutable std::set<std::string> released_;
};

// Appends nodes to a graph by hand: also what Builder has no words for, such as asymmetric padding and fused
// epilogues.
class GraphMaker {
 public:
  ValueId input(const Dims& dims, const std::string& name = "x");
  void output(ValueId v, const std::string& name = "y");
  // op.weight, op.bias (unless `bias` is false) are made; out_channels, window and stride are op's own.
  ValueId convolution(Convolution op, ValueId x, bool bias = true, int output_padding = 0);
  ValueId matmul(ValueId x, std::int64_t out, bool bias = true);
  ValueId pool(const Pool& op, ValueId x);
  ValueId same(const Op& op, std::vector<ValueId> inputs);  // the output has the dims of the first input
  ValueId concat(std::vector<ValueId> inputs);
  ValueId upsample(const Upsample& op, ValueId x);
  ValueId argmax(ValueId x);
  BatchNormParams batch_norm(std::int64_t channels);
  ParamId param(std::vector<std::int64_t> shape, ParamRole role);
  // Any op, whose parameters the caller made.
  ValueId node(const Op& op, std::vector<ValueId> inputs, const Dims& dims);
  const Dims& dims(ValueId v) const { return graph.values[static_cast<std::size_t>(v)].dims; }

  Graph graph;
};

using Tensors = std::map<std::string, ReferenceTensor>;

// Every input of the graph filled with noise; rounded to float.
Tensors noise_inputs(const Graph& g, std::uint64_t seed = 1);
void fill_inputs(Program& program, const Tensors& inputs);
Tensors read_outputs(Program& program, const Graph& g);
std::unique_ptr<Program> compile(const Graph& g, const CompileOptions& options = {},
                                 std::shared_ptr<DeviceWeights> weights = nullptr);
Tensors run_cpu(const Graph& g, const Tensors& inputs, const CompileOptions& options = {});
// The largest relative error of any output of the CPU backend against plain loops in double.
double cpu_error(const Graph& g, const CompileOptions& options = {});
bool same_bits(const Tensors& a, const Tensors& b);

CompileOptions without(std::vector<std::string> providers);
// Of the first step that executes a node with this op name.
std::string provider_of(const Graph& g, const std::string& op, const CompileOptions& options = {});

}  // namespace cuhue::test
