#include "runtime/graph/spectral_norm.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "kernels/core/parallel.h"
#include "runtime/graph/builder.h"
#include "runtime/graph/layer_params.h"
#include "runtime/networks/formula.h"
#include "tests/graph/graph_helpers.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

std::vector<float> noise(std::uint64_t seed, std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(2.0 * formula_uniform(seed, i) - 1.0);
  return values;
}

// As written: v = M'u and u = M v made unit vectors, u . (M v).
double by_definition(const std::vector<float>& m, std::vector<double> u) {
  const std::size_t rows = u.size(), columns = m.size() / rows;
  const auto normalize = [](std::vector<double>& x) {
    double squares = 0;
    for (const double v : x) squares += v * v;
    for (double& v : x) v /= std::sqrt(squares) + 1e-12;
  };
  std::vector<double> v(columns), mv(rows);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) v[c] += static_cast<double>(m[r * columns + c]) * u[r];
  normalize(v);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) mv[r] += static_cast<double>(m[r * columns + c]) * v[c];
  u = mv;
  normalize(u);
  double sigma = 0;
  for (std::size_t r = 0; r < rows; ++r) sigma += u[r] * mv[r];
  return sigma;
}

class TwoTensors final : public ParamSource {
 public:
  std::map<std::string, std::vector<float>, std::less<>> tensors;
  std::span<const float> fetch(const Param& p, std::vector<float>&) const override {
    return tensors.at(p.name);
  }
};

}  // namespace

TEST_CASE("spectral_sigma: one step of the power iteration, no more and no less") {
  const std::vector<float> m = {3, 0, 0, 4};
  CHECK(spectral_sigma(m, std::vector<float>{1, 0}) == doctest::Approx(3).epsilon(1e-11));  // 4 in the end
  CHECK(spectral_sigma(m, std::vector<float>{0, 1}) == doctest::Approx(4).epsilon(1e-11));
  // v = (1.8, 3.2) / |.|; |M v| = sqrt((5.4^2 + 12.8^2) / (1.8^2 + 3.2^2))
  CHECK(spectral_sigma(m, std::vector<float>{0.6f, 0.8f}) ==
        doctest::Approx(std::sqrt(193.0 / 13.48)).epsilon(1e-7));
  CHECK(spectral_sigma(std::vector<float>(4, 0.0f), std::vector<float>{1, 0}) == 0.0);
}

TEST_CASE("spectral_sigma: any shape, the same bits for any number of threads, as far as the weight") {
  for (const auto& size :
       {std::pair<std::size_t, std::size_t>{1, 9}, {3, 1}, {7, 49}, {64, 27}, {40, 1031}}) {
    const std::size_t rows = size.first, columns = size.second;
    const std::vector<float> m = noise(rows, rows * columns), u = noise(columns + 100, rows);
    const double expected = by_definition(m, {u.begin(), u.end()}), sigma = spectral_sigma(m, u);
    INFO(rows << " x " << columns);
    CHECK(std::abs(sigma - expected) < 1e-11 * expected);
    for (const int threads : {1, 2, 5}) {
      const ThreadScope scope(threads);
      CHECK(spectral_sigma(m, u) == sigma);
    }
    std::vector<float> doubled = m;
    for (float& v : doubled) v *= 2;
    CHECK(std::abs(spectral_sigma(doubled, u) - 2 * sigma) < 1e-11 * expected);
  }
}

TEST_CASE("weight_scale: norm over sigma; a weight without one is an error that names it") {
  Builder b;
  const ConvOptions o{.out = 2, .kernel = 1, .bias = false, .spectral_norm = true};
  b.batch_norm(b.conv(b.input("x", {1, 2, 4, 4}), "c", o), "n");
  const Graph g = b.take();
  TwoTensors source;
  source.tensors = {{"c.weight_u", {1, 0}},
                    {"n.weight", {6, 12}},
                    {"n.bias", {0, 0}},
                    {"n.running_mean", {0, 0}},
                    {"n.running_var", {1, 4}}};
  auto conv = std::get<Convolution>(g.nodes[0].op);
  const std::vector<float> weight = {3, 0, 0, 4};
  const auto scale = [&] { return weight_scale(source, layer_params(g, "c", conv), weight); };
  CHECK(scale().at(1) == doctest::Approx(1.0 / 3).epsilon(1e-11));
  conv.folded = std::get<BatchNormParams>(g.nodes[1].op);
  conv.folded->eps = 0;
  CHECK(scale().at(0) == doctest::Approx(2).epsilon(1e-11));
  CHECK(scale().at(1) == doctest::Approx(2).epsilon(1e-11));
  CHECK(weight_key(layer_params(g, "c", conv)).find("c.weight_u") != std::string::npos);

  for (const std::vector<float>& bad : {std::vector<float>(4, 0.0f), std::vector<float>(4, std::nanf(""))}) {
    const Error e = error_of([&] { weight_scale(source, layer_params(g, "c", conv), bad); });
    CHECK(e.status() == Status::weights);
    CHECK(contains(e.what(), "c.weight_bar"));
  }
}
