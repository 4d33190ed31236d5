// A network as plain data: values (tensors), parameters (weights by their checkpoint keys) and nodes (ops) in
// the order they run. No memory, no device, no weights' contents. Built by Builder, rewritten by passes,
// executed by a backend's Program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernels/core/tensor.h"

namespace cuhue {

using ValueId = int;  // index into Graph::values
using ParamId = int;  // index into Graph::params
constexpr int kNone = -1;

// What a parameter is: decides its formula weights (tests, benches, demo) and how a checkpoint is checked.
enum class ParamRole : std::uint8_t {
  weight,             // convolution or matrix, 2 or more dimensions
  transposed_weight,  // [in, out, kh, kw]
  bias,               // additive: conv bias, batch-norm beta
  norm_scale,         // batch-norm gamma
  running_mean,
  running_var,
  unit_vector,  // of a spectral norm: length 1
  ignored,      // accepted when present, never read (num_batches_tracked, layers that nobody calls)
};

struct Param {
  std::string name;                 // checkpoint key, e.g. "model1.0.weight"
  std::vector<std::int64_t> shape;  // PyTorch order
  ParamRole role = ParamRole::weight;
  int stride = 1;  // of a transposed convolution: its formula weights need it
};

struct Value {
  Dims dims;
  std::string name;  // scope path of the op that makes it, e.g. "model1.0", or an input's name
};

// ---- ops
// ----------------------------------------------------------------------------------------------------

struct BatchNormParams {  // y = (x - mean) / sqrt(var + eps) * gamma + beta, per channel
  ParamId gamma = kNone, beta = kNone, mean = kNone, var = kNone;  // gamma kNone = 1
  float eps = 1e-5f;
};

enum class ActivationKind : std::uint8_t { relu, leaky_relu, tanh, sigmoid };
struct Activation {
  ActivationKind kind = ActivationKind::relu;
  float alpha = 0.0f;  // slope below 0 of leaky_relu
};

struct ScalarAffine {  // y = scale * x + shift, all channels
  float scale = 1.0f, shift = 0.0f;
};

struct Residual {  // y = x + value; of x's dims, or [n, c, 1, 1]: one addend for a whole plane
  ValueId value = kNone;
};

// What happens to a result (of a convolution: its sum, bias included) before it is stored, in order.
using EpilogueStep = std::variant<Activation, BatchNormParams, ScalarAffine, Residual>;

enum class PadMode : std::uint8_t { zero, reflect, replicate };

// Of a weight's input channels those [first, first + count); count 0 = all. Layers that share a weight of a
// concatenation read the part that is of their input.
struct WeightPart {
  std::int64_t first = 0, count = 0;
};

struct Convolution {
  bool transposed = false;
  // It sees its input at twice its size, each pixel four times; borders are of that. Set by fuse_enlarging:
  // 3x3, stride 1, padding 1.
  bool enlarged = false;
  std::int64_t out_channels = 0;
  int kernel_h = 1, kernel_w = 1, stride = 1, dilation = 1;
  int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;  // transposed: as PyTorch's padding
  PadMode pad_mode = PadMode::zero;
  ParamId weight = kNone, bias = kNone;  // bias kNone = none
  WeightPart part;                       // never of a transposed one
  // Where the one step of a power iteration starts that finds what the weight is divided by at load
  // (spectral_norm.h); kNone = it is not.
  ParamId spectral_u = kNone;
  std::optional<BatchNormParams> folded;  // set by fold_batch_norm: applied to weight and bias at load
  std::vector<EpilogueStep> epilogue;     // set by fuse_epilogues
};

struct MatMul {  // [n, c, 1, 1] -> [n, out, 1, 1], weight [out, c]
  std::int64_t out_channels = 0;
  ParamId weight = kNone, bias = kNone;
  std::vector<EpilogueStep> epilogue;
};

// Per image and channel: y = (x - mean) / sqrt(var + eps) * gamma + beta, mean and biased variance over h and
// w.
struct InstanceNorm {
  ParamId gamma = kNone, beta = kNone;  // kNone both = 1 and 0
  float eps = 1e-5f;
  std::vector<EpilogueStep> epilogue;  // set by fuse_epilogues
};

enum class PoolKind : std::uint8_t { max, average, average_valid };  // average_valid: padding is not counted
struct Pool {
  PoolKind kind = PoolKind::max;
  int kernel = 2, stride = 2;
  int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
};

struct Add {};     // two inputs of equal dims; the second may be [n, c, 1, 1]: one addend for a whole plane
struct Concat {};  // any number of inputs, along c
enum class UpsampleKind : std::uint8_t { nearest, bilinear };
struct Upsample {  // bilinear: align_corners=False, as torch
  UpsampleKind kind = UpsampleKind::nearest;
  int factor = 2;
  float scale = 1.0f;  // the result times this (set by a pass from a ScalarAffine)
};
// Over c: the index of the greatest, of equal ones the lowest; NaN where one of them is.
struct Argmax {};
struct Softmax {  // over c of x / temperature
  float temperature = 1.0f;
};
// softmax(W x + b, temperature) then P . : the 1x1 convolution to bins, softmax, and the 1x1 product with the
// bin centres, without ever storing the bins. Made by fuse_annealed_mean only. Zhang et al. 2016,
// section 2.3.
struct AnnealedMean {
  std::int64_t bins = 0, out_channels = 0;
  ParamId weight = kNone, bias = kNone;  // [bins, c, 1, 1], [bins]
  ParamId centres = kNone;               // [out_channels, bins, 1, 1]
  float temperature = 1.0f;
};

using Op = std::variant<Convolution, MatMul, Pool, BatchNormParams, Activation, ScalarAffine, Add, Concat,
                        Upsample, Softmax, AnnealedMean, InstanceNorm, Argmax>;

struct Node {
  Op op;
  std::vector<ValueId> inputs;  // Residual values of an epilogue are not listed here: see uses()
  ValueId output = kNone;
  std::string name;  // scope path, for messages, taps and profiles
};

// How an output stands when the program has run: as planes (NCHW), or as the step that makes it leaves it,
// which saves the copy of a large one that our own kernels read.
enum class OutputLayout : std::uint8_t { planes, as_made };

struct Binding {
  std::string name;
  ValueId value = kNone;
  OutputLayout layout = OutputLayout::planes;  // of outputs
};

struct Graph {
  std::vector<Value> values;
  std::vector<Param> params;
  std::vector<Node> nodes;       // in execution order
  std::vector<Binding> inputs;   // filled by the caller, NCHW
  std::vector<Binding> outputs;  // read by the caller, never removed by a pass
  // Set by keep_first(): the first nodes read none of the inputs but the first ones, and what they make is
  // kept from run to run. 0 = nothing is.
  std::size_t kept_inputs = 0, kept_nodes = 0;
};

// Is `b`, added to a value of dims `a`, one addend for each of a's planes?
constexpr bool is_addend_of_planes(const Dims& a, const Dims& b) {
  return !(a == b) && b.n == a.n && b.c == a.c && b.h == 1 && b.w == 1;
}

// Every value a node reads: its inputs and the residuals in its epilogue.
std::vector<ValueId> uses(const Node& node);
std::string_view op_name(const Op& op);               // "convolution", "pool", …
std::int64_t macs(const Graph& g, const Node& node);  // multiply-accumulates of the direct form

// Error(Status::internal) that names the node when an id is out of range, a value has two makers or is read
// before it is made, or an output is never made. Builder and passes keep this true.
void check_graph(const Graph& g);

}  // namespace cuhue
