#include "kernels/winograd/winograd_kernels.h"

#include <algorithm>

// What is worth a compilation of its own; vectors of a length known only at run time are not used.
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/winograd/winograd_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace cuhue::winograd {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(D()));
// Sums of kRows x kVectors vectors, one broadcast input and a row of filters fill the registers: 32 of 16 and
// of 4 floats, 16 of 8 floats.
constexpr int kVectors = kLanes >= 8 ? 2 : 16 / kLanes;
constexpr int kPanel = kVectors * kLanes;
constexpr int kRows = kLanes == 16 ? 14 : 6;
// Input channels of one pass: their filters of a panel, at all points, take a third of an L2 of 1 MiB, and at
// one point stay in the first cache while all tiles of a block pass by.
constexpr int kDepth = 2048 / kPanel;

HWY_INLINE V times(V x, float factor) {
  return hn::Mul(x, hn::Set(D(), factor));
}
HWY_INLINE V plus(V sum, V x, float factor) {  // sum + factor x
  return hn::MulAdd(x, hn::Set(D(), factor), sum);
}

// B^T d: six pixels of a line to six points.
HWY_INLINE void input_line(const V* d, std::ptrdiff_t step, V* to) {
  const V d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
  const V even = plus(d4, d2, -4.0f), odd = plus(d3, d1, -4.0f);
  const V even2 = hn::Sub(d4, d2), odd2 = hn::Sub(d3, d1);
  to[0] = plus(plus(d4, d2, -5.0f), d0, 4.0f);
  to[1] = hn::Add(even, odd);
  to[2] = hn::Sub(even, odd);
  to[3] = plus(even2, odd2, 2.0f);
  to[4] = plus(even2, odd2, -2.0f);
  to[5] = plus(plus(d5, d3, -5.0f), d1, 4.0f);
}

// G g: three taps of a filter to six points.
HWY_INLINE void filter_line(const V* g, std::ptrdiff_t step, V* to) {
  const V g0 = g[0], g1 = g[step], g2 = g[2 * step];
  const V near = times(hn::Add(g0, g2), -1.0f / 6.0f);
  const V far = plus(times(g0, 1.0f / 24.0f), g2, 1.0f / 6.0f);
  to[0] = times(g0, 0.25f);
  to[1] = plus(near, g1, -1.0f / 6.0f);
  to[2] = plus(near, g1, 1.0f / 6.0f);
  to[3] = plus(far, g1, 1.0f / 12.0f);
  to[4] = plus(far, g1, -1.0f / 12.0f);
  to[5] = g2;
}

// A^T m: six points to four pixels.
HWY_INLINE void output_line(const V* m, std::ptrdiff_t step, V* to) {
  const V sum = hn::Add(m[step], m[2 * step]), difference = hn::Sub(m[step], m[2 * step]);
  const V sum2 = hn::Add(m[3 * step], m[4 * step]), difference2 = hn::Sub(m[3 * step], m[4 * step]);
  to[0] = hn::Add(hn::Add(m[0], sum), sum2);
  to[1] = plus(difference, difference2, 2.0f);
  to[2] = plus(sum, sum2, 4.0f);
  to[3] = hn::Add(plus(difference, difference2, 8.0f), m[5 * step]);
}

// 6x6 pixels of kLanes channels; `plane` is the first channel of pixel 0, 0.
HWY_INLINE void load_tile(const float* plane, const TensorRef& x, const WinogradLine& row,
                          const WinogradLine& column, V* d) {
  const D tag;
  for (int y = 0; y < 6; ++y) {
    const float* line = plane + row.source[y] * x.dims.w * x.block;
    if (row.inside && column.inside) {
      for (int i = 0; i < 6; ++i) d[6 * y + i] = hn::LoadU(tag, line + column.source[i] * x.block);
    } else {
      for (int i = 0; i < 6; ++i) {
        const bool zero = row.source[y] < 0 || column.source[i] < 0;
        d[6 * y + i] = zero ? hn::Zero(tag) : hn::LoadU(tag, line + column.source[i] * x.block);
      }
    }
  }
}

