#include "tests/support/reference_interpreter.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace cuhue::test {
namespace {

// The index inside [0, size) that padding stands for; -1 = a zero.
std::int64_t padded(std::int64_t i, std::int64_t size, PadMode mode) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case PadMode::zero: return -1;
    case PadMode::reflect: return i < 0 ? -i : 2 * (size - 1) - i;
    case PadMode::replicate: return std::clamp(i, std::int64_t{0}, size - 1);
  }
  return -1;
}

double activated(const Activation& a, double x) {
  switch (a.kind) {
    case ActivationKind::relu: return x > 0 ? x : 0;
    case ActivationKind::leaky_relu: return x > 0 ? x : static_cast<double>(a.alpha) * x;
    case ActivationKind::tanh: return std::tanh(x);
    case ActivationKind::sigmoid: return 1 / (1 + std::exp(-x));
  }
  return x;
}

// Adds one image's plane of input channel ci, seen through tap (ky, kx), to a plane of the output.
struct Tap {
  const Convolution& op;
  int ky, kx;
  double weight;

  void gather(const ReferenceTensor& x, std::int64_t n, std::int64_t ci, ReferenceTensor& y,
              std::int64_t co) const {
    const int times = op.enlarged ? 2 : 1;
    for (std::int64_t oy = 0; oy < y.dims.h; ++oy) {
      const std::int64_t iy =
          padded(oy * op.stride - op.pad_top + ky * op.dilation, times * x.dims.h, op.pad_mode);
      if (iy < 0) continue;
      for (std::int64_t ox = 0; ox < y.dims.w; ++ox) {
        const std::int64_t ix =
            padded(ox * op.stride - op.pad_left + kx * op.dilation, times * x.dims.w, op.pad_mode);
        if (ix >= 0) y.at(n, co, oy, ox) += weight * x.at(n, ci, iy / times, ix / times);
      }
    }
  }
  void scatter(const ReferenceTensor& x, std::int64_t n, std::int64_t ci, ReferenceTensor& y,
               std::int64_t co) const {
    for (std::int64_t iy = 0; iy < x.dims.h; ++iy) {
      const std::int64_t oy = iy * op.stride - op.pad_top + ky * op.dilation;
      if (oy < 0 || oy >= y.dims.h) continue;
      for (std::int64_t ix = 0; ix < x.dims.w; ++ix) {
        const std::int64_t ox = ix * op.stride - op.pad_left + kx * op.dilation;
        if (ox >= 0 && ox < y.dims.w) y.at(n, co, oy, ox) += weight * x.at(n, ci, iy, ix);
      }
    }
  }
};

class Interpreter {
 public:
  Interpreter(const Graph& g, const ParamSource& source) : g_(g), source_(source), values_(g.values.size()) {}

  std::vector<ReferenceTensor> run(const std::map<std::string, ReferenceTensor>& inputs) {
    for (const Binding& b : g_.inputs) {
      at(b.value) = inputs.at(b.name);
      if (!(at(b.value).dims == g_.values[static_cast<std::size_t>(b.value)].dims))
        throw std::invalid_argument("input " + b.name + " has the wrong size");
    }
    for (const Node& node : g_.nodes) {
      node_ = &node;
      at(node.output) = make_tensor(g_.values[static_cast<std::size_t>(node.output)].dims);
      std::visit(*this, node.op);
    }
    return std::move(values_);
  }

  void operator()(const Convolution& op) {
    const std::vector<float> weight = weight_of(op);
    const double divisor = op.spectral_u == kNone ? 1.0 : spectral_norm(weight, param(op.spectral_u));
    const ReferenceTensor& x = in();
    ReferenceTensor& y = out();
    start_with_bias(op.bias);
    std::size_t w = 0;
    const std::int64_t outer = op.transposed ? x.dims.c : y.dims.c;
    const std::int64_t inner = op.transposed ? y.dims.c : x.dims.c;
    for (std::int64_t i = 0; i < outer; ++i) {
      for (std::int64_t j = 0; j < inner; ++j) {
        for (int ky = 0; ky < op.kernel_h; ++ky) {
          for (int kx = 0; kx < op.kernel_w; ++kx) {
            const Tap tap{op, ky, kx, static_cast<double>(weight[w++]) / divisor};
            for (std::int64_t n = 0; n < x.dims.n; ++n)
              op.transposed ? tap.scatter(x, n, i, y, j) : tap.gather(x, n, j, y, i);
          }
        }
      }
    }
    if (op.folded) apply(*op.folded);
    apply_all(op.epilogue);
  }

