#include "runtime/networks/formula.h"

#include <cmath>
#include <cstddef>

#include "runtime/networks/network.h"

namespace cuhue {
namespace {

double fan_in(const Param& p) {
  double inner = 1.0;
  for (std::size_t i = 1; i < p.shape.size(); ++i) inner *= static_cast<double>(p.shape[i]);
  if (p.role != ParamRole::transposed_weight) return inner;
  // [in, out, kh, kw]: an output sample is reached by in * kh * kw / stride^2 weights.
  return static_cast<double>(p.shape[0]) * (inner / static_cast<double>(p.shape[1])) /
         (static_cast<double>(p.stride) * p.stride);
}

// Of element i of a weight in PyTorch's layout, its place in TensorFlow's: the last dimension is out's, the
// one before in's.
std::size_t tensorflow_place(const Param& p, std::size_t i) {
  const auto out = static_cast<std::size_t>(p.shape[0]), in = static_cast<std::size_t>(p.shape[1]);
  std::size_t taps = 1;
  for (std::size_t d = 2; d < p.shape.size(); ++d) taps *= static_cast<std::size_t>(p.shape[d]);
  return (i % taps * in + i / taps % in) * out + i / taps / in;
}

double gain(const FormulaRule& rule, const Param& p) {
  for (const auto& [key, value] : rule.exceptions) {
    if (key == p.name) return value;
  }
  return rule.gain;
}

// out[i] = offset + factor * u, u of key in [0, 1)
void fill(std::string_view key, std::span<float> out, double (*shape)(double u, double factor),
          double factor) {
  const std::uint64_t seed = fnv1a64(key);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(shape(formula_uniform(seed, i), factor));
}

double centred(double u, double factor) {
  return (2.0 * u - 1.0) * factor;
}
double variance(double u, double middle) {
  return (0.5 + u) * middle;
}
double around_one(double u, double) {
  return 0.75 + 0.5 * u;
}
double zero(double, double) {
  return 0.0;
}

void fill_unit_vector(std::string_view key, std::span<float> out) {
  const std::uint64_t seed = fnv1a64(key);
  double squares = 0.0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double value = centred(formula_uniform(seed, i), 1.0);
    squares += value * value;
  }
  fill(key, out, centred, 1.0 / (std::sqrt(squares) + 1e-12));
}

void fill_param(const FormulaRule& rule, const Param& p, std::span<float> out) {
  switch (p.role) {
    case ParamRole::weight:
    case ParamRole::transposed_weight: {
      const double factor = std::sqrt(3.0 * gain(rule, p) / fan_in(p));
      if (!rule.tensorflow) return fill(p.name, out, centred, factor);
      const std::uint64_t seed = fnv1a64(p.name);
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<float>(centred(formula_uniform(seed, tensorflow_place(p, i)), factor));
      return;
    }
    case ParamRole::bias:
    case ParamRole::running_mean: return fill(p.name, out, centred, 0.1);
    case ParamRole::norm_scale: return fill(p.name, out, around_one, 0.0);
    case ParamRole::running_var: return fill(p.name, out, variance, rule.variance);
    case ParamRole::unit_vector: return fill_unit_vector(p.name, out);
    case ParamRole::ignored: return fill(p.name, out, zero, 0.0);
  }
}

}  // namespace

std::span<const float> FormulaSource::fetch(const Param& p, std::vector<float>& scratch) const {
  std::size_t count = 1;
  for (const std::int64_t extent : p.shape) count *= static_cast<std::size_t>(extent);
  scratch.resize(count);
  const FormulaRule& rule = network_.formula;
  if (!rule.defined || !rule.defined(p, scratch)) fill_param(rule, p, scratch);
  return scratch;
}

std::vector<std::uint8_t> formula_image(std::int64_t channels, std::int64_t h, std::int64_t w) {
  std::vector<std::uint8_t> image(static_cast<std::size_t>(channels * h * w));
  const std::uint64_t seed = fnv1a64("input");
  for (std::size_t i = 0; i < image.size(); ++i)
    image[i] = static_cast<std::uint8_t>(256.0 * formula_uniform(seed, i));
  return image;
}

}  // namespace cuhue
