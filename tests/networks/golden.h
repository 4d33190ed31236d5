// What PyTorch computed: tests/golden/make_network_golden.py writes the files.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/networks/network.h"

namespace cuhue::test {

struct GoldenTensor {
  std::vector<std::int64_t> shape;
  double max_abs = 0, mean = 0, deviation = 0;
  std::size_t stride = 1;  // sample i stands at flat index i * stride
  std::vector<double> samples;
};

struct Golden {
  std::string label;  // the file's name
  const Network* network = nullptr;
  std::int64_t height = 0, width = 0, batch = 0;
  Settings settings;
  std::string input;
  std::map<std::string, GoldenTensor> taps;  // by the name of the value in the graph before any pass
  std::map<std::string, GoldenTensor> outputs;
};

Golden read_golden(const std::string& file);

// The input the golden was made from: [batch, 1, height, width].
std::vector<float> golden_input(const Golden& golden);
Graph golden_graph(const Golden& golden, std::span<const std::string_view> outputs = {});

// The largest error of samples, mean, deviation and largest magnitude, over the largest magnitude expected.
// Infinite when the shape differs or a value is not finite.
double error_of(const GoldenTensor& expected, const Dims& dims, std::span<const double> values);
double error_of(const GoldenTensor& expected, const Dims& dims, std::span<const float> values);

}  // namespace cuhue::test
