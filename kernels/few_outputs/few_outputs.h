// Convolutions to at most four channels on the CPU: a network's last layer, to colours.
//
// Other forms make vectors of output channels, which are then mostly empty. Here a vector holds input
// channels, and is summed at the end.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/core/tensor.h"
#include "kernels/pad/pad.h"

namespace cuhue {

constexpr std::int64_t kMostFewOutputs = 4;
constexpr int kMostFewOutputTaps = 49;         // of a kernel
constexpr std::int64_t kFewOutputsGroup = 16;  // input channels that stand together in packed weights

struct FewOutputsShape {
  Dims in, out;                    // out.h and out.w: what the padding at the far side makes them
  int kernel_h = 3, kernel_w = 3;  // at most kMostFewOutputTaps together
  int pad_top = 1, pad_left = 1;   // transposed: as PyTorch's padding
  BorderKind border = BorderKind::zero;
  bool transposed = false;  // of stride 2, with zeros around; else of stride 1
};

// The outputs (step i + y, step j + x): which inputs (i + dy, j + dx) they sum.
struct FewOutputsPhase {
  struct Tap {
    int dy = 0, dx = 0, kernel = 0;  // kernel: row kernel_w + column
  };
  int y = 0, x = 0;
  std::int64_t first_tap = 0;  // of packed weights
  std::vector<Tap> taps;
};

struct FewOutputsPlan {
  FewOutputsShape shape;
  int step = 1;
  std::vector<FewOutputsPhase> phases;
  std::int64_t taps = 0;  // of all phases
};
FewOutputsPlan plan_few_outputs(const FewOutputsShape& shape);

// weight [out, in, kernel_h, kernel_w], transposed [in, out, kernel_h, kernel_w] -> [ceil(in / 16), taps,
// out, 16], zeros behind the last channel.
std::int64_t few_outputs_weight_floats(const FewOutputsPlan& plan);
void pack_few_outputs_weight(const FewOutputsPlan& plan, const float* weight, float* packed);

struct FewOutputsParams {
  const FewOutputsPlan* plan = nullptr;
  TensorRef x;                    // block a multiple of few_outputs_lanes()
  TensorRef out;                  // block 1
  const float* weight = nullptr;  // packed
  const float* bias = nullptr;    // [out.c] or nullptr
};
// Channels that vectors hold.
int few_outputs_lanes();
// The same bits for any number of threads, not for other vector lengths: they sum in another order.
void few_outputs_cpu(const FewOutputsParams& p);

}  // namespace cuhue
