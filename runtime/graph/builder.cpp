#include "runtime/graph/builder.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

std::string text(const Dims& d) {
  return shape_text(std::array{d.n, d.c, d.h, d.w});
}

[[noreturn]] void misfit(std::string_view layer, const std::string& what) {
  throw Error(Status::usage, "layer " + std::string(layer) + ": " + what);
}

void check_dims(const Dims& d, std::string_view layer) {
  if (std::min({d.n, d.c, d.h, d.w}) < 1) misfit(layer, "size " + text(d) + " is not positive");
  std::int64_t count = d.n;
  bool overflow = false;
  for (const std::int64_t extent : {d.c, d.h, d.w}) overflow |= __builtin_mul_overflow(count, extent, &count);
  if (overflow || count > INT64_MAX / 64 || std::max({d.n, d.c, d.h, d.w}) > INT32_MAX)
    misfit(layer, "size " + text(d) + " is too large");
}

// Zeros (or what a border holds) along one axis.
struct Padding {
  int before = 0, after = 0;
  std::int64_t sum() const { return std::int64_t{before} + after; }
};

// What a convolution whose window extends over `extent` samples pads an axis of `in` with.
Padding padding(const ConvOptions& o, std::int64_t in, std::int64_t extent) {
  if (!o.same) return {o.pad, o.pad};
  const std::int64_t outputs = (in + o.stride - 1) / o.stride;
  const auto all = static_cast<int>(std::max<std::int64_t>((outputs - 1) * o.stride + extent - in, 0));
  return {all / 2, all - all / 2};
}

// Windows along one axis, as PyTorch counts them.
std::int64_t window_count(std::int64_t in, const Padding& pad, std::int64_t extent, std::int64_t stride) {
  return in + pad.sum() < extent ? 0 : (in + pad.sum() - extent) / stride + 1;
}

std::string_view suffix(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::relu: return ".relu";
    case ActivationKind::leaky_relu: return ".leaky_relu";
    case ActivationKind::tanh: return ".tanh";
    case ActivationKind::sigmoid: return ".sigmoid";
  }
  return ".activation";
}

}  // namespace

// ---- names, parameters, values
// ------------------------------------------------------------------------------------

std::string Builder::path(const Leaf& leaf) const {
  std::string joined;
  for (const std::string& part : scope_) joined += part + names_.separator;
  return joined + leaf.text;
}

std::string Builder::unique_name(std::string wanted) const {
  const auto taken = [&](const std::string& name) {
    return std::any_of(graph_.values.begin(), graph_.values.end(),
                       [&](const Value& v) { return v.name == name; });
  };
  if (!taken(wanted)) return wanted;
  int number = 2;
  while (taken(wanted + "_" + std::to_string(number))) ++number;
  return wanted + "_" + std::to_string(number);
}

const Value& Builder::value(ValueId v, std::string_view layer) const {
  if (v < 0 || static_cast<std::size_t>(v) >= graph_.values.size())
    misfit(layer, "its input is not a value of this graph");
  return graph_.values[static_cast<std::size_t>(v)];
}

ParamId Builder::param(const std::string& key, std::vector<std::int64_t> shape, ParamRole role, int stride) {
  for (std::size_t i = 0; i < graph_.params.size(); ++i) {
    const Param& known = graph_.params[i];
    if (known.name != key) continue;
    if (known.shape != shape || known.role != role || known.stride != stride)
      misfit(key, "stated with shape " + shape_text(known.shape) + " and again, differently, with " +
                      shape_text(shape));
    return static_cast<ParamId>(i);
  }
  graph_.params.push_back({key, std::move(shape), role, stride});
  return static_cast<ParamId>(graph_.params.size() - 1);
}

ValueId Builder::add_value(std::string name, Dims dims) {
  check_dims(dims, name);
  graph_.values.push_back({dims, std::move(name)});
  return static_cast<ValueId>(graph_.values.size() - 1);
}

ValueId Builder::add_node(Op op, std::vector<ValueId> inputs, const std::string& name, Dims dims) {
  const std::string unique = unique_name(name);
  const ValueId out = add_value(unique, dims);
  graph_.nodes.push_back({std::move(op), std::move(inputs), out, unique});
  return out;
}

// ---- inputs and outputs
// -------------------------------------------------------------------------------------------

