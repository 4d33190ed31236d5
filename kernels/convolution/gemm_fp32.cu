// The matrix product on the plain cores: any channels, any alignment. Bound by multiply-adds where there are
// many tiles, by latency where there are few (batch 1 at low resolution: splits).
#include <algorithm>

#include "kernels/convolution/gemm.cuh"

namespace cuhue {
namespace {

constexpr int kDepth = 16;  // of the sum, between two barriers
constexpr int kGroups = kDepth / 4;

// A thread makes Rows x 4 sums; rows in groups of at most 4, a quarter or half of the tile apart.
template <int Pixels, int Channels, int Rows>
struct Tile {
  static constexpr int kPixels = Pixels, kChannels = Channels, kRows = Rows;
  static constexpr int kAcross = Channels / 4, kDown = Pixels / Rows, kThreads = kAcross * kDown;
  static constexpr int kGroup = Rows < 4 ? Rows : 4;
  // Rows of the transposed tiles in shared memory, in floats; the padding spreads the banks.
  static constexpr int kPixelPitch = Pixels + 4, kChannelPitch = Channels + 4;
  static constexpr int kStage = kDepth * (kPixelPitch + kChannelPitch);
  static constexpr int kStagedPitch = Channels + kStagedPadding;
  static constexpr int kShared = std::max(2 * kStage, Pixels* kStagedPitch);  // floats
  static constexpr int kPixelLoads = (Pixels * kGroups + kThreads - 1) / kThreads,
                       kChannelLoads = (Channels * kGroups + kThreads - 1) / kThreads;

