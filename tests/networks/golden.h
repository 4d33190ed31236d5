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
  std::string inputs;                        // the writer's word for what the inputs behind the first hold
  std::map<std::string, GoldenTensor> taps;  // by the name of the value in the graph before any pass
  std::map<std::string, GoldenTensor> outputs;
};

Golden read_golden(const std::string& file);

// The inputs the golden was made from, by name.
std::map<std::string, std::vector<float>> golden_inputs(const Golden& golden);
// The network's result: its last output that is no by-product.
std::string_view picture_of(const Golden& golden);
Graph golden_graph(const Golden& golden, std::span<const std::string_view> outputs = {});

// The largest error of samples, mean, deviation and largest magnitude, over the largest magnitude expected
// (or as it is, where zeros are expected). Infinite when the shape differs or a value is not finite.
double error_of(const GoldenTensor& expected, const Dims& dims, std::span<const double> values);
double error_of(const GoldenTensor& expected, const Dims& dims, std::span<const float> values);

}  // namespace cuhue::test
