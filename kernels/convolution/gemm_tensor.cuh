// The matrix product on tensor cores, for half and for float read as tf32. Bound by tensor cores where a
// tile's operands are used often enough, by the path from L2 where tiles must be small to be many (batch 1).
//
// A step of the sum is 64 bytes of channels of one tap: 32 halves or 16 floats. A stage in shared memory is
// [rows, 64 bytes], pixels above output channels; it needs no swizzle, because every access is 16 bytes and
// eight neighbouring lanes cover 128 contiguous bytes. Which channels meet in one instruction is free as long
// as both operands agree: lane t of a row takes its whole t-th 16 bytes, for two instructions.
#pragma once

#include <algorithm>

#include "kernels/convolution/gemm.cuh"
#include "kernels/core/mma.cuh"

namespace cuhue {

using Words = Vector<std::uint32_t, 4>;  // 16 bytes

struct HalfProducts {
  using Value = __half;
  static __device__ Words operand(const Words& w) { return w; }
  static __device__ void multiply(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
    mma_m16n8k16(d, a, b);
  }
};

struct Tf32Products {
  using Value = float;
  static __device__ Words operand(Words w) {
#pragma unroll
    for (std::uint32_t& word : w.lane) word = to_tf32(__uint_as_float(word));
    return w;
  }
  static __device__ void multiply(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
    mma_m16n8k8_tf32(d, a, b);
  }
};

// A block's tile, and that of each of its warps.
template <class Products, int Pixels, int Channels, int WarpPixels, int WarpChannels>
struct TensorTile : Products {
  using Value = typename Products::Value;
  static constexpr int kPixels = Pixels, kChannels = Channels;
  static constexpr int kWarpPixels = WarpPixels, kWarpChannels = WarpChannels;
  static constexpr int kWarpsAcross = Channels / WarpChannels,
                       kThreads = 32 * kWarpsAcross * (Pixels / WarpPixels);
  // Of a multiprocessor, at least: a limit to registers that spills none.
  static constexpr int kBlocks = kThreads == 256                  ? 2
                                 : Channels == 16 || Pixels == 16 ? 6
                                 : Pixels == 128                  ? 3
                                                                  : 4;
  static constexpr int kM = WarpPixels / 16, kN = WarpChannels / 8;  // instructions of a warp

  static constexpr int kChunk = kLanesOf16Bytes<Value>, kDepth = 4 * kChunk;  // channels
  static constexpr int kStages = 4;
  static constexpr int kStage = 4 * (Pixels + Channels);  // Words
  static constexpr int kRowsAtOnce = kThreads / 4;        // four threads bring a row
  static constexpr int kPixelLoads = (Pixels + kRowsAtOnce - 1) / kRowsAtOnce,
                       kChannelLoads = (Channels + kRowsAtOnce - 1) / kRowsAtOnce;
  static constexpr int kStagedPitch = Channels + kStagedPadding;
  static constexpr std::size_t kShared =
      std::max(sizeof(Words) * kStages * kStage, sizeof(float) * Pixels * kStagedPitch);
};

// Starts the copies of a stage: this thread's 16 bytes of its rows.
template <class T>
struct TensorLoader {
  const GemmParams& g;
  const GemmRows& rows;
  GemmRows::Start starts[T::kPixelLoads];
  int first_channel;

  __device__ TensorLoader(const GemmParams& g, const GemmRows& rows, int first_pixel, int first_channel)
      : g(g), rows(rows), first_channel(first_channel) {
#pragma unroll
    for (int i = 0; i < T::kPixelLoads; ++i) starts[i] = rows.start(first_pixel + row(i));
  }
  static __device__ int row(int i) {
    return static_cast<int>(threadIdx.x) / 4 + i * T::kRowsAtOnce;
  }

  __device__ void load(Words* stage, const GemmSteps<T::kDepth>& at) const {
    using Value = typename T::Value;
    const auto* x = static_cast<const Value*>(g.conv.x.data);
    const auto* weight = static_cast<const Value*>(g.conv.weight);
    const int pitch = static_cast<int>(g.conv.x.pitch), out_channels = static_cast<int>(g.conv.out.dims.c);
    const int chunk = static_cast<int>(threadIdx.x) % 4, c = at.channel + chunk * T::kChunk;
#pragma unroll
    for (int i = 0; i < T::kPixelLoads; ++i) {
      if (row(i) >= T::kPixels) continue;
      const int pixel = rows.input(starts[i], at.tap_y, at.tap_x);
      const bool valid = pixel >= 0 && c < rows.channels;
      copy_async_16(stage + 4 * row(i) + chunk, x + (valid ? pixel * pitch + c : 0), valid);
    }
#pragma unroll
    for (int i = 0; i < T::kChannelLoads; ++i) {
      if (row(i) >= T::kChannels) continue;
      const int k = first_channel + row(i);
      const bool valid = k < out_channels && c < rows.channels;
      copy_async_16(stage + 4 * (T::kPixels + row(i)) + chunk,
                    weight + (valid ? weight_at(g, rows, k, at.tap_y, at.tap_x) + c : 0), valid);
    }
  }
};

// One warp's share of a stage: fragments as in mma.cuh, lane = 4 g + t.
template <class T>
__device__ void multiply_stage(const Words* stage, float (&sums)[T::kM][T::kN][4]) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const Words* pixels = stage + 4 * (warp / T::kWarpsAcross * T::kWarpPixels) + lane;
  const Words* channels = stage + 4 * (T::kPixels + warp % T::kWarpsAcross * T::kWarpChannels) + lane;
  Words b[T::kN];
#pragma unroll
  for (int j = 0; j < T::kN; ++j) b[j] = T::operand(channels[4 * 8 * j]);
#pragma unroll
  for (int i = 0; i < T::kM; ++i) {
    const Words upper = T::operand(pixels[4 * 16 * i]), lower = T::operand(pixels[4 * (16 * i + 8)]);
#pragma unroll
    for (int half = 0; half < 4; half += 2) {
      const std::uint32_t a[4] = {upper.lane[half], lower.lane[half], upper.lane[half + 1],
                                  lower.lane[half + 1]};
#pragma unroll
      for (int j = 0; j < T::kN; ++j) {
        const std::uint32_t both[2] = {b[j].lane[half], b[j].lane[half + 1]};
        T::multiply(sums[i][j], a, both);
      }
    }
  }
}

