#include "runtime/cpu/reference_ops.h"

#include "kernels/core/parallel.h"
#include "kernels/pad/pad.h"
#include "runtime/graph/kernel_params.h"

namespace cuhue::cpu {
namespace {

struct Pixel {
  std::int64_t h = 0, w = 0;
};

const float* plane_of(const TensorRef& t, std::int64_t n, std::int64_t c) {
  return t.data + n * t.batch_stride + c * t.plane();
}

// Calls body(n, c, out plane) for every output plane, in parallel.
template <class Body>
void each_plane(const TensorRef& out, Body&& body) {
  parallel_for(out.dims.n * out.dims.c, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t n = i / out.dims.c, c = i % out.dims.c;
      body(n, c, out.data + n * out.batch_stride + c * out.plane());
    }
  });
}

bool inside(const Dims& d, const Pixel& p) {
  return p.h >= 0 && p.h < d.h && p.w >= 0 && p.w < d.w;
}

// One output pixel of a convolution: the sum over input channels and the window.
double window_sum(const Convolution& op, const TensorRef& x, std::int64_t n, const float* weight, Pixel at) {
  const std::int64_t taps = std::int64_t{op.kernel_h} * op.kernel_w;
  const std::int64_t times = op.enlarged ? 2 : 1;
  const Dims seen{x.dims.n, x.dims.c, times * x.dims.h, times * x.dims.w};
  double sum = 0;
  for (std::int64_t kh = 0; kh < op.kernel_h; ++kh) {
    for (std::int64_t kw = 0; kw < op.kernel_w; ++kw) {
      Pixel from = {at.h * op.stride + kh * op.dilation, at.w * op.stride + kw * op.dilation};
      if (op.pad_mode == PadMode::zero) {
        from = {from.h - op.pad_top, from.w - op.pad_left};
        if (!inside(seen, from)) continue;
      } else {
        from = {border_source(border_kind(op.pad_mode), from.h, op.pad_top, seen.h),
                border_source(border_kind(op.pad_mode), from.w, op.pad_left, seen.w)};
      }
      const float* pixel = plane_of(x, n, 0) + from.h / times * x.dims.w + from.w / times;
      const float* tap = weight + kh * op.kernel_w + kw;
      for (std::int64_t c = 0; c < x.dims.c; ++c) sum += double{pixel[c * x.plane()]} * tap[c * taps];
    }
  }
  return sum;
}

// One output pixel of a transposed convolution: the inputs whose window covers it.
double covering_sum(const Convolution& op, const TensorRef& x, std::int64_t n, const float* weight,
                    std::int64_t out_channels, Pixel at) {
  const std::int64_t taps = std::int64_t{op.kernel_h} * op.kernel_w;
  double sum = 0;
  for (std::int64_t kh = 0; kh < op.kernel_h; ++kh) {
    for (std::int64_t kw = 0; kw < op.kernel_w; ++kw) {
      const Pixel scaled = {at.h + op.pad_top - kh * op.dilation, at.w + op.pad_left - kw * op.dilation};
      if (scaled.h % op.stride != 0 || scaled.w % op.stride != 0) continue;
      const Pixel from = {scaled.h / op.stride, scaled.w / op.stride};
      if (!inside(x.dims, from)) continue;
      const float* pixel = plane_of(x, n, 0) + from.h * x.dims.w + from.w;
      const float* tap = weight + kh * op.kernel_w + kw;
      for (std::int64_t c = 0; c < x.dims.c; ++c) {
        sum += double{pixel[c * x.plane()]} * tap[c * out_channels * taps];
      }
    }
  }
  return sum;
}

}  // namespace

void reference_convolution(const Convolution& op, const TensorRef& x, const float* weight, const float* bias,
                           const TensorRef& out) {
  const std::int64_t taps = std::int64_t{op.kernel_h} * op.kernel_w;
  each_plane(out, [&](std::int64_t n, std::int64_t c, float* plane) {
    const double start = bias != nullptr ? bias[c] : 0.0;
    for (std::int64_t h = 0; h < out.dims.h; ++h) {
      for (std::int64_t w = 0; w < out.dims.w; ++w) {
        const double sum = op.transposed ? covering_sum(op, x, n, weight + c * taps, out.dims.c, {h, w})
                                         : window_sum(op, x, n, weight + c * x.dims.c * taps, {h, w});
        *plane++ = static_cast<float>(start + sum);
      }
    }
  });
}

void reference_matmul(const TensorRef& x, const float* weight, const float* bias, const TensorRef& out) {
  each_plane(out, [&](std::int64_t n, std::int64_t c, float* plane) {
    double sum = bias != nullptr ? bias[c] : 0.0;
    for (std::int64_t i = 0; i < x.dims.c; ++i) sum += double{*plane_of(x, n, i)} * weight[c * x.dims.c + i];
    *plane = static_cast<float>(sum);
  });
}

}  // namespace cuhue::cpu
