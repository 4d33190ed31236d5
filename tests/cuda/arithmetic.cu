// Every host-and-device function of kernels/, called from one CUDA kernel: compiling it is the test.
#include <cstdint>

#include "kernels/color/lab.h"
#include "kernels/core/math.h"
#include "kernels/elementwise/activation.h"
#include "kernels/resample/bicubic.h"
#include "kernels/resample/bilinear.h"
#include "kernels/softmax/softmax_math.h"

namespace cuhue {

__device__ float color(float x) {
  const float y = luminance_y(srgb_to_linear(x), x, x);
  const LinearRgb c = lab_to_linear(y, lab_f(y), x, x);
  const float luma = rec709_luma(c.r, c.g, c.b) + lab_lightness(lab_f(y));
  return luma + static_cast<float>(quantize<true>(linear_to_srgb(c.r), 255.0f) +
                                   quantize<false>(linear_to_srgb(c.g), 255.0f) + sample_16_to_8(12345));
}

__device__ float resample(std::int64_t o, float x) {
  const BicubicWindow window = bicubic_window(o, 64, 16);
  const double weight = bicubic_weight(x) + bicubic_raw_weight(window, 0);
  const BilinearTap tap = bilinear_tap(o, 0.25f, 16);
  const float mixed = bilinear_mix(x, x, x, x, tap.w1, tap.w1) + mix(x, x, tap.w1);
  return mixed +
         static_cast<float>(bicubic_byte(bicubic_fixed_weight(weight)) + bicubic_window_bound(64, 16));
}

__device__ float elementwise(float x) {
  return relu(x) + leaky_relu(x, 0.2f) + sigmoid(x) + tanh_bounded(x) + affine(x, 2.0f, 1.0f) +
         softmax_term(x, softmax_max(0.0f, x), 1.0f);
}

// x [n] -> y [n]
__global__ void every_function(const float* x, float* y, std::int64_t n) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n)
    y[i] = color(x[i]) + resample(i, x[i]) + elementwise(x[i]) + exp_bounded(x[i]) + square_root(x[i]);
}

}  // namespace cuhue