  void operator()(const MatMul& op) {
    const std::vector<float> weight = param(op.weight);
    start_with_bias(op.bias);
    const std::int64_t c = in().dims.c;
    for (std::int64_t n = 0; n < in().dims.n; ++n) {
      for (std::int64_t o = 0; o < op.out_channels; ++o) {
        for (std::int64_t i = 0; i < c; ++i)
          out().at(n, o, 0, 0) +=
              static_cast<double>(weight[static_cast<std::size_t>(o * c + i)]) * in().at(n, i, 0, 0);
      }
    }
    apply_all(op.epilogue);
  }

  void operator()(const Pool& op) {
    for_each_output([&](std::int64_t n, std::int64_t c, std::int64_t oy, std::int64_t ox) {
      double best = -std::numeric_limits<double>::infinity(), sum = 0;
      int seen = 0;
      for (int ky = 0; ky < op.kernel; ++ky) {
        for (int kx = 0; kx < op.kernel; ++kx) {
          const std::int64_t iy = oy * op.stride - op.pad_top + ky, ix = ox * op.stride - op.pad_left + kx;
          if (iy < 0 || iy >= in().dims.h || ix < 0 || ix >= in().dims.w) continue;
          best = std::max(best, in().at(n, c, iy, ix));
          sum += in().at(n, c, iy, ix);
          ++seen;
        }
      }
      if (op.kind == PoolKind::max) return best;
      return sum / (op.kind == PoolKind::average ? op.kernel * op.kernel : seen);
    });
  }

  void operator()(const BatchNormParams& op) {
    out().data = in().data;
    apply(op);
  }
  void operator()(const Activation& op) {
    out().data = in().data;
    apply(op);
  }
  void operator()(const ScalarAffine& op) {
    out().data = in().data;
    apply(op);
  }
  void operator()(const Add&) {
    out().data = in().data;
    apply(Residual{node_->inputs[1]});
  }

  void operator()(const Concat&) {
    std::int64_t first = 0;
    for (const ValueId v : node_->inputs) {
      const ReferenceTensor& x = at(v);
      for (std::int64_t n = 0; n < x.dims.n; ++n) {
        for (std::int64_t c = 0; c < x.dims.c; ++c) {
          for (std::int64_t y = 0; y < x.dims.h; ++y) {
            for (std::int64_t i = 0; i < x.dims.w; ++i) out().at(n, first + c, y, i) = x.at(n, c, y, i);
          }
        }
      }
      first += x.dims.c;
    }
  }

  void operator()(const Upsample& op) {
    for_each_output([&](std::int64_t n, std::int64_t c, std::int64_t oy, std::int64_t ox) {
      if (op.kind == UpsampleKind::nearest)
        return static_cast<double>(op.scale) * in().at(n, c, oy / op.factor, ox / op.factor);
      const double sy = std::max((static_cast<double>(oy) + 0.5) / op.factor - 0.5, 0.0);
      const double sx = std::max((static_cast<double>(ox) + 0.5) / op.factor - 0.5, 0.0);
      const auto y0 = static_cast<std::int64_t>(sy), x0 = static_cast<std::int64_t>(sx);
      const std::int64_t y1 = std::min(y0 + 1, in().dims.h - 1), x1 = std::min(x0 + 1, in().dims.w - 1);
      const double fy = sy - static_cast<double>(y0), fx = sx - static_cast<double>(x0);
      const double top = (1 - fx) * in().at(n, c, y0, x0) + fx * in().at(n, c, y0, x1);
      const double bottom = (1 - fx) * in().at(n, c, y1, x0) + fx * in().at(n, c, y1, x1);
      return static_cast<double>(op.scale) * ((1 - fy) * top + fy * bottom);
    });
  }

  void operator()(const InstanceNorm& op) {
    const std::size_t plane = static_cast<std::size_t>(in().dims.h * in().dims.w);
    const std::vector<float> gamma = op.gamma == kNone ? std::vector<float>() : param(op.gamma),
                             beta = op.beta == kNone ? std::vector<float>() : param(op.beta);
    for (std::size_t first = 0; first < in().data.size(); first += plane) {
      const std::size_t c = channel_of(first);
      double sum = 0, squares = 0;
      for (std::size_t i = first; i < first + plane; ++i) sum += in().data[i];
      const double mean = sum / static_cast<double>(plane);
      for (std::size_t i = first; i < first + plane; ++i)
        squares += (in().data[i] - mean) * (in().data[i] - mean);
      const double deviation = std::sqrt(squares / static_cast<double>(plane) + static_cast<double>(op.eps));
      const double scale = (gamma.empty() ? 1.0 : static_cast<double>(gamma[c])) / deviation;
      const double shift = beta.empty() ? 0.0 : static_cast<double>(beta[c]);
      for (std::size_t i = first; i < first + plane; ++i)
        out().data[i] = (in().data[i] - mean) * scale + shift;
    }
    apply_all(op.epilogue);
  }

