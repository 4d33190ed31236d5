#include "tests/networks/golden.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace cuhue::test {
namespace {

std::map<std::string, GoldenTensor> tensors(const nlohmann::json& json) {
  std::map<std::string, GoldenTensor> all;
  for (const auto& [name, t] : json.items())
    all[name] = {t.at("shape"), t.at("max_abs"), t.at("mean"), t.at("std"), t.at("stride"), t.at("samples")};
  return all;
}

// Pixel to network input, as the golden's writer does: in double, rounded once.
double input_value(const std::string& name, std::uint8_t pixel) {
  return name == "l" ? pixel * 100.0 / 255.0 : pixel / 255.0;
}

}  // namespace

Golden read_golden(const std::string& file) {
  std::ifstream stream(std::string(CUHUE_TEST_DATA) + "/golden/" + file);
  if (!stream) throw std::runtime_error("no golden file " + file);
  const auto json = nlohmann::json::parse(stream);
  Golden g;
  g.label = file;
  g.network = &network_or_throw(json.at("network").get<std::string>());
  g.height = json.at("height");
  g.width = json.at("width");
  g.batch = json.at("batch");
  for (const auto& [name, value] : json.at("settings").items()) g.settings[name] = value.get<double>();
  g.input = json.at("input");
  g.taps = tensors(json.at("taps"));
  g.outputs = tensors(json.at("outputs"));
  return g;
}

std::vector<float> golden_input(const Golden& golden) {
  std::vector<float> input;
  for (const std::uint8_t pixel : formula_image(golden.batch, golden.height, golden.width))
    input.push_back(static_cast<float>(input_value(golden.input, pixel)));
  return input;
}

Graph golden_graph(const Golden& golden, std::span<const std::string_view> outputs) {
  return build_graph(*golden.network, golden.batch, golden.height, golden.width, golden.settings, outputs);
}

double error_of(const GoldenTensor& expected, const Dims& dims, std::span<const double> values) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (expected.shape != std::vector<std::int64_t>{dims.n, dims.c, dims.h, dims.w}) return kInfinity;
  if (values.size() != static_cast<std::size_t>(dims.count())) return kInfinity;

  double max_abs = 0, sum = 0, squares = 0;
  for (const double v : values) {
    if (!std::isfinite(v)) return kInfinity;
    max_abs = std::max(max_abs, std::abs(v));
    sum += v;
  }
  const double mean = sum / static_cast<double>(values.size());
  for (const double v : values) squares += (v - mean) * (v - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(values.size()));

  double error = std::max({std::abs(max_abs - expected.max_abs), std::abs(mean - expected.mean),
                           std::abs(deviation - expected.deviation)});
  for (std::size_t i = 0; i < expected.samples.size(); ++i)
    error = std::max(error, std::abs(values[i * expected.stride] - expected.samples[i]));
  return error / expected.max_abs;
}

double error_of(const GoldenTensor& expected, const Dims& dims, std::span<const float> values) {
  return error_of(expected, dims, std::vector<double>(values.begin(), values.end()));
}

}  // namespace cuhue::test
