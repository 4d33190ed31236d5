// What tests/golden/make_detector_golden.py wrote.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/networks/golden.h"

namespace cuhue::test {

nlohmann::json read_detector_golden(const std::string& file);
GoldenTensor golden_tensor(const nlohmann::json& json);
// Numbers in [low, high) that both sides compute from a key.
std::vector<float> formula_values(const std::string& key, std::int64_t count, double low, double high);
// Runs of 0 and 1, the first of 0, as pixels.
std::vector<std::uint8_t> from_runs(const nlohmann::json& runs, std::int64_t pixels);

}  // namespace cuhue::test