// Tiles [first, first + rows) of a block are multiplied together.
struct Part {
  std::int64_t first, rows;
};
HWY_INLINE std::int64_t parts_of(std::int64_t tiles) {
  return (tiles + kRows - 1) / kRows;
}
HWY_INLINE Part part_of(std::int64_t tiles, std::int64_t i) {
  const std::int64_t parts = parts_of(tiles), first = tiles * i / parts;
  return {first, tiles * (i + 1) / parts - first};
}

HWY_INLINE void transform_tile(const V* d, float* to, std::ptrdiff_t point) {
  V half[36], line[6];
  for (int i = 0; i < 6; ++i) {
    input_line(d + i, 6, line);
    for (int y = 0; y < 6; ++y) half[6 * y + i] = line[y];
  }
  for (int y = 0; y < 6; ++y) {
    input_line(half + 6 * y, 1, line);
    for (int i = 0; i < 6; ++i) hn::Store(line[i], D(), to + (6 * y + i) * point);
  }
}

void transform_inputs(const InputJob& job) {
  const WinogradPlan& plan = *job.plan;
  const auto per_row = static_cast<std::int64_t>(plan.columns.size());
  const auto per_image = per_row * static_cast<std::int64_t>(plan.rows.size());
  V d[36];
  for (std::int64_t g = job.first_group; g < job.first_group + job.groups; ++g) {
    const std::int64_t channel = g * kLanes;
    const float* group = job.x.data + channel / job.x.block * job.x.plane() + channel % job.x.block;
    for (std::int64_t i = 0; i < parts_of(job.tiles); ++i) {
      const Part part = part_of(job.tiles, i);
      float* to = job.to.data + (part.first * job.to.groups + g * part.rows) * kLanes;
      for (std::int64_t t = 0; t < part.rows; ++t, to += kLanes) {
        const std::int64_t tile = job.first_tile + part.first + t, place = tile % per_image;
        const WinogradLine& row = plan.rows[static_cast<std::size_t>(place / per_row)];
        const WinogradLine& column = plan.columns[static_cast<std::size_t>(place % per_row)];
        load_tile(group + tile / per_image * job.x.batch_stride, job.x, row, column, d);
        transform_tile(d, to, job.to.point);
      }
    }
  }
}

void transform_filters(const FilterJob& job) {
  const D tag;
  const WinogradShape& shape = job.plan->shape;
  V g[9], half[18], line[6];
  for (int v = 0; v < kVectors; ++v) {
    const std::int64_t channel = job.first_out + v * kLanes;
    float* to = job.to + v * kLanes;
    if (channel >= shape.out.c) {  // behind the last group of packed filters
      for (std::int64_t c = 0; c < job.depth; ++c, to += kPanel)
        for (int p = 0; p < kPoints; ++p) hn::Store(hn::Zero(tag), tag, to + p * job.point);
      continue;
    }
    const float* from = job.packed + (channel / kFilterGroup * shape.in.c + job.first_in) * 9 * kFilterGroup +
                        channel % kFilterGroup;
    for (std::int64_t c = 0; c < job.depth; ++c, from += 9 * kFilterGroup, to += kPanel) {
      for (int i = 0; i < 9; ++i) g[i] = hn::LoadU(tag, from + i * kFilterGroup);
      for (int i = 0; i < 3; ++i) {
        filter_line(g + i, 3, line);
        for (int y = 0; y < 6; ++y) half[3 * y + i] = line[y];
      }
      for (int y = 0; y < 6; ++y) {
        filter_line(half + 3 * y, 1, line);
        for (int i = 0; i < 6; ++i) hn::Store(line[i], tag, to + (6 * y + i) * job.point);
      }
    }
  }
}

