// Which kernel, which tiles: host code only.
#include "kernels/convolution/convolution.h"

#include <algorithm>

#include "kernels/convolution/gemm.h"
#include "kernels/core/launch.cuh"
#include "kernels/elementwise/epilogue.cuh"

namespace cuhue {
namespace {

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

bool aligned_to_16(const void* data) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0;
}

// What one phase has at most.
struct Work {
  std::int64_t pixels, channels, taps;
};
Work work_of(const ConvolutionShape& s) {
  const ConvolutionAxis y = convolution_axis(s, true, 0), x = convolution_axis(s, false, 0);
  const std::int64_t per_axis = s.transposed ? s.stride : 1;
  return {s.out.n * y.outputs * x.outputs, s.out.c,
          ceil_div(s.kernel_h, per_axis) * ceil_div(s.kernel_w, per_axis)};
}

// Splits that bring `tiles` blocks to twice the multiprocessors, with sums that stay long enough to be worth
// a launch more. None where most multiprocessors have a tile anyway.
int splits_for(std::int64_t tiles, std::int64_t steps, int multiprocessors) {
  constexpr std::int64_t kShortest = 8, kMost = 16;
  if (2 * tiles > multiprocessors) return 1;
  const std::int64_t wanted = 2 * std::int64_t{multiprocessors} / tiles;
  return static_cast<int>(std::max<std::int64_t>(1, std::min({wanted, steps / kShortest, kMost})));
}

void check_indices(const ConvolutionDeviceParams& p) {
  const ConvolutionShape& s = p.shape;
  checked_int(p.x.pixels() * p.x.pitch);
  checked_int(p.out.pixels() * p.out.pitch);
  checked_int(s.out.c * s.kernel_h * s.kernel_w * s.in.c);
}

void gemm(const ConvolutionDeviceParams& p, Stream stream) {
  const ConvolutionShape& s = p.shape;
  const GemmTiling tiling = gemm_tiling(s, gemm_math(p), p.multiprocessors);
  GemmParams g;
  g.conv = p;
  g.splits = tiling.splits;
  g.out_vectors = vectors_fit(p.out, 4);
  g.x_vectors = vectors_fit(p.x, 4);
  g.weight_vectors = s.in.c % 4 == 0 && aligned_to_16(p.weight);
  if (tiling.splits > 1) {
    checked_int(p.out.pixels() * gemm_partial_pitch(static_cast<int>(s.out.c)) * tiling.splits);
    g.partial = reinterpret_cast<float*>(p.scratch);
  }
  const int phases = convolution_phases(s);
  for (int first = 0; first < phases; first += GemmParams::kMostPhases) {
    const int count = std::min(phases - first, GemmParams::kMostPhases);
    for (int i = 0; i < count; ++i)
      g.phases[i] = {convolution_axis(s, true, (first + i) / s.stride),
                     convolution_axis(s, false, (first + i) % s.stride)};
    if (tiling.math == ConvolutionMath::fp16) {
      gemm_fp16(g, tiling, count, stream);
    } else if (tiling.math == ConvolutionMath::tf32) {
      gemm_tf32(g, tiling, count, stream);
    } else {
      gemm_fp32(g, tiling, count, stream);
    }
  }
  if (tiling.splits > 1) gemm_reduce(g, stream);
}

}  // namespace

ConvolutionKernel convolution_kernel(const ConvolutionShape& shape) {
  if (shape.transposed) return ConvolutionKernel::transposed_phases;
  return convolution_few_channels_fits(shape) ? ConvolutionKernel::few_channels
                                              : ConvolutionKernel::implicit_gemm;
}

WeightOrder convolution_weight_order(const ConvolutionShape& shape) {
  return convolution_kernel(shape) == ConvolutionKernel::few_channels ? WeightOrder::rsck : WeightOrder::krsc;
}

Element convolution_weight_element(const ConvolutionShape& shape, ConvolutionMath math) {
  return math == ConvolutionMath::fp16 && convolution_kernel(shape) != ConvolutionKernel::few_channels
             ? Element::f16
             : Element::f32;
}

ConvolutionMath gemm_math(const ConvolutionDeviceParams& p) {
  const Element element = p.math == ConvolutionMath::fp16 ? Element::f16 : Element::f32;
  const bool fit =
      p.x.element == element && vectors_fit(p.x, 16 / element_bytes(element)) && aligned_to_16(p.weight);
  return fit ? p.math : ConvolutionMath::fp32;
}

GemmTiling gemm_tiling(const ConvolutionShape& shape, ConvolutionMath math, int multiprocessors) {
  const Work work = work_of(shape);
  const auto tiles = [&](int pixels, int channels) {
    return ceil_div(work.pixels, pixels) * ceil_div(work.channels, channels) * convolution_phases(shape);
  };
  const bool tensor = math != ConvolutionMath::fp32;
  GemmTiling t{math, 64, 64, 1};
  if (work.channels <= 16) {
    t = {math, 128, 16, 1};
  } else if (work.pixels <= 16) {
    t.pixels = 16;
  } else if (tensor && work.channels > 64 && tiles(128, 128) >= multiprocessors) {
    t = {math, 128, 128, 1};
  } else if (tensor && tiles(128, 64) >= multiprocessors) {
    t.pixels = 128;
  }
  const int depth = math == ConvolutionMath::fp16 ? 32 : 16;  // of a step of the sum
  t.splits =
      splits_for(tiles(t.pixels, t.channels), work.taps * ceil_div(shape.in.c, depth), multiprocessors);
  return t;
}

std::size_t convolution_scratch_bytes(const ConvolutionShape& shape, ConvolutionMath math,
                                      int multiprocessors) {
  if (convolution_kernel(shape) == ConvolutionKernel::few_channels) return 0;
  // Tensors that turn out not to fit the tensor cores take the plain ones.
  const int splits = std::max(gemm_tiling(shape, math, multiprocessors).splits,
                              gemm_tiling(shape, ConvolutionMath::fp32, multiprocessors).splits);
  if (splits == 1) return 0;
  return sizeof(float) * static_cast<std::size_t>(shape.out.n * shape.out.h * shape.out.w) *
         static_cast<std::size_t>(gemm_partial_pitch(static_cast<int>(shape.out.c)) * splits);
}

int convolution_launches(const ConvolutionDeviceParams& p) {
  if (convolution_kernel(p.shape) == ConvolutionKernel::few_channels) return 1;
  const int splits = gemm_tiling(p.shape, gemm_math(p), p.multiprocessors).splits;
  return static_cast<int>(ceil_div(convolution_phases(p.shape), GemmParams::kMostPhases)) +
         (splits > 1 ? 1 : 0);
}

void convolution_cuda(const ConvolutionDeviceParams& p, Stream stream) {
  check_indices(p);
  if (convolution_kernel(p.shape) == ConvolutionKernel::few_channels) {
    convolution_few_channels(p, stream);
  } else {
    gemm(p, stream);
  }
}

}  // namespace cuhue
