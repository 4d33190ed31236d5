#include "tests/cpu/graph_maker.h"

#include <cstring>
#include <utility>

namespace cuhue::test {
namespace {

std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

std::uint64_t hashed(const std::string& text) {
  std::uint64_t h = 0xCBF29CE484222325u;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return h;
}

std::int64_t window(std::int64_t size, int before, int after, int kernel, int stride, int dilation) {
  return (size + before + after - dilation * (kernel - 1) - 1) / stride + 1;
}

}  // namespace

double noise(std::uint64_t seed, std::uint64_t i) {
  return static_cast<double>(mixed(seed + i * 0x9E3779B97F4A7C15u) >> 40) / 8388608.0 - 1.0;
}

std::span<const float> NoiseSource::fetch(const Param& p, std::vector<float>& scratch) const {
  {
    const std::lock_guard lock(mutex_);
    ++fetches_[p.name];
  }
  std::int64_t count = 1;
  for (const std::int64_t d : p.shape) count *= d;
  scratch.resize(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < scratch.size(); ++i) {
    const double u = noise(hashed(p.name), i);
    const bool positive = p.role == ParamRole::running_var || p.role == ParamRole::norm_scale;
    scratch[i] = static_cast<float>(positive ? 1.0 + 0.5 * u : u);
  }
  return scratch;
}

void NoiseSource::release(const Param& p) const {
  const std::lock_guard lock(mutex_);
  released_.insert(p.name);
}

int NoiseSource::fetches(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = fetches_.find(name);
  return found == fetches_.end() ? 0 : found->second;
}

bool NoiseSource::released(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return released_.contains(name);
}

ValueId GraphMaker::input(const Dims& dims, const std::string& name) {
  graph.values.push_back({dims, name});
  const auto v = static_cast<ValueId>(graph.values.size()) - 1;
  graph.inputs.push_back({name, v});
  return v;
}

void GraphMaker::output(ValueId v, const std::string& name) {
  graph.outputs.push_back({name, v});
}

ParamId GraphMaker::param(std::vector<std::int64_t> shape, ParamRole role) {
  graph.params.push_back({"p" + std::to_string(graph.params.size()), std::move(shape), role, 1});
  return static_cast<ParamId>(graph.params.size()) - 1;
}

ValueId GraphMaker::node(const Op& op, std::vector<ValueId> inputs, const Dims& dims) {
  const std::string name = "n" + std::to_string(graph.nodes.size());
  graph.values.push_back({dims, name});
  const auto v = static_cast<ValueId>(graph.values.size()) - 1;
  graph.nodes.push_back({op, std::move(inputs), v, name});
  return v;
}

ValueId GraphMaker::convolution(Convolution op, ValueId x, bool bias, int output_padding) {
  const Dims in = dims(x);
  Dims out = {in.n, op.out_channels, 0, 0};
  if (op.transposed) {
    out.h = (in.h - 1) * op.stride - op.pad_top - op.pad_bottom + op.dilation * (op.kernel_h - 1) + 1;
    out.w = (in.w - 1) * op.stride - op.pad_left - op.pad_right + op.dilation * (op.kernel_w - 1) + 1;
    out.h += output_padding;
    out.w += output_padding;
    op.weight = param({in.c, op.out_channels, op.kernel_h, op.kernel_w}, ParamRole::transposed_weight);
  } else {
    out.h = window(in.h, op.pad_top, op.pad_bottom, op.kernel_h, op.stride, op.dilation);
    out.w = window(in.w, op.pad_left, op.pad_right, op.kernel_w, op.stride, op.dilation);
    op.weight = param({op.out_channels, in.c, op.kernel_h, op.kernel_w}, ParamRole::weight);
  }
  if (bias) op.bias = param({op.out_channels}, ParamRole::bias);
  return node(op, {x}, out);
}

ValueId GraphMaker::matmul(ValueId x, std::int64_t out, bool bias) {
  MatMul op;
  op.out_channels = out;
  op.weight = param({out, dims(x).c}, ParamRole::weight);
  if (bias) op.bias = param({out}, ParamRole::bias);
  return node(op, {x}, {dims(x).n, out, 1, 1});
}

ValueId GraphMaker::pool(const Pool& op, ValueId x) {
  const Dims in = dims(x);
  return node(op, {x},
              {in.n, in.c, window(in.h, op.pad_top, op.pad_bottom, op.kernel, op.stride, 1),
               window(in.w, op.pad_left, op.pad_right, op.kernel, op.stride, 1)});
}

ValueId GraphMaker::same(const Op& op, std::vector<ValueId> inputs) {
  const Dims out = dims(inputs[0]);
  return node(op, std::move(inputs), out);
}

ValueId GraphMaker::concat(std::vector<ValueId> inputs) {
  Dims out = dims(inputs[0]);
  out.c = 0;
  for (const ValueId v : inputs) out.c += dims(v).c;
  return node(Concat{}, std::move(inputs), out);
}

ValueId GraphMaker::upsample(const Upsample& op, ValueId x) {
  Dims out = dims(x);
  out.h *= op.factor;
  out.w *= op.factor;
  return node(op, {x}, out);
}

ValueId GraphMaker::argmax(ValueId x) {
  Dims out = dims(x);
  out.c = 1;
  return node(Argmax{}, {x}, out);
}

BatchNormParams GraphMaker::batch_norm(std::int64_t channels) {
  BatchNormParams norm;
  norm.gamma = param({channels}, ParamRole::norm_scale);
  norm.beta = param({channels}, ParamRole::bias);
  norm.mean = param({channels}, ParamRole::running_mean);
  norm.var = param({channels}, ParamRole::running_var);
  return norm;
}

Tensors noise_inputs(const Graph& g, std::uint64_t seed) {
  Tensors inputs;
  for (const Binding& input : g.inputs) {
    ReferenceTensor t = make_tensor(g.values[static_cast<std::size_t>(input.value)].dims);
    for (std::size_t i = 0; i < t.data.size(); ++i) {
      t.data[i] = static_cast<float>(noise(hashed(input.name) + seed, i));
    }
    inputs.emplace(input.name, std::move(t));
  }
  return inputs;
}

void fill_inputs(Program& program, const Tensors& inputs) {
  for (const auto& [name, tensor] : inputs) {
    const TensorRef to = program.input(name);
    for (std::size_t i = 0; i < tensor.data.size(); ++i) to.data[i] = static_cast<float>(tensor.data[i]);
  }
}

Tensors read_outputs(Program& program, const Graph& g) {
  Tensors outputs;
  for (const Binding& output : g.outputs) {
    const TensorRef from = program.output(output.name);
    ReferenceTensor t = make_tensor(from.dims);
    for (std::size_t i = 0; i < t.data.size(); ++i) t.data[i] = from.data[i];
    outputs.emplace(output.name, std::move(t));
  }
  return outputs;
}

std::unique_ptr<Program> compile(const Graph& g, const CompileOptions& options,
                                 std::shared_ptr<DeviceWeights> weights) {
  const auto backend = make_cpu_backend();
  if (!weights) weights = backend->make_weights(std::make_shared<NoiseSource>());
  return backend->compile(g, std::move(weights), options);
}

Tensors run_cpu(const Graph& g, const Tensors& inputs, const CompileOptions& options) {
  const auto program = compile(g, options);
  fill_inputs(*program, inputs);
  program->run();
  return read_outputs(*program, g);
}

double cpu_error(const Graph& g, const CompileOptions& options) {
  const Tensors inputs = noise_inputs(g);
  const Tensors got = run_cpu(g, inputs, options);
  double worst = 0;
  for (const auto& [name, expected] : evaluate_outputs(g, NoiseSource(), inputs)) {
    worst = std::max(worst, relative_error(got.at(name), expected));
  }
  return worst;
}

bool same_bits(const Tensors& a, const Tensors& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a) {
    const auto& other = b.at(name).data;
    if (tensor.data.size() != other.size()) return false;
    if (std::memcmp(tensor.data.data(), other.data(), other.size() * sizeof(double)) != 0) return false;
  }
  return true;
}

CompileOptions without(std::vector<std::string> providers) {
  CompileOptions options;
  options.without = std::move(providers);
  return options;
}

std::string provider_of(const Graph& g, const std::string& op, const CompileOptions& options) {
  const auto program = compile(g, options);
  for (const StepProfile& step : program->profile()) {
    if (step.op == op) return step.provider;
  }
  return {};
}

}  // namespace cuhue::test
