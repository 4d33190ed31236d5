// First layers: at most 4 input channels, where a matrix product would mostly multiply padding. Bound by the
// stores of the output, but for large kernels; the input patch and the weights of a block lie in shared
// memory.
#include <algorithm>

#include "kernels/convolution/gemm.cuh"

namespace cuhue {
namespace {

constexpr int kThreads = 128;
constexpr int kWide = 16;  // of a tile, in pixels: four threads of four pixels

// A block: [rows, 16] output pixels of one image times 8 channel_threads output channels.
struct FewTile {
  int channel_threads, pass_rows, passes;  // a pass: what all threads make at once
  int patch_h, patch_w;                    // input pixels under the tile

  CUHUE_HD int rows() const { return pass_rows * passes; }
  CUHUE_HD int staged_pitch() const { return 8 * channel_threads + kStagedPadding; }
  CUHUE_HD int staged() const { return pass_rows * kWide * staged_pitch(); }  // floats
};

FewTile few_tile(const ConvolutionShape& s) {
  FewTile t{};
  for (t.channel_threads = 1; t.channel_threads < 8 && 8 * t.channel_threads < s.out.c;)
    t.channel_threads *= 2;
  t.pass_rows = kThreads / t.channel_threads / 4;
  const auto weights = s.kernel_h * s.kernel_w * s.in.c * 8 * t.channel_threads;
  t.passes =
      weights > 2048 ? std::max(1, 16 / t.pass_rows) : 1;  // so that large weights are read for more pixels
  t.patch_h = (t.rows() - 1) * s.stride + (s.kernel_h - 1) * s.dilation + 1;
  t.patch_w = (kWide - 1) * s.stride + (s.kernel_w - 1) * s.dilation + 1;
  return t;
}

std::int64_t weight_floats(const ConvolutionShape& s, const FewTile& t) {
  return s.kernel_h * s.kernel_w * s.in.c * 8 * t.channel_threads;
}
std::int64_t shared_bytes(const ConvolutionShape& s, const FewTile& t) {
  return 4 * (t.staged() + weight_floats(s, t) + std::int64_t{t.patch_h} * t.patch_w * s.in.c);
}

struct FewParams {
  ConvolutionDeviceParams conv;
  FewTile tile;
  bool out_vectors = false;
};

// patch [patch_h, patch_w, c] of image n from (top, left) on, outside what the border says.
__device__ void load_patch(const FewParams& p, float* patch, int n, int top, int left) {
  const DeviceTensor& x = p.conv.x;
  const int c = static_cast<int>(x.dims.c), h = static_cast<int>(x.dims.h), w = static_cast<int>(x.dims.w),
            pitch = static_cast<int>(x.pitch), row = p.tile.patch_w * c;
  for (int i = static_cast<int>(threadIdx.x); i < p.tile.patch_h * row; i += kThreads) {
    const int py = i / row, px = i % row / c, at_y0 = top + py, at_x0 = left + px;
    const bool bordered = p.conv.shape.border != BorderKind::zero;
    const int at_y = bordered ? border_inside(p.conv.shape.border, at_y0, h) : at_y0,
              at_x = bordered ? border_inside(p.conv.shape.border, at_x0, w) : at_x0;
    float v = 0.0f;
    if (at_y >= 0 && at_y < h && at_x >= 0 && at_x < w) {
      const int from = ((n * h + at_y) * w + at_x) * pitch + i % c;
      v = affine(x.element == Element::f32 ? static_cast<const float*>(x.data)[from]
                                           : to_float(static_cast<const __half*>(x.data)[from]),
                 p.conv.in_scale, p.conv.in_shift);
    }
    patch[i] = v;
  }
}

// weights [taps * c, block channels], zeros beyond the last output channel.
__device__ void load_weights(const FewParams& p, float* weights, int first_channel) {
  const int channels = static_cast<int>(p.conv.out.dims.c), across = 8 * p.tile.channel_threads,
            rows = p.conv.shape.kernel_h * p.conv.shape.kernel_w * static_cast<int>(p.conv.x.dims.c);
  const auto* from = static_cast<const float*>(p.conv.weight);
  for (int i = static_cast<int>(threadIdx.x); i < rows * across; i += kThreads) {
    const int k = first_channel + i % across;
    weights[i] = k < channels ? from[i / across * channels + k] : 0.0f;
  }
}

// Sums of four pixels in a row, 8 channels; `patch` at the first pixel's first tap, `weights` at the
// channels.
__device__ void few_sums(const FewParams& p, const float* patch, const float* weights, Float4 (&sums)[4][2]) {
  const ConvolutionShape& s = p.conv.shape;
  const int c = static_cast<int>(p.conv.x.dims.c), across = 8 * p.tile.channel_threads;
  for (int r = 0; r < s.kernel_h; ++r)
    for (int t = 0; t < s.kernel_w; ++t) {
      const float* at = patch + (r * p.tile.patch_w + t) * s.dilation * c;
      for (int i = 0; i < c; ++i, weights += across) {
        const Float4 w[2] = {reinterpret_cast<const Float4*>(weights)[0],
                             reinterpret_cast<const Float4*>(weights)[1]};
#pragma unroll
        for (int pixel = 0; pixel < 4; ++pixel) {
          const float x = at[pixel * s.stride * c + i];
#pragma unroll
          for (int k = 0; k < 8; ++k)
            sums[pixel][k / 4].lane[k % 4] =
                multiply_add(x, w[k / 4].lane[k % 4], sums[pixel][k / 4].lane[k % 4]);
        }
      }
    }
}

// The sums of a pass, staged [pass_rows * 16, staged_pitch], to their places.
__device__ void store_pass(const FewParams& p, const float* staged, int n, int first_y, int first_x,
                           int first_channel) {
  const int out_h = static_cast<int>(p.conv.out.dims.h), out_w = static_cast<int>(p.conv.out.dims.w),
            channels = static_cast<int>(p.conv.out.dims.c), groups = 2 * p.tile.channel_threads;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < p.tile.pass_rows * kWide * groups; i += kThreads) {
    const int pixel = i / groups, y = first_y + pixel / kWide, x = first_x + pixel % kWide,
              channel = i % groups * 4;
    if (y >= out_h || x >= out_w || first_channel + channel >= channels) continue;
    store_sums(p.conv, p.out_vectors, (n * out_h + y) * out_w + x, first_channel + channel,
               *reinterpret_cast<const Float4*>(staged + pixel * p.tile.staged_pitch() + channel));
  }
}

__global__ void __launch_bounds__(kThreads, 6) few_channels_kernel(FewParams p) {
  const ConvolutionShape& s = p.conv.shape;
  const int thread = static_cast<int>(threadIdx.x), c = static_cast<int>(p.conv.x.dims.c),
            out_h = static_cast<int>(p.conv.out.dims.h);
  const int channel_blocks = (static_cast<int>(p.conv.out.dims.c) - 1) / (8 * p.tile.channel_threads) + 1;
  const int n = static_cast<int>(blockIdx.z), first_y = static_cast<int>(blockIdx.y) * p.tile.rows(),
            first_x = static_cast<int>(blockIdx.x) / channel_blocks * kWide,
            first_channel = static_cast<int>(blockIdx.x) % channel_blocks * 8 * p.tile.channel_threads;
  const int staged_pitch = p.tile.staged_pitch();
  float* staged = dynamic_shared<float>();
  float* weights = staged + p.tile.staged();
  float* patch = weights + s.kernel_h * s.kernel_w * c * 8 * p.tile.channel_threads;
  load_weights(p, weights, first_channel);
  load_patch(p, patch, n, first_y * s.stride - s.pad_top, first_x * s.stride - s.pad_left);
  __syncthreads();
  const int of_channels = thread % p.tile.channel_threads * 8, of_pixel = thread / p.tile.channel_threads * 4;
  for (int pass = 0; pass < p.tile.passes && first_y + pass * p.tile.pass_rows < out_h; ++pass) {
    const int row = pass * p.tile.pass_rows + of_pixel / kWide, across = of_pixel % kWide;
    Float4 sums[4][2] = {};
    few_sums(p, patch + (row * p.tile.patch_w + across) * s.stride * c, weights + of_channels, sums);
#pragma unroll
    for (int i = 0; i < 8; ++i)
      *reinterpret_cast<Float4*>(staged + (of_pixel + i / 2) * staged_pitch + of_channels + i % 2 * 4) =
          sums[i / 2][i % 2];
    __syncthreads();
    store_pass(p, staged, n, first_y + pass * p.tile.pass_rows, first_x, first_channel);
    __syncthreads();
  }
}

}  // namespace

bool convolution_few_channels_fits(const ConvolutionShape& shape) {
  return !shape.transposed && shape.in.c <= 4 &&
         shared_bytes(shape, few_tile(shape)) <= static_cast<std::int64_t>(kMostShared);
}

void convolution_few_channels(const ConvolutionDeviceParams& p, Stream stream) {
  const FewTile tile = few_tile(p.shape);
  const FewParams params{p, tile, vectors_fit(p.out, 4)};
  const dim3 grid(blocks_for(p.out.dims.w, kWide) * blocks_for(p.out.dims.c, 8 * tile.channel_threads),
                  blocks_for(p.out.dims.h, tile.rows()), static_cast<unsigned>(p.out.dims.n));
  launch(few_channels_kernel, {grid, kThreads, static_cast<std::size_t>(shared_bytes(p.shape, tile))}, stream,
         params);
}

}  // namespace cuhue
