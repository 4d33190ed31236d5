#include "tests/detector/detector_golden.h"

#include <fstream>
#include <stdexcept>

#include "runtime/networks/formula.h"

namespace cuhue::test {

nlohmann::json read_detector_golden(const std::string& file) {
  std::ifstream stream(std::string(CUHUE_TEST_DATA) + "/golden/" + file);
  if (!stream) throw std::runtime_error("no golden file " + file);
  return nlohmann::json::parse(stream);
}

GoldenTensor golden_tensor(const nlohmann::json& json) {
  GoldenTensor t;
  t.shape = json.at("shape").get<std::vector<std::int64_t>>();
  while (t.shape.size() < 4) t.shape.push_back(1);
  t.max_abs = json.at("max_abs");
  t.mean = json.at("mean");
  t.deviation = json.at("std");
  t.stride = json.at("stride");
  t.samples = json.at("samples").get<std::vector<double>>();
  return t;
}

std::vector<float> formula_values(const std::string& key, std::int64_t count, double low, double high) {
  const std::uint64_t seed = fnv1a64(key);
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(
        static_cast<float>(low + (high - low) * formula_uniform(seed, static_cast<std::uint64_t>(i))));
  return values;
}

std::vector<std::uint8_t> from_runs(const nlohmann::json& runs, std::int64_t pixels) {
  std::vector<std::uint8_t> mask;
  std::uint8_t value = 0;
  for (const auto& run : runs) {
    mask.insert(mask.end(), run.get<std::size_t>(), value);
    value ^= 1;
  }
  mask.resize(static_cast<std::size_t>(pixels));
  return mask;
}

}  // namespace cuhue::test
