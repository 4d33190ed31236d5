#include "kernels/core/launch.cuh"
#include "kernels/detector_input/detector_input.h"
#include "kernels/detector_input/detector_input_math.h"

namespace cuhue {
namespace {

constexpr int kThreads = 128;

// A thread a pixel of the padded planes.
template <class Sample>
__global__ void floats_kernel(DetectorInputParams p) {
  const auto x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), y = static_cast<int>(blockIdx.y);
  if (x >= p.padded_w) return;
  const bool inside = x < p.out_w && y < p.out_h;
  const DoubleTap row = double_tap(y, p.h, p.out_h), column = double_tap(x, p.w, p.out_w);
  for (int c = 0; c < 3; ++c) {
    const float v =
        inside ? resized_float(static_cast<const Sample*>(p.picture), p.w, row, column, c) - p.mean[c] : 0.0f;
    p.out[(c * p.padded_h + y) * p.padded_w + x] = v;
  }
}

// [h, w, 3] to [h, out_w, 3].
__global__ void rows_kernel(DetectorInputParams p) {
  const auto x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), y = static_cast<int>(blockIdx.y);
  if (x >= p.out_w) return;
  const auto* picture = static_cast<const std::uint8_t*>(p.picture) + y * p.w * 3;
  auto* out = reinterpret_cast<std::uint8_t*>(p.scratch) + (y * p.out_w + x) * 3;
  const TriangleWindow window = triangle_window(x, p.w, p.out_w);
  const double sum = triangle_weight_sum(window);
  for (int c = 0; c < 3; ++c) out[c] = triangle_byte(picture + c, 3, window, sum);
}

__global__ void columns_kernel(DetectorInputParams p, const std::uint8_t* between) {
  const auto x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), y = static_cast<int>(blockIdx.y);
  if (x >= p.padded_w) return;
  const bool inside = x < p.out_w && y < p.out_h;
  const TriangleWindow window = triangle_window(y, p.h, p.out_h);
  const double sum = triangle_weight_sum(window);
  for (int c = 0; c < 3; ++c) {
    float v = 0;
    if (inside) {
      const std::uint8_t* column = between + x * 3 + c;
      const std::uint8_t byte =
          p.h == p.out_h ? column[y * p.out_w * 3] : triangle_byte(column, p.out_w * 3, window, sum);
      v = static_cast<float>(byte) - p.mean[c];
    }
    p.out[(c * p.padded_h + y) * p.padded_w + x] = v;
  }
}

}  // namespace

void detector_input_cuda(const DetectorInputParams& p, Stream stream) {
  checked_int(p.padded_h * p.padded_w * 3);
  checked_int(p.h * (p.w > p.out_w ? p.w : p.out_w) * 3);
  const dim3 grid(blocks_for(p.padded_w, kThreads), static_cast<unsigned>(p.padded_h));
  switch (p.sample) {
    case PictureSample::f32: return launch(floats_kernel<float>, {grid, kThreads}, stream, p);
    case PictureSample::f64: return launch(floats_kernel<double>, {grid, kThreads}, stream, p);
    case PictureSample::u8: break;
  }
  const auto* between = static_cast<const std::uint8_t*>(p.picture);
  if (p.w != p.out_w) {
    const dim3 rows(blocks_for(p.out_w, kThreads), static_cast<unsigned>(p.h));
    launch(rows_kernel, {rows, kThreads}, stream, p);
    between = reinterpret_cast<const std::uint8_t*>(p.scratch);
  }
  launch(columns_kernel, {grid, kThreads}, stream, p, between);
}

}  // namespace cuhue