// m [rows][kPanel] (+)= a [channels][rows] b [channels][kPanel]; `group` floats lie between kLanes channels
// of a.
template <int rows>
HWY_NOINLINE void multiply_rows(const float* HWY_RESTRICT a, std::ptrdiff_t group,
                                const float* HWY_RESTRICT b, std::int64_t channels, float* HWY_RESTRICT m,
                                bool add) {
  const D tag;
  V sum[rows][kVectors];
#pragma GCC unroll 14
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v)
      sum[r][v] = add ? hn::Load(tag, m + r * kPanel + v * kLanes) : hn::Zero(tag);
  for (std::int64_t c = 0; c < channels; c += kLanes, a += group) {
    const float* last = a + std::min<std::int64_t>(kLanes, channels - c);
    for (const float* at = a; at != last; ++at, b += kPanel) {
      V filter[kVectors];
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) filter[v] = hn::Load(tag, b + v * kLanes);
#pragma GCC unroll 14
      for (int r = 0; r < rows; ++r) {
        const V input = hn::Set(tag, at[r * kLanes]);
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(input, filter[v], sum[r][v]);
      }
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) hn::Store(sum[r][v], tag, m + r * kPanel + v * kLanes);
}

using MultiplyRows = void (*)(const float*, std::ptrdiff_t, const float*, std::int64_t, float*, bool);
template <std::size_t... i>
MultiplyRows multiply_function(int rows, std::index_sequence<i...>) {
  static constexpr MultiplyRows kTable[] = {multiply_rows<static_cast<int>(i) + 1>...};
  return kTable[rows - 1];
}

void multiply(const ProductJob& job) {
  for (int p = 0; p < kPoints; ++p) {
    const float* inputs = job.inputs.data + p * job.inputs.point;
    const float* b = job.filters + p * job.filter_point;
    float* m = job.products + p * job.product_point;
    for (std::int64_t i = 0; i < parts_of(job.tiles); ++i) {
      const Part part = part_of(job.tiles, i);
      const float* a = inputs + part.first * job.inputs.groups * kLanes + job.first_in * part.rows;
      multiply_function(static_cast<int>(part.rows), std::make_index_sequence<kRows>())(
          a, part.rows * kLanes, b, job.depth, m + part.first * kPanel, job.first_in > 0);
    }
  }
}

// Where vectors of one tile go; offsets in floats from an image's first.
struct Pixels {
  std::ptrdiff_t offset[16];
  int count = 0;
  std::ptrdiff_t channel = 0;  // of the vector: offset of its block
};

HWY_INLINE void epilogue_step(const ElementwiseStep& step, std::int64_t channel, const float* other,
                              const Pixels& pixels, V* y) {
  const D tag;
  const V zero = hn::Zero(tag);
  switch (step.kind) {
    case ElementwiseKind::relu:
      for (int i = 0; i < 16; ++i) y[i] = hn::IfThenElse(hn::Lt(y[i], zero), zero, y[i]);
      break;
    case ElementwiseKind::leaky_relu:
      for (int i = 0; i < 16; ++i) y[i] = hn::IfThenElse(hn::Lt(y[i], zero), times(y[i], step.alpha), y[i]);
      break;
    case ElementwiseKind::scalar_affine:
      for (int i = 0; i < 16; ++i) y[i] = hn::Add(times(y[i], step.alpha), hn::Set(tag, step.beta));
      break;
    case ElementwiseKind::channel_affine: {
      const V scale = hn::LoadU(tag, step.scale + channel), shift = hn::LoadU(tag, step.shift + channel);
      for (int i = 0; i < 16; ++i) y[i] = hn::Add(hn::Mul(y[i], scale), shift);
      break;
    }
    case ElementwiseKind::add:
      for (int i = 0; i < pixels.count; ++i) y[i] = hn::Add(y[i], hn::LoadU(tag, other + pixels.offset[i]));
      break;
    default: break;  // not a step of this kernel
  }
}

// A^T m A of kLanes channels of one tile, the tile's rows of pixels one after another.
HWY_INLINE void output_tile(const float* products, std::ptrdiff_t point, V* y) {
  V m[36], half[24], line[4];
  for (int p = 0; p < kPoints; ++p) m[p] = hn::Load(D(), products + p * point);
  for (int i = 0; i < 6; ++i) {
    output_line(m + i, 6, line);
    for (int r = 0; r < 4; ++r) half[6 * r + i] = line[r];
  }
  for (int r = 0; r < 4; ++r) output_line(half + 6 * r, 1, y + 4 * r);
}

