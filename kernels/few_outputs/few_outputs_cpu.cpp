#include <algorithm>
#include <cstddef>

#include "kernels/core/parallel.h"
#include "kernels/core/vector_targets.h"
#include "kernels/few_outputs/few_outputs.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/few_outputs/few_outputs_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace cuhue {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(D()));
alignas(64) constexpr float kZeros[kFewOutputsGroup] = {};

// Pixels whose sums stay in registers: 32 of 16 and of 4 floats, 16 of 8 floats.
constexpr int pixels_of(int outs) {
  return std::min(8, (kLanes == 8 ? 12 : 24) / outs);
}

// One tap of a row of outputs: the row of the first channel's group that it reads, and its weights.
struct Line {
  std::ptrdiff_t row = 0;
  std::int64_t weight = 0;
  int dx = 0;
};

struct Row {
  const FewOutputsParams* params = nullptr;
  const float* image = nullptr;
  float* out = nullptr;  // pixel 0 of the phase
  std::int64_t count = 0;
  int least_dx = 0, most_dx = 0;
  Line lines[kMostFewOutputTaps];
  int line_count = 0;
};

// Where the input of pixel j and a tap starts in a line.
template <bool inside>
HWY_INLINE const float* pixel_at(const Row& row, const float* line, std::int64_t j, int dx) {
  const TensorRef& x = row.params->x;
  if (inside) return line + (j + dx) * x.block;
  const std::int64_t column = border_source(row.params->plan->shape.border, j + dx, 0, x.dims.w);
  // Behind a short row's last pixel anything may be read.
  return column < 0 || column >= x.dims.w ? kZeros : line + column * x.block;
}

template <int outs, bool inside>
HWY_INLINE void strip(const Row& row, std::int64_t first) {
  constexpr int kPixels = pixels_of(outs);
  const D tag;
  const FewOutputsParams& p = *row.params;
  const std::int64_t taps = p.plan->taps;
  V sum[kPixels][outs];
#pragma GCC unroll 8
  for (int i = 0; i < kPixels; ++i)
#pragma GCC unroll 4
    for (int o = 0; o < outs; ++o) sum[i][o] = hn::Zero(tag);
  for (std::int64_t c = 0; c < p.x.dims.c; c += kLanes) {
    const float* plane = row.image + c / p.x.block * p.x.plane() + c % p.x.block;
    const float* weights =
        p.weight + c / kFewOutputsGroup * taps * outs * kFewOutputsGroup + c % kFewOutputsGroup;
    for (int t = 0; t < row.line_count; ++t) {
      const Line& line = row.lines[t];
      V weight[outs];
#pragma GCC unroll 4
      for (int o = 0; o < outs; ++o)
        weight[o] = hn::Load(tag, weights + (line.weight * outs + o) * kFewOutputsGroup);
#pragma GCC unroll 8
      for (int i = 0; i < kPixels; ++i) {
        const V x = hn::LoadU(tag, pixel_at<inside>(row, plane + line.row, first + i, line.dx));
#pragma GCC unroll 4
        for (int o = 0; o < outs; ++o) sum[i][o] = hn::MulAdd(x, weight[o], sum[i][o]);
      }
    }
  }
  const std::int64_t count = std::min<std::int64_t>(kPixels, row.count - first);
#pragma GCC unroll 4
  for (int o = 0; o < outs; ++o) {
    const float bias = p.bias == nullptr ? 0.0f : p.bias[o];
    float* to = row.out + o * p.out.plane() + first * p.plan->step;
#pragma GCC unroll 8
    for (int i = 0; i < kPixels; ++i)
      if (i < count) to[i * p.plan->step] = hn::GetLane(hn::SumOfLanes(tag, sum[i][o])) + bias;
  }
}

template <int outs>
void run_row(const Row& row) {
  constexpr int kPixels = pixels_of(outs);
  for (std::int64_t j = 0; j < row.count; j += kPixels) {
    const bool inside = j + row.least_dx >= 0 && j + kPixels - 1 + row.most_dx < row.params->x.dims.w;
    if (inside) {
      strip<outs, true>(row, j);
    } else {
      strip<outs, false>(row, j);
    }
  }
}

