#include "tests/networks/golden.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "runtime/networks/formula.h"

namespace cuhue::test {
namespace {

std::map<std::string, GoldenTensor> tensors(const nlohmann::json& json) {
  std::map<std::string, GoldenTensor> all;
  for (const auto& [name, t] : json.items())
    all[name] = {t.at("shape"), t.at("max_abs"), t.at("mean"), t.at("std"), t.at("stride"), t.at("samples")};
  return all;
}

// The formula image as the first input, as the golden's writer does: in double, rounded once.
std::vector<float> pixels(const Golden& g, bool lightness, std::int64_t channels) {
  std::vector<float> values;
  for (const std::uint8_t pixel : formula_image(g.batch * channels, g.height, g.width))
    values.push_back(static_cast<float>(lightness ? pixel * 100.0 / 255.0 : pixel / 255.0));
  return values;
}

// -1..1: the formula image, one channel an image, or three.
std::vector<float> centred_pixels(const Golden& g, std::int64_t channels) {
  std::vector<float> values;
  for (const std::uint8_t pixel : formula_image(g.batch * channels, g.height, g.width))
    values.push_back(static_cast<float>(pixel / 127.5 - 1));
  return values;
}

std::vector<float> embedding(const Golden& g) {
  std::vector<float> values(static_cast<std::size_t>(g.batch * 1001));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(2 * formula_uniform(fnv1a64("embedding"), i) - 1);
  return values;
}

// Zeros, ones, or halves: the right one of the first image, the lower one of the second, and so on.
std::vector<float> mask(const Golden& g) {
  if (g.inputs != "zeros" && g.inputs != "ones" && g.inputs != "halves")
    throw std::runtime_error(g.label + ": no mask \"" + g.inputs + "\"");
  std::vector<float> values;
  for (std::int64_t n = 0; n < g.batch; ++n) {
    for (std::int64_t y = 0; y < g.height; ++y) {
      for (std::int64_t x = 0; x < g.width; ++x) {
        const bool half = n % 2 == 0 ? x >= g.width / 2 : y >= g.height / 2;
        values.push_back(g.inputs == "ones" || (g.inputs == "halves" && half) ? 1.0f : 0.0f);
      }
    }
  }
  return values;
}

// Zeros, or blocks: squares of 8 pixels, of all 60 labels.
std::vector<float> labels(const Golden& g) {
  if (g.inputs != "zeros" && g.inputs != "blocks")
    throw std::runtime_error(g.label + ": no labels \"" + g.inputs + "\"");
  std::vector<float> values;
  for (std::int64_t n = 0; n < g.batch; ++n)
    for (std::int64_t y = 0; y < g.height; ++y)
      for (std::int64_t x = 0; x < g.width; ++x)
        values.push_back(
            g.inputs == "zeros" ? 0.0f : static_cast<float>((7 * (y / 8) + 13 * (x / 8) + 31 * n) % 60));
  return values;
}

// Squares of different sizes, one at an edge, one grey, some of the last image; hint_mask is 1 inside.
struct Hint {
  std::int64_t image, top, left, side;
  float a, b;
};
std::vector<Hint> hints(const Golden& g) {
  if (g.inputs.empty()) return {};
  if (g.inputs != "hints") throw std::runtime_error(g.label + ": no hints \"" + g.inputs + "\"");
  const std::int64_t last = g.batch - 1;
  return {{0, 3, 5, 7, 60.0f, -40.0f},
          {0, 0, g.width - 3, 3, -25.5f, 70.0f},
          {last, g.height - 6, 1, 6, 0.0f, 0.0f},
          {last, g.height / 2, g.width / 2, 1, 10.0f, 95.0f}};
}

// [batch, 2, height, width] of their colours, or [batch, 1, height, width] of ones.
std::vector<float> hint_planes(const Golden& g, bool colours) {
  const std::int64_t channels = colours ? 2 : 1, plane = g.height * g.width;
  std::vector<float> values(static_cast<std::size_t>(g.batch * channels * plane));
  for (const Hint& hint : hints(g)) {
    for (std::int64_t i = 0; i < channels * hint.side * hint.side; ++i) {
      const std::int64_t x = hint.left + i % hint.side, y = hint.top + i / hint.side % hint.side,
                         c = i / hint.side / hint.side;
      values.at(static_cast<std::size_t>((hint.image * channels + c) * plane + y * g.width + x)) =
          !colours ? 1.0f
          : c == 0 ? hint.a
                   : hint.b;
    }
  }
  return values;
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
  g.inputs = json.at("inputs");
  g.taps = tensors(json.at("taps"));
  g.outputs = tensors(json.at("outputs"));
  return g;
}

std::map<std::string, std::vector<float>> golden_inputs(const Golden& golden) {
  std::map<std::string, std::vector<float>> inputs;
  const Graph graph = golden_graph(golden);
  const auto channels = graph.values[static_cast<std::size_t>(graph.inputs[0].value)].dims.c;
  for (const TensorSpec& input : golden.network->inputs) {
    const std::string name(input.name);
    if (name == "mask")
      inputs[name] = mask(golden);
    else if (name == "labels")
      inputs[name] = labels(golden);
    else if (name == "hint_ab" || name == "hint_mask")
      inputs[name] = hint_planes(golden, name == "hint_ab");
    else if (name == "embedding")
      inputs[name] = embedding(golden);
    else if (name == "image")
      inputs[name] = centred_pixels(golden, 3);
    else if (golden.network->name == "koalarization")
      inputs[name] = centred_pixels(golden, 1);
    else
      inputs[name] = pixels(golden, name == "l", channels);
  }
  return inputs;
}

std::string_view picture_of(const Golden& golden) {
  const auto& outputs = golden.network->outputs;
  return std::find_if(outputs.rbegin(), outputs.rend(), [](const TensorSpec& o) { return !o.by_product; })
      ->name;
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
  return expected.max_abs > 0 ? error / expected.max_abs : error;
}

double error_of(const GoldenTensor& expected, const Dims& dims, std::span<const float> values) {
  return error_of(expected, dims, std::vector<double>(values.begin(), values.end()));
}

}  // namespace cuhue::test