Pixels pixels_of(const WinogradLine& row, const WinogradLine& column, const WinogradParams& p) {
  Pixels pixels;
  const std::int64_t step = p.plan->shape.dilation;
  for (int r = 0; r < row.outs; ++r)
    for (int i = 0; i < column.outs; ++i)
      pixels.offset[pixels.count++] =
          ((row.first_out + r * step) * p.out.dims.w + column.first_out + i * step) * p.out.block;
  return pixels;
}

void transform_outputs(const OutputJob& job) {
  const D tag;
  const WinogradParams& p = *job.params;
  const WinogradPlan& plan = *p.plan;
  const auto per_row = static_cast<std::int64_t>(plan.columns.size());
  const auto per_image = per_row * static_cast<std::int64_t>(plan.rows.size());
  const std::int64_t channels =
      std::min<std::int64_t>(kPanel, p.out.blocks() * p.out.block - job.first_channel);
  for (std::int64_t t = 0; t < job.tiles; ++t) {
    const std::int64_t tile = job.first_tile + t, image = tile / per_image, place = tile % per_image;
    const WinogradLine& row = plan.rows[static_cast<std::size_t>(place / per_row)];
    const WinogradLine& column = plan.columns[static_cast<std::size_t>(place % per_row)];
    const Pixels pixels = pixels_of(row, column, p);
    for (std::int64_t v = 0; v < channels; v += kLanes) {
      V y[16];
      output_tile(job.products + t * kPanel + v, job.point, y);
      if (pixels.count < 16) {  // those that exist come first
        for (int r = 0, i = 0; r < row.outs; ++r)
          for (int x = 0; x < column.outs; ++x) y[i++] = y[4 * r + x];
      }
      const std::int64_t channel = job.first_channel + v;
      if (p.bias != nullptr) {
        const V bias = hn::LoadU(tag, p.bias + channel);
        for (int i = 0; i < 16; ++i) y[i] = hn::Add(y[i], bias);
      }
      const std::ptrdiff_t block = channel / p.out.block * p.out.plane() + channel % p.out.block;
      for (const ElementwiseStep& step : p.steps)
        epilogue_step(step, channel,
                      step.kind == ElementwiseKind::add
                          ? step.other.data + image * step.other.batch_stride + block
                          : nullptr,
                      pixels, y);
      if (channel + kLanes > p.out.dims.c) {  // padding channels hold 0 whatever the steps made of them
        const auto real = static_cast<std::size_t>(std::max<std::int64_t>(0, p.out.dims.c - channel));
        for (int i = 0; i < 16; ++i) y[i] = hn::IfThenElseZero(hn::FirstN(tag, real), y[i]);
      }
      float* to = p.out.data + image * p.out.batch_stride + block;
      for (int i = 0; i < pixels.count; ++i) hn::StoreU(y[i], tag, to + pixels.offset[i]);
    }
  }
}

const Kernels* table() {
  static const Kernels kTable = {
      hwy::TargetName(HWY_TARGET), kLanes,   kPanel,           kRows, kDepth, transform_inputs,
      transform_filters,           multiply, transform_outputs};
  return &kTable;
}

}  // namespace HWY_NAMESPACE
}  // namespace cuhue::winograd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cuhue::winograd {
HWY_EXPORT(table);
const Kernels& kernels() {
  static const Kernels& chosen = *HWY_DYNAMIC_DISPATCH(table)();
  return chosen;
}

std::vector<const Kernels*> every_kernels() {
  std::vector<const Kernels*> all;
  for (std::int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    hwy::SetSupportedTargetsForTest(left & -left);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    all.push_back(HWY_DYNAMIC_DISPATCH(table)());
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return all;
}
}  // namespace cuhue::winograd
#endif