  static __device__ int row(int thread, int i) {
    return (i / kGroup) * (kDown * kGroup) + thread / kAcross * kGroup + i % kGroup;
  }
};

// Four neighbouring channels as floats, `left` of them exist.
template <bool Plain>
__device__ Float4 load_channels(const void* data, Element element, bool vectors, int at, int left) {
  Float4 v{};
  if (Plain || (element == Element::f32 && vectors)) {
    if (left > 0) v = *reinterpret_cast<const Float4*>(static_cast<const float*>(data) + at);
  } else if (element == Element::f16 && vectors) {
    if (left > 0) {
      const auto h = *reinterpret_cast<const Vector<__half, 4>*>(static_cast<const __half*>(data) + at);
#pragma unroll
      for (int i = 0; i < 4; ++i) v.lane[i] = to_float(h.lane[i]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (i >= left) continue;
      v.lane[i] = element == Element::f32 ? static_cast<const float*>(data)[at + i]
                                          : to_float(static_cast<const __half*>(data)[at + i]);
    }
  }
  return v;
}

template <class T, bool Plain>
struct Loader {
  const GemmParams& g;
  const GemmRows& rows;
  int first_channel;
  Element weight_element;
  GemmRows::Start starts[T::kPixelLoads];
  Float4 pixels[T::kPixelLoads], channels[T::kChannelLoads];

  __device__ Loader(const GemmParams& g, const GemmRows& rows, int first_pixel, int first_channel)
      : g(g),
        rows(rows),
        first_channel(first_channel),
        weight_element(g.conv.math == ConvolutionMath::fp16 ? Element::f16 : Element::f32) {
#pragma unroll
    for (int i = 0; i < T::kPixelLoads; ++i) starts[i] = rows.start(first_pixel + place(i) / kGroups);
  }
  // Neighbouring threads take neighbouring channels, then pixels.
  static __device__ int place(int i) {
    return static_cast<int>(threadIdx.x) + i * T::kThreads;
  }

  __device__ void load(const GemmSteps<kDepth>& at) {
    const int pitch = static_cast<int>(g.conv.x.pitch), out_channels = static_cast<int>(g.conv.out.dims.c);
#pragma unroll
    for (int i = 0; i < T::kPixelLoads; ++i) {
      const int c = at.channel + place(i) % kGroups * 4, pixel = rows.input(starts[i], at.tap_y, at.tap_x);
      pixels[i] = load_channels<Plain>(g.conv.x.data, g.conv.x.element, g.x_vectors, pixel * pitch + c,
                                       pixel < 0 ? 0 : rows.channels - c);
    }
#pragma unroll
    for (int i = 0; i < T::kChannelLoads; ++i) {
      const int k = first_channel + place(i) / kGroups, c = at.channel + place(i) % kGroups * 4;
      const bool inside = k < out_channels && place(i) < T::kChannels * kGroups;
      const int from = inside ? weight_at(g, rows, k, at.tap_y, at.tap_x) + c : 0;
      channels[i] = load_channels<Plain>(g.conv.weight, weight_element, g.weight_vectors, from,
                                         inside ? rows.channels - c : 0);
    }
  }

  __device__ void store(float* stage) const {
#pragma unroll
    for (int i = 0; i < T::kPixelLoads; ++i) {
      if (place(i) >= T::kPixels * kGroups) continue;
#pragma unroll
      for (int j = 0; j < 4; ++j)
        stage[(place(i) % kGroups * 4 + j) * T::kPixelPitch + place(i) / kGroups] = pixels[i].lane[j];
    }
    float* right = stage + kDepth * T::kPixelPitch;
#pragma unroll
    for (int i = 0; i < T::kChannelLoads; ++i) {
      if (place(i) >= T::kChannels * kGroups) continue;
#pragma unroll
      for (int j = 0; j < 4; ++j)
        right[(place(i) % kGroups * 4 + j) * T::kChannelPitch + place(i) / kGroups] = channels[i].lane[j];
    }
  }
};

template <class T>
__device__ void multiply(const float* stage, int thread, Float4 (&sums)[T::kRows]) {
  using Group = Vector<float, T::kGroup>;
  const float* right = stage + kDepth * T::kPixelPitch + thread % T::kAcross * 4;
#pragma unroll
  for (int k = 0; k < kDepth; ++k) {
    const Float4 b = *reinterpret_cast<const Float4*>(right + k * T::kChannelPitch);
#pragma unroll
    for (int i = 0; i < T::kRows; i += T::kGroup) {
      const Group a = *reinterpret_cast<const Group*>(stage + k * T::kPixelPitch + T::row(thread, i));
#pragma unroll
      for (int r = 0; r < T::kGroup; ++r)
#pragma unroll
        for (int j = 0; j < 4; ++j)
          sums[i + r].lane[j] = multiply_add(a.lane[r], b.lane[j], sums[i + r].lane[j]);
    }
  }
}

// Two stages in shared memory: while one is multiplied, the next is on its way through registers.
template <class T, bool Plain>
__global__ void __launch_bounds__(T::kThreads, 4) gemm_fp32_kernel(GemmParams g) {
  const int phase = static_cast<int>(blockIdx.z) / g.splits, split = static_cast<int>(blockIdx.z) % g.splits;
  const GemmRows rows(g, phase);
  const int first_pixel = static_cast<int>(blockIdx.x) * T::kPixels,
            first_channel = static_cast<int>(blockIdx.y) * T::kChannels,
            thread = static_cast<int>(threadIdx.x);
  if (first_pixel >= rows.pixels) return;
  float* stages = dynamic_shared<float>();
  Float4 sums[T::kRows] = {};
  GemmSteps<kDepth> at(rows, split, g.splits);
  Loader<T, Plain> loader(g, rows, first_pixel, first_channel);
  if (!at.done()) {
    loader.load(at);
    loader.store(stages);
  }
  __syncthreads();
  for (int stage = 0; !at.done(); stage ^= 1) {
    at.next();
    if (!at.done()) loader.load(at);
    multiply<T>(stages + stage * T::kStage, thread, sums);
    if (!at.done()) loader.store(stages + (stage ^ 1) * T::kStage);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < T::kRows; ++i)
    *reinterpret_cast<Float4*>(stages + T::row(thread, i) * T::kStagedPitch + thread % T::kAcross * 4) =
        sums[i];
  __syncthreads();
  store_tile<T::kPixels, T::kChannels, T::kThreads>(g, rows, split, first_pixel, first_channel, stages);
}

template <class T>
void launch_tile(const GemmParams& g, int phases, Stream stream) {
  const bool plain = g.conv.x.element == Element::f32 && g.conv.math != ConvolutionMath::fp16 &&
                     g.x_vectors && g.weight_vectors;
  const LaunchShape shape{gemm_grid(g, phases, T::kPixels, T::kChannels), T::kThreads,
                          T::kShared * sizeof(float)};
  launch(plain ? gemm_fp32_kernel<T, true> : gemm_fp32_kernel<T, false>, shape, stream, g);
}

}  // namespace

void gemm_fp32(const GemmParams& g, const GemmTiling& tiling, int phases, Stream stream) {
  if (tiling.channels == 16) {
    launch_tile<Tile<128, 16, 4>>(g, phases, stream);
  } else if (tiling.pixels == 16) {
    launch_tile<Tile<16, 64, 2>>(g, phases, stream);
  } else {
    launch_tile<Tile<64, 64, 8>>(g, phases, stream);
  }
}

}  // namespace cuhue
