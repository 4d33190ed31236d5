// States a network layer by layer. Shapes are inferred at once; a layer that does not fit throws
// Error(Status::usage) that names the layer and both shapes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/graph/graph.h"

namespace cuhue {

// A layer's key below the current scope: a number in a sequential block or a name.
struct Leaf {
  Leaf(int index) : text(std::to_string(index)) {}   // NOLINT(google-explicit-constructor)
  Leaf(const char* name) : text(name) {}             // NOLINT(google-explicit-constructor)
  Leaf(std::string name) : text(std::move(name)) {}  // NOLINT(google-explicit-constructor)
  std::string text;
};

struct ConvOptions {
  std::int64_t out = 0;
  int kernel = 3, stride = 1, pad = 0, dilation = 1;
  int kernel_w = 0;  // where it is not square: `kernel` is its height then
  // As TensorFlow's SAME, in place of `pad`: ceil(size / stride) outputs; of an odd number of zeros the one
  // more is at the far side.
  bool same = false;
  int output_pad = 0;  // of a transposed one: rows and columns more at the far side, below stride
  bool bias = true;
  bool spectral_norm = false;  // leaf.{weight_u,weight_v,weight_bar} instead of leaf.weight
  PadMode pad_mode = PadMode::zero;
  // The weight has `weight_in` input channels, of which this layer reads those from `weight_first` on; 0 = it
  // has the layer's own.
  std::int64_t weight_in = 0, weight_first = 0;
};
struct PoolOptions {
  PoolKind kind = PoolKind::max;
  int kernel = 2, stride = 2, pad = 0;
};

// What a layer's tensors are called in the checkpoints of a network, behind the layer's path. nullptr: they
// hold no such tensor. By default as PyTorch has it.
struct TensorNames {
  const char* separator = ".";  // between scopes
  const char *weight = ".weight", *bias = ".bias";
  // Of batch norms:
  const char *gamma = ".weight", *beta = ".bias", *mean = ".running_mean", *variance = ".running_var",
             *counter = ".num_batches_tracked";
};

// Parameters are registered in the order of the calls: the order of the checkpoint's tensors. A key that is
// stated twice with the same shape is one parameter shared by two layers. Layers without a key (relu, add, …)
// are named after their input: "model1.0.relu".
class Builder {
 public:
  // For the layers to come.
  void call_tensors(const TensorNames& names) { names_ = names; }

  ValueId input(std::string name, Dims dims);
  void output(std::string name, ValueId value, OutputLayout layout = OutputLayout::planes);

  ValueId conv(ValueId x, const Leaf& leaf, const ConvOptions& o);  // leaf.weight [out, in, k, k], leaf.bias
  ValueId conv_transpose(ValueId x, const Leaf& leaf,
                         const ConvOptions& o);  // leaf.weight [in, out, k, k], leaf.bias
  ValueId linear(ValueId x, const Leaf& leaf, std::int64_t out,
                 bool bias = true);  // leaf.weight [out, in], leaf.bias
  ValueId batch_norm(ValueId x, const Leaf& leaf,
                     float eps = 1e-5f);  // leaf.{weight,bias,running_mean,running_var,num_batches_tracked}
  // The same of a checkpoint without num_batches_tracked: a norm that was never trained.
  ValueId frozen_batch_norm(ValueId x, const Leaf& leaf, float eps = 1e-5f);
  // Batch norm in training mode, each image on its own: by its own mean and variance. The same parameters, of
  // which the running ones are never read.
  ValueId batch_norm_per_image(ValueId x, const Leaf& leaf, float eps = 1e-5f);
  ValueId instance_norm(ValueId x, float eps = 1e-5f);  // without parameters
  // A tensor that checkpoints hold and no layer reads.
  void unused(const Leaf& leaf, std::vector<std::int64_t> shape);
  ValueId pool(ValueId x, const PoolOptions& o);
  // Every step-th row and column, from the first: [n, c, h, w] -> [n, c, ceil(h / step), ceil(w / step)].
  ValueId subsample(ValueId x, int step);
  ValueId relu(ValueId x);
  ValueId activation(ValueId x, Activation a);
  ValueId affine(ValueId x, float scale, float shift);
  ValueId add(ValueId a, ValueId b);  // b may be [n, c, 1, 1]
  ValueId concat(std::vector<ValueId> xs);
  ValueId upsample(ValueId x, UpsampleKind kind, int factor);
  ValueId softmax(ValueId x, float temperature = 1.0f);
  ValueId argmax(ValueId x);  // [n, c, h, w] -> [n, 1, h, w]

  const Dims& dims(ValueId v) const { return graph_.values[static_cast<std::size_t>(v)].dims; }
  const Graph& graph() const { return graph_; }
  Graph take() { return std::move(graph_); }

 private:
  friend class Scope;
  std::string path(const Leaf& leaf) const;
  std::string unique_name(std::string wanted) const;
  const Value& value(ValueId v, std::string_view layer) const;
  void check_convolution(const ConvOptions& o, const std::string& layer, const Dims& in) const;
  ParamId param(const std::string& key, std::vector<std::int64_t> shape, ParamRole role, int stride = 1);
  BatchNormParams norm_params(const std::string& name, std::int64_t channels, float eps);
  void norm_counter(const std::string& name);
  ValueId add_value(std::string name, Dims dims);
  ValueId add_node(Op op, std::vector<ValueId> inputs, const std::string& name, Dims dims);
  ValueId convolution(ValueId x, const Leaf& leaf, const ConvOptions& o, bool transposed);
  void state_weight(Convolution& op, const std::string& name, std::int64_t in, const ConvOptions& o);

  Graph graph_;
  TensorNames names_;
  std::vector<std::string> scope_;
};

// Prefixes the keys of the layers inside: Scope s(b, "model", 1) gives "model1.".  Nested scopes join with
// the separator of the tensors' names.
class Scope {
 public:
  Scope(Builder& b, std::string_view name);
  Scope(Builder& b, std::string_view name, int index);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Builder& builder_;
};

}  // namespace cuhue