ValueId Builder::input(std::string name, Dims dims) {
  for (const Binding& b : graph_.inputs) {
    if (b.name == name) misfit(name, "the graph has an input of this name already");
  }
  const ValueId v = add_value(unique_name(name), dims);
  graph_.inputs.push_back({std::move(name), v});
  return v;
}

void Builder::output(std::string name, ValueId v, OutputLayout layout) {
  value(v, name);
  for (const Binding& b : graph_.outputs) {
    if (b.name == name) misfit(name, "the graph has an output of this name already");
  }
  graph_.outputs.push_back({std::move(name), v, layout});
}

// ---- layers with weights
// ------------------------------------------------------------------------------------------

void Builder::check_convolution(const ConvOptions& o, const std::string& layer, const Dims& in) const {
  if (o.out < 1 || o.kernel < 1 || o.kernel_w < 0 || o.stride < 1 || o.dilation < 1 || o.pad < 0)
    misfit(layer, "out, kernel, stride and dilation must be at least 1 and pad at least 0");
  if (o.weight_first < 0 || (o.weight_in != 0 && o.weight_first > o.weight_in - in.c))
    misfit(layer, "reads channels from " + std::to_string(o.weight_first) + " on of a weight of " +
                      std::to_string(o.weight_in) + ", but its input is " + text(in));
  if (o.output_pad < 0 || (o.output_pad > 0 && o.output_pad >= std::max(o.stride, o.dilation)))
    misfit(layer, "output_pad must be at least 0 and below the stride or the dilation");
  if (o.pad_mode == PadMode::reflect && o.pad >= std::min(in.h, in.w))
    misfit(layer, "reflect padding of " + std::to_string(o.pad) + " needs a larger input than " + text(in));
}

ValueId Builder::convolution(ValueId x, const Leaf& leaf, const ConvOptions& o, bool transposed) {
  const std::string name = path(leaf);
  const Dims in = value(x, name).dims;
  check_convolution(o, name, in);
  Convolution op;
  op.transposed = transposed;
  op.out_channels = o.out;
  op.kernel_h = o.kernel;
  op.kernel_w = o.kernel_w > 0 ? o.kernel_w : o.kernel;
  op.stride = o.stride;
  op.dilation = o.dilation;
  op.pad_mode = o.pad_mode;
  const std::int64_t tall = std::int64_t{o.dilation} * (op.kernel_h - 1) + 1;
  const std::int64_t wide = std::int64_t{o.dilation} * (op.kernel_w - 1) + 1;
  const Padding rows = padding(o, in.h, tall), columns = padding(o, in.w, wide);
  op.pad_top = rows.before;
  op.pad_bottom = rows.after;
  op.pad_left = columns.before;
  op.pad_right = columns.after;
  Dims out{in.n, o.out, 0, 0};
  if (transposed) {
    if (o.pad_mode != PadMode::zero) misfit(name, "a transposed convolution pads with zeros only");
    if (o.same) misfit(name, "SAME padding is of plain convolutions only");
    out.h = (in.h - 1) * o.stride - rows.sum() + tall + o.output_pad;
    out.w = (in.w - 1) * o.stride - columns.sum() + wide + o.output_pad;
  } else {
    if (o.output_pad != 0) misfit(name, "output_pad is of transposed convolutions only");
    out.h = window_count(in.h, rows, tall, o.stride);
    out.w = window_count(in.w, columns, wide, o.stride);
  }
  if (out.h < 1 || out.w < 1)
    misfit(name, "a window of " + std::to_string(tall) + "x" + std::to_string(wide) + " with padding " +
                     std::to_string(o.pad) + " leaves nothing of " + text(in));
  state_weight(op, name, in.c, o);
  if (o.bias) op.bias = param(name + names_.bias, {o.out}, ParamRole::bias);
  return add_node(std::move(op), {x}, name, out);
}

