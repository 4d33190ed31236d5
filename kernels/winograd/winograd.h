// Winograd's F(4x4, 3x3) on the CPU: a 3x3 convolution of stride 1 with a quarter of the multiplications.
//
// Of 6x6 pixels in, 4x4 out: 36 products an input and output channel instead of 144. The points are 0, 1, -1,
// 2, -2 and infinity. A dilated convolution is dilation^2 ordinary ones on interleaved sub-images, which are
// read and written in place. Filters stay as they are in the checkpoint and are transformed on the way, a
// block of output channels at a time: that costs 36 / 9 times less memory, and at batch 1 less time, than
// reading transformed ones.
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

struct WinogradShape {
  Dims in, out;  // out.h and out.w: what the padding at the far side makes them
  int dilation = 1, pad_top = 0, pad_left = 0;
  BorderKind border = BorderKind::zero;
};

// Where a row (column) of tiles takes its six rows of input from, and where its four of output go.
struct WinogradLine {
  std::int64_t source[6] = {};  // -1 = zeros
  std::int64_t first_out = 0;   // then in steps of the dilation
  int outs = 0;                 // 1 to 4
  bool inside = false;          // no source is -1
};

// How a convolution is cut into work; made once, before the first run.
struct WinogradPlan {
  WinogradShape shape;
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

// weight [out, in, 3, 3] -> [ceil(out / 16), in, 9, 16], zeros behind the last channel.
std::int64_t winograd_weight_floats(std::int64_t out_channels, std::int64_t in_channels);
void pack_winograd_weight(const float* weight, std::int64_t out_channels, std::int64_t in_channels,
                          float* packed);

struct WinogradParams {
  const WinogradPlan* plan = nullptr;
  TensorRef x, out;                        // of the plan's dims; blocks multiples of winograd_lanes()
  const float* weight = nullptr;           // packed
  const float* bias = nullptr;             // [out.c rounded up to 16] or nullptr
  std::span<const ElementwiseStep> steps;  // relu, leaky_relu, scalar_affine, channel_affine and add; `other`
                                           // of an add has the dims and block of out and may be out
  std::byte* scratch = nullptr;            // winograd_scratch_bytes(), aligned to 64
};
// The same bits for any number of threads and any vector length.
void winograd_cpu(const WinogradParams& p);

}  // namespace cuhue