// Row number `i` of a phase of an image.
void few_outputs_row(const FewOutputsParams& p, const FewOutputsPhase& phase, std::int64_t image,
                     std::int64_t i) {
  const FewOutputsPlan& plan = *p.plan;
  Row row;
  row.params = &p;
  row.image = p.x.data + image * p.x.batch_stride;
  row.out = p.out.data + image * p.out.batch_stride + (i * plan.step + phase.y) * p.out.dims.w + phase.x;
  row.count = (p.out.dims.w - phase.x + plan.step - 1) / plan.step;
  for (std::size_t t = 0; t < phase.taps.size(); ++t) {
    const FewOutputsPhase::Tap& tap = phase.taps[t];
    const std::int64_t source = border_source(plan.shape.border, i + tap.dy, 0, p.x.dims.h);
    if (source < 0) continue;
    row.lines[row.line_count++] = {source * p.x.dims.w * p.x.block,
                                   phase.first_tap + static_cast<std::int64_t>(t), tap.dx};
    row.least_dx = std::min(row.least_dx, tap.dx);
    row.most_dx = std::max(row.most_dx, tap.dx);
  }
  switch (p.out.dims.c) {
    case 1: return run_row<1>(row);
    case 2: return run_row<2>(row);
    case 3: return run_row<3>(row);
    default: return run_row<4>(row);
  }
}

int few_outputs_lanes_here() {
  return kLanes;
}

}  // namespace HWY_NAMESPACE
}  // namespace cuhue
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cuhue {
HWY_EXPORT(few_outputs_row);
HWY_EXPORT(few_outputs_lanes_here);

int few_outputs_lanes() {
  return HWY_DYNAMIC_DISPATCH(few_outputs_lanes_here)();
}

FewOutputsPlan plan_few_outputs(const FewOutputsShape& shape) {
  FewOutputsPlan plan;
  plan.shape = shape;
  plan.step = shape.transposed ? 2 : 1;
  for (int y = 0; y < plan.step; ++y) {
    for (int x = 0; x < plan.step; ++x) {
      FewOutputsPhase phase;
      phase.y = y;
      phase.x = x;
      phase.first_tap = plan.taps;
      for (int ky = 0; ky < shape.kernel_h; ++ky) {
        for (int kx = 0; kx < shape.kernel_w; ++kx) {
          const int kernel = ky * shape.kernel_w + kx;
          // Transposed: input i reaches output 2 i - pad + k.
          const int below = y + shape.pad_top - ky, right = x + shape.pad_left - kx;
          if (!shape.transposed) {
            phase.taps.push_back({ky - shape.pad_top, kx - shape.pad_left, kernel});
          } else if (below % 2 == 0 && right % 2 == 0) {
            phase.taps.push_back({below / 2, right / 2, kernel});
          }
        }
      }
      plan.taps += static_cast<std::int64_t>(phase.taps.size());
      plan.phases.push_back(std::move(phase));
    }
  }
  return plan;
}

std::int64_t few_outputs_weight_floats(const FewOutputsPlan& plan) {
  return (plan.shape.in.c + kFewOutputsGroup - 1) / kFewOutputsGroup * kFewOutputsGroup * plan.taps *
         plan.shape.out.c;
}

void pack_few_outputs_weight(const FewOutputsPlan& plan, const float* weight, float* packed) {
  const FewOutputsShape& s = plan.shape;
  const std::int64_t size = std::int64_t{s.kernel_h} * s.kernel_w;
  const std::int64_t in_stride = s.transposed ? s.out.c * size : size;
  const std::int64_t out_stride = s.transposed ? size : s.in.c * size;
  for (std::int64_t first = 0; first < s.in.c; first += kFewOutputsGroup)
    for (const FewOutputsPhase& phase : plan.phases)
      for (const FewOutputsPhase::Tap& tap : phase.taps)
        for (std::int64_t o = 0; o < s.out.c; ++o)
          for (std::int64_t c = first; c < first + kFewOutputsGroup; ++c)
            *packed++ = c < s.in.c ? weight[c * in_stride + o * out_stride + tap.kernel] : 0.0f;
}

void few_outputs_cpu(const FewOutputsParams& p) {
  const FewOutputsPlan& plan = *p.plan;
  const auto phases = static_cast<std::int64_t>(plan.phases.size());
  const std::int64_t rows = (p.out.dims.h + plan.step - 1) / plan.step;
  const auto row = HWY_DYNAMIC_DISPATCH(few_outputs_row);
  parallel_for(p.x.dims.n * rows, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      for (std::int64_t i = 0; i < phases; ++i) {
        const FewOutputsPhase& phase = plan.phases[static_cast<std::size_t>(i)];
        if (item % rows * plan.step + phase.y < p.out.dims.h) row(p, phase, item / rows, item % rows);
      }
    }
  });
}
}  // namespace cuhue
#endif