  void operator()(const Softmax& op) { out().data = softmax(in(), op.temperature).data; }

  void operator()(const Argmax&) {
    for_each_output([&](std::int64_t n, std::int64_t, std::int64_t y, std::int64_t x) {
      std::int64_t best = 0;
      for (std::int64_t c = 1; c < in().dims.c; ++c)
        if (in().at(n, c, y, x) > in().at(n, best, y, x)) best = c;
      return static_cast<double>(best);
    });
  }

  void operator()(const AnnealedMean& op) {
    const std::vector<float> weight = param(op.weight), bias = param(op.bias), centres = param(op.centres);
    const ReferenceTensor& x = in();
    ReferenceTensor scores = make_tensor({x.dims.n, op.bins, x.dims.h, x.dims.w});
    product(x, weight, scores);
    for (std::size_t i = 0; i < scores.data.size(); ++i)
      scores.data[i] += static_cast<double>(
          bias[i / static_cast<std::size_t>(x.dims.h * x.dims.w) % static_cast<std::size_t>(op.bins)]);
    product(softmax(scores, op.temperature), centres, out());
  }

 private:
  ReferenceTensor& at(ValueId v) { return values_[static_cast<std::size_t>(v)]; }
  const ReferenceTensor& in() { return at(node_->inputs[0]); }
  ReferenceTensor& out() { return at(node_->output); }

  std::vector<float> param(ParamId id) const {
    std::vector<float> scratch;
    const auto values = source_.fetch(g_.params[static_cast<std::size_t>(id)], scratch);
    return {values.begin(), values.end()};
  }

