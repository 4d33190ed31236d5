// The vector code of Winograd convolutions, once for each instruction set; the driver in winograd_cpu.cpp
// calls the table of the one that runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/winograd/winograd.h"

namespace cuhue::winograd {

constexpr int kPoints = 36;
constexpr std::int64_t kFilterGroup = 16;  // output channels that stand together in packed filters

// One transformed block of tiles: 36 points, `point` floats apart, each of parts [channel
// groups][rows][lanes] one after another, a part being the tiles that are multiplied at a time. The distance
// between points is no multiple of a page: all 36 are written at a time, and would meet in one set of the
// cache.
struct Inputs {
  float* data = nullptr;
  std::ptrdiff_t point = 0;
  std::int64_t groups = 0;  // of lanes channels
};

struct InputJob {
  const WinogradPlan* plan = nullptr;
  TensorRef x;
  Inputs to;
  std::int64_t first_tile = 0, tiles = 0;
  std::int64_t first_group = 0, groups = 0;  // of lanes channels
};

// Some of the filters of one panel, to [36][depth][panel] floats, `point` apart.
struct FilterJob {
  const WinogradPlan* plan = nullptr;
  const float* packed = nullptr;
  float* to = nullptr;
  std::ptrdiff_t point = 0;
  std::int64_t first_out = 0, outs = 0;  // channels, of the panel, that exist
  std::int64_t first_in = 0, depth = 0;  // channels; first_in is a multiple of 16
};

// products [36][tiles][panel] floats, `product_point` apart: what `depth` channels from first_in on add to
// `outs` channels.
struct ProductJob {
  Inputs inputs;
  const float* filters = nullptr;
  float* products = nullptr;
  std::ptrdiff_t filter_point = 0, product_point = 0;
  std::int64_t tiles = 0, first_in = 0, depth = 0, outs = 0;
};

struct OutputJob {
  const WinogradParams* params = nullptr;
  const float* products = nullptr;
  std::ptrdiff_t point = 0;
  std::int64_t first_tile = 0, tiles = 0, first_channel = 0;
};

struct Kernels {
  const char* target = "";
  int lanes = 1;   // channels in a vector
  int panel = 16;  // output channels that are multiplied at a time
  int rows = 1;    // tiles that are multiplied at a time, at most
  int depth = 1;   // input channels whose filters of a panel are transformed at a time, a multiple of 16
  void (*transform_inputs)(const InputJob& job) = nullptr;
  void (*transform_filters)(const FilterJob& job) = nullptr;
  void (*multiply)(const ProductJob& job) = nullptr;
  void (*transform_outputs)(const OutputJob& job) = nullptr;
};
const Kernels& kernels();  // the best
// All that this machine runs, the best first. For tests: not while anything else is running.
std::vector<const Kernels*> every_kernels();

}  // namespace cuhue::winograd