template <class T>
__device__ void stage_sums(const float (&sums)[T::kM][T::kN][4], float* staged) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  float* at = staged + (warp / T::kWarpsAcross * T::kWarpPixels + lane / 4) * T::kStagedPitch +
              warp % T::kWarpsAcross * T::kWarpChannels + lane % 4 * 2;
#pragma unroll
  for (int i = 0; i < T::kM; ++i)
#pragma unroll
    for (int j = 0; j < T::kN; ++j)
#pragma unroll
      for (int below = 0; below < 2; ++below)
        *reinterpret_cast<Vector<float, 2>*>(at + (16 * i + 8 * below) * T::kStagedPitch +
                                             8 * j) = {{sums[i][j][2 * below], sums[i][j][2 * below + 1]}};
}

template <class T>
__global__ void __launch_bounds__(T::kThreads, T::kBlocks) gemm_tensor_kernel(GemmParams g) {
  const int phase = static_cast<int>(blockIdx.z) / g.splits, split = static_cast<int>(blockIdx.z) % g.splits;
  const GemmRows rows(g, phase);
  const int first_pixel = static_cast<int>(blockIdx.x) * T::kPixels,
            first_channel = static_cast<int>(blockIdx.y) * T::kChannels;
  if (first_pixel >= rows.pixels) return;
  Words* stages = dynamic_shared<Words>();
  const TensorLoader<T> loader(g, rows, first_pixel, first_channel);
  GemmSteps<T::kDepth> at(rows, split, g.splits);
  const int steps = at.end - at.step;
  // Stage i % kStages holds step i; kStages - 1 of them are under way. A group is committed for every step,
  // empty ones at the end, so that waiting counts steps.
  const auto start = [&](int i) {
    if (i < steps) {
      loader.load(stages + i % T::kStages * T::kStage, at);
      at.next();
    }
    copy_async_commit();
  };
  for (int i = 0; i < T::kStages - 1; ++i) start(i);
  float sums[T::kM][T::kN][4] = {};
  for (int i = 0; i < steps; ++i) {
    copy_async_wait<T::kStages - 2>();
    __syncthreads();  // step i is here for all, and all are done with the stage that is filled next
    start(i + T::kStages - 1);
    multiply_stage<T>(stages + i % T::kStages * T::kStage, sums);
  }
  copy_async_wait<0>();
  __syncthreads();
  float* staged = dynamic_shared<float>();
  stage_sums<T>(sums, staged);
  __syncthreads();
  store_tile<T::kPixels, T::kChannels, T::kThreads>(g, rows, split, first_pixel, first_channel, staged);
}

template <class T>
void launch_tensor_tile(const GemmParams& g, int phases, Stream stream) {
  launch(gemm_tensor_kernel<T>, {gemm_grid(g, phases, T::kPixels, T::kChannels), T::kThreads, T::kShared},
         stream, g);
}

// Of the tiles that gemm_tiling() names.
template <class Products>
void gemm_tensor(const GemmParams& g, const GemmTiling& tiling, int phases, Stream stream) {
  if (tiling.channels == 16) {
    launch_tensor_tile<TensorTile<Products, 128, 16, 32, 16>>(g, phases, stream);
  } else if (tiling.channels == 128) {
    launch_tensor_tile<TensorTile<Products, 128, 128, 64, 32>>(g, phases, stream);
  } else if (tiling.pixels == 128) {
    launch_tensor_tile<TensorTile<Products, 128, 64, 64, 32>>(g, phases, stream);
  } else if (tiling.pixels == 16) {
    launch_tensor_tile<TensorTile<Products, 16, 64, 16, 16>>(g, phases, stream);
  } else {
    launch_tensor_tile<TensorTile<Products, 64, 64, 32, 32>>(g, phases, stream);
  }
}

}  // namespace cuhue
