// Winograd's convolutions on the CPU: a quarter to a half of the multiplications of the direct form.
//
// Of 6x6 pixels in, 36 products an input and output channel make 4x4 pixels of a 3x3 convolution of stride 1
// (144 directly), or 5x5 of each of the four 2x2 convolutions that a transposed one of stride 2 consists of.
// The points are 0, 1, -1, 2, -2 and infinity. A dilated convolution is dilation^2 ordinary ones on
// interleaved sub-images, which are read and written in place. Filters stay as they are in the checkpoint and
// are transformed on the way, a block of output channels at a time: that costs 36 / 9 times less memory, and
// at batch 1 less time, than reading transformed ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/core/tensor.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/pad/pad.h"

namespace cuhue {

namespace winograd {
struct Kernels;
}

// 3x3 of stride 1; or, transposed, 3x3 and 4x4 of stride 2, without dilation, with zeros around; or,
// enlarged, 3x3 of stride 1 and padding 1 over an input at twice its size, each pixel four times, which is a
// transposed 4x4 of padding 1 whose taps are sums of the 3x3's.
struct WinogradShape {
  Dims in, out;  // out.h and out.w: what the padding at the far side makes them
  int dilation = 1, pad_top = 0, pad_left = 0;  // transposed: as PyTorch's padding
  BorderKind border = BorderKind::zero;
  bool transposed = false, enlarged = false;
  int kernel = 3;  // of the weight
  bool has_phases() const { return transposed || enlarged; }
};

// Of a tile's rows (columns) of pixels of one phase, number i in [begin, end) is number first + i step of the
// output.
struct WinogradOuts {
  std::int64_t first = 0;
  int begin = 0, end = 0;
};

// Where a row (column) of tiles takes its six rows of input from, and where its rows of output go.
struct WinogradLine {
  std::int64_t source[6] = {};  // -1 = zeros
  bool inside = false;          // no source is -1
  WinogradOuts outs[2];         // by phase
};

// Rows (columns) of a kernel, by phase; -1 = zeros. (Enlarged: not used.)
struct WinogradTaps {
  int tap[2][3] = {{0, 1, 2}, {0, 1, 2}};
};

// How a convolution is cut into work; made once, before the first run.
struct WinogradPlan {
  WinogradShape shape;
  int phases = 1, step = 1;  // an axis: outputs y, y + step, .. are phase y % phases of it
  int taps = 3, pixels = 4;  // of a filter and of a tile's output, an axis
  WinogradTaps row_taps, column_taps;
  std::int64_t filter_groups = 0;                       // of 16 output channels, of one phase
  std::vector<WinogradLine> rows, columns;              // a tile is one of each
  std::int64_t tiles = 0;                               // of the whole batch
  std::int64_t block_tiles = 0;                         // that are multiplied at a time
  std::int64_t blocks_at_once = 0;                      // that are transformed before they are multiplied
  std::int64_t panel = 0;                               // output channels that are multiplied at a time
  std::size_t inputs_floats = 0;                        // transformed input of the blocks at once
  std::size_t filters_floats = 0, products_floats = 0;  // of one thread
  int threads = 1;
  const winograd::Kernels* kernels = nullptr;  // for one instruction set
};

// Channels that vectors hold: tensors need a block that is a multiple of it.
int winograd_lanes();
// The best block of tensors in and out.
std::int64_t winograd_block();

// `threads`: of the pool that runs it. `kernels`: nullptr = the best that this machine runs.
WinogradPlan plan_winograd(const WinogradShape& shape, int threads,
                           const winograd::Kernels* kernels = nullptr);
std::size_t winograd_scratch_bytes(const WinogradPlan& plan);
// How long it takes, in units of the time of 16 multiply-accumulates at the machine's best rate; the same for
// the direct form by a good implementation. Their quotient is what a choice is made by.
double winograd_cost(const WinogradPlan& plan);
double direct_cost(const WinogradShape& shape);

// weight [out, in, kernel, kernel], transposed [in, out, kernel, kernel] -> [ceil(out / 16), in, kernel^2,
// 16], zeros behind the last channel.
std::int64_t winograd_weight_floats(const WinogradShape& shape);
void pack_winograd_weight(const WinogradShape& shape, const float* weight, float* packed);

struct WinogradParams {
  const WinogradPlan* plan = nullptr;
  TensorRef x, out;                        // of the plan's dims; blocks multiples of winograd_lanes()
  const float* weight = nullptr;           // packed
  const float* bias = nullptr;             // [out.c rounded up to 16] or nullptr
  std::span<const ElementwiseStep> steps;  // relu, leaky_relu, scalar_affine, channel_affine and add; `other`
                                           // of an add has the dims of out, a block as it, and may be out
  std::byte* scratch = nullptr;            // winograd_scratch_bytes(), aligned to 64
};
// The same bits for any number of threads and any vector length.
void winograd_cpu(const WinogradParams& p);

}  // namespace cuhue