void Builder::state_weight(Convolution& op, const std::string& name, std::int64_t in, const ConvOptions& o) {
  if (op.transposed) {
    if (o.spectral_norm) misfit(name, "a transposed convolution has no spectral norm");
    if (o.weight_in != 0) misfit(name, "a transposed convolution reads all of its weight");
    op.weight = param(name + names_.weight, {in, o.out, op.kernel_h, op.kernel_w},
                      ParamRole::transposed_weight, o.stride);
    return;
  }
  const std::vector<std::int64_t> shape = {o.out, o.weight_in > 0 ? o.weight_in : in, op.kernel_h,
                                           op.kernel_w};
  if (!o.spectral_norm) {
    op.weight = param(name + names_.weight, shape, ParamRole::weight);
    if (shape[1] != in) op.part = {o.weight_first, in};
    return;
  }
  if (o.weight_in != 0) misfit(name, "a spectral norm is of a whole weight");
  op.spectral_u = param(name + ".weight_u", {o.out}, ParamRole::unit_vector);
  // Checkpoints hold it; the power iteration makes its own.
  param(name + ".weight_v", {in * op.kernel_h * op.kernel_w}, ParamRole::unit_vector);
  op.weight = param(name + ".weight_bar", shape, ParamRole::weight);
}

ValueId Builder::conv(ValueId x, const Leaf& leaf, const ConvOptions& o) {
  return convolution(x, leaf, o, false);
}

ValueId Builder::conv_transpose(ValueId x, const Leaf& leaf, const ConvOptions& o) {
  return convolution(x, leaf, o, true);
}

ValueId Builder::linear(ValueId x, const Leaf& leaf, std::int64_t out, bool bias) {
  const std::string name = path(leaf);
  const Dims in = value(x, name).dims;
  if (in.h != 1 || in.w != 1) misfit(name, "a matrix product takes [n, c, 1, 1], not " + text(in));
  if (out < 1) misfit(name, "out must be at least 1");
  MatMul op;
  op.out_channels = out;
  op.weight = param(name + names_.weight, {out, in.c}, ParamRole::weight);
  if (bias) op.bias = param(name + names_.bias, {out}, ParamRole::bias);
  return add_node(std::move(op), {x}, name, {in.n, out, 1, 1});
}

BatchNormParams Builder::norm_params(const std::string& name, std::int64_t channels, float eps) {
  if (!(eps >= 0.0f)) misfit(name, "eps must not be negative");
  BatchNormParams op;
  if (names_.gamma != nullptr) op.gamma = param(name + names_.gamma, {channels}, ParamRole::norm_scale);
  op.beta = param(name + names_.beta, {channels}, ParamRole::bias);
  op.mean = param(name + names_.mean, {channels}, ParamRole::running_mean);
  op.var = param(name + names_.variance, {channels}, ParamRole::running_var);
  op.eps = eps;
  return op;
}

void Builder::norm_counter(const std::string& name) {
  if (names_.counter != nullptr) param(name + names_.counter, {}, ParamRole::ignored);
}

ValueId Builder::frozen_batch_norm(ValueId x, const Leaf& leaf, float eps) {
  const std::string name = path(leaf);
  const Dims in = value(x, name).dims;
  return add_node(norm_params(name, in.c, eps), {x}, name, in);
}

ValueId Builder::batch_norm(ValueId x, const Leaf& leaf, float eps) {
  const std::string name = path(leaf);
  const Dims in = value(x, name).dims;
  const BatchNormParams params = norm_params(name, in.c, eps);
  norm_counter(name);
  return add_node(params, {x}, name, in);
}

ValueId Builder::batch_norm_per_image(ValueId x, const Leaf& leaf, float eps) {
  const std::string name = path(leaf);
  const Dims in = value(x, name).dims;
  if (names_.gamma == nullptr) misfit(name, "a norm of each image needs a gamma");
  const BatchNormParams params = norm_params(name, in.c, eps);
  norm_counter(name);
  return add_node(InstanceNorm{params.gamma, params.beta, eps, {}}, {x}, name, in);
}

ValueId Builder::instance_norm(ValueId x, float eps) {
  const Value& in = value(x, "instance_norm");
  const std::string name = in.name + ".instance_norm";
  if (!(eps >= 0.0f)) misfit(name, "eps must not be negative");
  return add_node(InstanceNorm{kNone, kNone, eps, {}}, {x}, name, in.dims);
}

void Builder::unused(const Leaf& leaf, std::vector<std::int64_t> shape) {
  param(path(leaf), std::move(shape), ParamRole::ignored);
}

// ---- layers without weights
// ---------------------------------------------------------------------------------------