  // What the layer reads of its weight.
  std::vector<float> weight_of(const Convolution& op) const {
    const std::vector<float> all = param(op.weight);
    if (op.part.count == 0) return all;
    const std::int64_t taps = std::int64_t{op.kernel_h} * op.kernel_w;
    const std::int64_t in = g_.params[static_cast<std::size_t>(op.weight)].shape[1];
    std::vector<float> part;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(all.size()); ++i) {
      const std::int64_t channel = i / taps % in;
      if (channel >= op.part.first && channel < op.part.first + op.part.count)
        part.push_back(all[static_cast<std::size_t>(i)]);
    }
    return part;
  }

  template <class Compute>
  void for_each_output(Compute&& compute) {
    const Dims d = out().dims;
    std::size_t i = 0;
    for (std::int64_t n = 0; n < d.n; ++n) {
      for (std::int64_t c = 0; c < d.c; ++c) {
        for (std::int64_t y = 0; y < d.h; ++y) {
          for (std::int64_t x = 0; x < d.w; ++x) out().data[i++] = compute(n, c, y, x);
        }
      }
    }
  }

  std::size_t channel_of(std::size_t i) {
    const Dims d = out().dims;
    return i / static_cast<std::size_t>(d.h * d.w) % static_cast<std::size_t>(d.c);
  }

  void start_with_bias(ParamId bias) {
    if (bias == kNone) return;
    const std::vector<float> b = param(bias);
    for (std::size_t i = 0; i < out().data.size(); ++i) out().data[i] = static_cast<double>(b[channel_of(i)]);
  }

  // After one step of the power iteration from u: v = W'u, u = W v, each made a unit vector, then u . (W v).
  static double spectral_norm(const std::vector<float>& weight, const std::vector<float>& start) {
    const std::size_t rows = start.size(), columns = weight.size() / rows;
    const auto at = [&](std::size_t r, std::size_t c) {
      return static_cast<double>(weight[r * columns + c]);
    };
    std::vector<double> u(start.begin(), start.end()), v(columns, 0.0), wv(rows, 0.0);
    for (std::size_t c = 0; c < columns; ++c)
      for (std::size_t r = 0; r < rows; ++r) v[c] += at(r, c) * u[r];
    normalize(v);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < columns; ++c) wv[r] += at(r, c) * v[c];
    u = wv;
    normalize(u);
    return std::inner_product(u.begin(), u.end(), wv.begin(), 0.0);
  }
  static void normalize(std::vector<double>& x) {
    const double norm = std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0)) + 1e-12;
    for (double& value : x) value /= norm;
  }

  static ReferenceTensor softmax(const ReferenceTensor& x, float temperature) {
    ReferenceTensor y = make_tensor(x.dims);
    for (std::int64_t n = 0; n < x.dims.n; ++n) {
      for (std::int64_t p = 0; p < x.dims.h * x.dims.w; ++p) {
        const std::int64_t row = p / x.dims.w, column = p % x.dims.w;
        double most = x.at(n, 0, row, column), sum = 0;
        for (std::int64_t c = 1; c < x.dims.c; ++c) most = std::max(most, x.at(n, c, row, column));
        for (std::int64_t c = 0; c < x.dims.c; ++c)
          sum += y.at(n, c, row, column) =
              std::exp((x.at(n, c, row, column) - most) / static_cast<double>(temperature));
        for (std::int64_t c = 0; c < x.dims.c; ++c) y.at(n, c, row, column) /= sum;
      }
    }
    return y;
  }

  // y = W x in every pixel, W [y.dims.c, x.dims.c]
  static void product(const ReferenceTensor& x, const std::vector<float>& w, ReferenceTensor& y) {
    for (std::int64_t n = 0; n < x.dims.n; ++n) {
      for (std::int64_t o = 0; o < y.dims.c; ++o) {
        for (std::int64_t i = 0; i < x.dims.c; ++i) {
          const auto factor = static_cast<double>(w[static_cast<std::size_t>(o * x.dims.c + i)]);
          for (std::int64_t p = 0; p < x.dims.h * x.dims.w; ++p)
            y.at(n, o, 0, p) += factor * x.at(n, i, 0, p);
        }
      }
    }
  }

  void apply_all(const std::vector<EpilogueStep>& steps) {
    for (const EpilogueStep& step : steps) std::visit([&](const auto& s) { apply(s); }, step);
  }
  void apply(const Activation& a) {
    for (double& v : out().data) v = activated(a, v);
  }
  void apply(const ScalarAffine& a) {
    for (double& v : out().data) v = static_cast<double>(a.scale) * v + static_cast<double>(a.shift);
  }
  void apply(const Residual& r) {
    const ReferenceTensor& addend = at(r.value);
    const std::size_t plane = out().data.size() / addend.data.size();  // 1, or one addend for each plane
    for (std::size_t i = 0; i < out().data.size(); ++i) out().data[i] += addend.data.at(i / plane);
  }
  void apply(const BatchNormParams& bn) {
    const std::vector<float> beta = param(bn.beta), mean = param(bn.mean), var = param(bn.var);
    const std::vector<float> gamma =
        bn.gamma == kNone ? std::vector<float>(beta.size(), 1.0f) : param(bn.gamma);
    for (std::size_t i = 0; i < out().data.size(); ++i) {
      const std::size_t c = channel_of(i);
      out().data[i] = (out().data[i] - static_cast<double>(mean[c])) /
                          std::sqrt(static_cast<double>(var[c]) + static_cast<double>(bn.eps)) *
                          static_cast<double>(gamma[c]) +
                      static_cast<double>(beta[c]);
    }
  }

  const Graph& g_;
  const ParamSource& source_;
  std::vector<ReferenceTensor> values_;
  const Node* node_ = nullptr;
};

}  // namespace

ReferenceTensor make_tensor(Dims dims) {
  return {dims, std::vector<double>(static_cast<std::size_t>(dims.count()), 0.0)};
}

std::vector<ReferenceTensor> evaluate(const Graph& g, const ParamSource& source,
                                      const std::map<std::string, ReferenceTensor>& inputs) {
  return Interpreter(g, source).run(inputs);
}

std::map<std::string, ReferenceTensor> evaluate_outputs(
    const Graph& g, const ParamSource& source, const std::map<std::string, ReferenceTensor>& inputs) {
  const std::vector<ReferenceTensor> values = evaluate(g, source, inputs);
  std::map<std::string, ReferenceTensor> outputs;
  for (const Binding& b : g.outputs) outputs[b.name] = values[static_cast<std::size_t>(b.value)];
  return outputs;
}

double relative_error(const ReferenceTensor& a, const ReferenceTensor& b) {
  if (!(a.dims == b.dims)) return std::numeric_limits<double>::infinity();
  double most = 0, error = 0;
  for (std::size_t i = 0; i < b.data.size(); ++i) {
    if (!std::isfinite(a.data[i]) || !std::isfinite(b.data[i]))
      return std::numeric_limits<double>::infinity();
    most = std::max(most, std::abs(b.data[i]));
    error = std::max(error, std::abs(a.data[i] - b.data[i]));
  }
  return error == 0 ? 0 : error / most;
}

}  // namespace cuhue::test
