// Where a convolution's outputs take their inputs from, along one axis.
#pragma once

#include "kernels/convolution/convolution.h"

namespace cuhue {

// Output number i lies at out_first + i out_step; its tap t is the kernel's row (column) tap_first + t
// tap_step and reads the input at in_first + i in_stride + t in_tap, where that is inside.
struct ConvolutionAxis {
  int outputs = 0, out_first = 0, out_step = 1;
  int taps = 0, tap_first = 0, tap_step = 1;
  int in_first = 0, in_stride = 1, in_tap = 1;
};

// A transposed convolution of stride s is s dense ones an axis, of stride 1, whose outputs interleave: phase
// p makes the outputs p, p + s, ... from the taps that meet a real input there. Otherwise there is phase 0
// only.
inline ConvolutionAxis convolution_axis(const ConvolutionShape& s, bool vertical, int phase) {
  const int out = static_cast<int>(vertical ? s.out.h : s.out.w), kernel = vertical ? s.kernel_h : s.kernel_w,
            pad = vertical ? s.pad_top : s.pad_left;
  if (!s.transposed) return {out, 0, 1, kernel, 0, 1, -pad, s.stride, s.dilation};
  ConvolutionAxis a;
  a.outputs = (out - phase + s.stride - 1) / s.stride;
  a.out_first = phase;
  a.out_step = s.stride;
  // Tap r of output y reads input (y + pad - r dilation) / stride, where that is whole.
  for (int r = 0; r < kernel; ++r) {
    const int at = phase + pad - r * s.dilation;
    if (at % s.stride != 0) continue;
    if (a.taps == 0) {
      a.tap_first = r;
      a.in_first = at / s.stride;
    } else if (a.taps == 1) {
      a.tap_step = r - a.tap_first;
      a.in_tap = at / s.stride - a.in_first;
    }
    ++a.taps;
  }
  return a;
}

constexpr int convolution_phases(const ConvolutionShape& s) {
  return s.transposed ? s.stride * s.stride : 1;
}

}  // namespace cuhue