ValueId Builder::pool(ValueId x, const PoolOptions& o) {
  const Value& in = value(x, "pool");
  const std::string name = in.name + ".pool";
  if (o.kernel < 1 || o.stride < 1 || o.pad < 0 || o.pad > o.kernel / 2)
    misfit(name, "kernel and stride must be at least 1 and pad between 0 and half the kernel");
  const Padding pad{o.pad, o.pad};
  const Dims out{in.dims.n, in.dims.c, window_count(in.dims.h, pad, o.kernel, o.stride),
                 window_count(in.dims.w, pad, o.kernel, o.stride)};
  if (out.h < 1 || out.w < 1)
    misfit(name, "a window of " + std::to_string(o.kernel) + " leaves nothing of " + text(in.dims));
  return add_node(Pool{o.kind, o.kernel, o.stride, o.pad, o.pad, o.pad, o.pad}, {x}, name, out);
}

ValueId Builder::subsample(ValueId x, int step) {
  const Value& in = value(x, "subsample");
  const std::string name = in.name + ".subsample";
  if (step < 1) misfit(name, "step must be at least 1");
  const Dims out{in.dims.n, in.dims.c, (in.dims.h - 1) / step + 1, (in.dims.w - 1) / step + 1};
  return add_node(Pool{PoolKind::average, 1, step}, {x}, name, out);  // of one pixel each
}

ValueId Builder::relu(ValueId x) {
  return activation(x, {ActivationKind::relu, 0.0f});
}

ValueId Builder::activation(ValueId x, Activation a) {
  const Value& in = value(x, "activation");
  return add_node(a, {x}, in.name + std::string(suffix(a.kind)), in.dims);
}

ValueId Builder::affine(ValueId x, float scale, float shift) {
  const Value& in = value(x, "affine");
  if (!std::isfinite(scale) || !std::isfinite(shift))
    misfit(in.name + ".affine", "scale and shift must be finite");
  return add_node(ScalarAffine{scale, shift}, {x}, in.name + ".affine", in.dims);
}

ValueId Builder::add(ValueId a, ValueId b) {
  const Value& left = value(a, "add");
  const Value& right = value(b, "add");
  const std::string name = left.name + ".add";
  if (!(left.dims == right.dims) && !is_addend_of_planes(left.dims, right.dims))
    misfit(name, "adds " + text(left.dims) + " and " + text(right.dims) + " of " + right.name);
  return add_node(Add{}, {a, b}, name, left.dims);
}

ValueId Builder::concat(std::vector<ValueId> xs) {
  if (xs.empty()) misfit("concat", "needs at least one input");
  const Value& first = value(xs[0], "concat");
  const std::string name = first.name + ".concat";
  Dims out = first.dims;
  out.c = 0;
  for (const ValueId x : xs) {
    const Value& v = value(x, name);
    if (v.dims.n != out.n || v.dims.h != out.h || v.dims.w != out.w)
      misfit(name, "joins " + text(first.dims) + " and " + text(v.dims) + " of " + v.name);
    out.c += v.dims.c;
  }
  return add_node(Concat{}, std::move(xs), name, out);
}

ValueId Builder::upsample(ValueId x, UpsampleKind kind, int factor) {
  const Value& in = value(x, "upsample");
  const std::string name = in.name + ".upsample";
  if (factor < 1) misfit(name, "factor must be at least 1");
  Dims out = in.dims;
  out.h *= factor;
  out.w *= factor;
  return add_node(Upsample{kind, factor, 1.0f}, {x}, name, out);
}

ValueId Builder::softmax(ValueId x, float temperature) {
  const Value& in = value(x, "softmax");
  const std::string name = in.name + ".softmax";
  if (!(temperature > 0.0f) || !std::isfinite(temperature)) misfit(name, "temperature must be positive");
  return add_node(Softmax{temperature}, {x}, name, in.dims);
}

ValueId Builder::argmax(ValueId x) {
  const Value& in = value(x, "argmax");
  const std::string name = in.name + ".argmax";
  constexpr std::int64_t kMostChannels = std::int64_t{1} << 24;  // every index is a float of its own
  if (in.dims.c > kMostChannels) misfit(name, "more than 2^24 channels");
  return add_node(Argmax{}, {x}, name, {in.dims.n, 1, in.dims.h, in.dims.w});
}

// ---- scopes
// -------------------------------------------------------------------------------------------------------

Scope::Scope(Builder& b, std::string_view name) : builder_(b) {
  builder_.scope_.emplace_back(name);
}

Scope::Scope(Builder& b, std::string_view name, int index) : builder_(b) {
  builder_.scope_.push_back(std::string(name) + std::to_string(index));
}

Scope::~Scope() {
  builder_.scope_.pop_back();
}

}  // namespace cuhue
