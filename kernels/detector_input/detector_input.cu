#include "kernels/color/lab.h"
#include "kernels/core/photo.cuh"
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

constexpr int kLightnessRows = 8;  // of a block: its table of linear light is worth it

__device__ inline int byte_of(std::uint32_t bytes, int i) {
  return static_cast<int>(bytes >> 8 * i & 255);
}
__device__ inline int byte_of(std::uint64_t samples, int i) {
  return sample_16_to_8(static_cast<std::int32_t>(samples >> 16 * i & 0xffff));
}

// A thread four pixels of some rows.
template <class Format>
__global__ void __launch_bounds__(kThreads) lightness_kernel(PhotoRef photo, YuvToRgb factors, double* out) {
  __shared__ double linear[256];
  const auto thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < 256; i += kThreads) linear[i] = linear_of_byte(i);
  __syncthreads();
  const int w = static_cast<int>(photo.width), h = static_cast<int>(photo.height);
  const int x = 4 * (static_cast<int>(blockIdx.x) * kThreads + thread);
  const int first = static_cast<int>(blockIdx.y) * kLightnessRows;
  if (x >= w) return;
  for (int y = first; y < min(first + kLightnessRows, h); ++y) {
    const auto pixels = Format::four(photo, factors, y, x);
#pragma unroll 1
    for (int i = 0; i < min(4, w - x); ++i) {
      const DetectorGrey grey = lightness_grey(linear[byte_of(pixels.r, i)], linear[byte_of(pixels.g, i)],
                                               linear[byte_of(pixels.b, i)]);
      double* to = out + (y * w + x + i) * 3;
      for (int c = 0; c < 3; ++c) to[c] = grey.channel[c];
    }
  }
}

}  // namespace

void lightness_picture_cuda(const PhotoRef& photo, double* out, Stream stream) {
  checked_int(photo.height * photo.width * 3);
  checked_int(photo.width * photo.channels * photo.bytes_per_sample + 16);
  const dim3 grid(blocks_for(photo.width, 4 * kThreads), blocks_for(photo.height, kLightnessRows));
  with_format(photo, [&](auto format) {
    launch(lightness_kernel<decltype(format)>, {grid, kThreads}, stream, photo, yuv_to_rgb(photo.coding),
           out);
  });
}

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
