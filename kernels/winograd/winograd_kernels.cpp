#include "kernels/winograd/winograd_kernels.h"

#include <algorithm>

#include "kernels/core/vector_targets.h"

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

// The same of two taps.
HWY_INLINE void short_filter_line(const V* g, std::ptrdiff_t step, V* to) {
  const V g0 = g[0], g1 = g[step];
  const V near = times(g0, -1.0f / 6.0f), far = times(g0, 1.0f / 24.0f);
  to[0] = times(g0, 0.25f);
  to[1] = plus(near, g1, -1.0f / 6.0f);
  to[2] = plus(near, g1, 1.0f / 6.0f);
  to[3] = plus(far, g1, 1.0f / 12.0f);
  to[4] = plus(far, g1, -1.0f / 12.0f);
  to[5] = g1;
}

// A^T m: six points to four or five pixels.
template <int pixels>
HWY_INLINE void output_line(const V* m, std::ptrdiff_t step, V* to) {
  const V sum = hn::Add(m[step], m[2 * step]), difference = hn::Sub(m[step], m[2 * step]);
  const V sum2 = hn::Add(m[3 * step], m[4 * step]), difference2 = hn::Sub(m[3 * step], m[4 * step]);
  to[0] = hn::Add(hn::Add(m[0], sum), sum2);
  to[1] = plus(difference, difference2, 2.0f);
  to[2] = plus(sum, sum2, 4.0f);
  to[3] = plus(difference, difference2, 8.0f);
  if (pixels == 5) to[4] = plus(sum, sum2, 16.0f);
  to[pixels - 1] = hn::Add(to[pixels - 1], m[5 * step]);
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

// One filter of kLanes output channels to 36 points.
template <int taps>
HWY_INLINE void transform_filter(const V* g, float* to, std::ptrdiff_t point) {
  V half[6 * taps], line[6];
  for (int i = 0; i < taps; ++i) {
    if (taps == 3) {
      filter_line(g + i, taps, line);
    } else {
      short_filter_line(g + i, taps, line);
    }
    for (int y = 0; y < 6; ++y) half[taps * y + i] = line[y];
  }
  for (int y = 0; y < 6; ++y) {
    if (taps == 3) {
      filter_line(half + taps * y, 1, line);
    } else {
      short_filter_line(half + taps * y, 1, line);
    }
    for (int i = 0; i < 6; ++i) hn::Store(line[i], D(), to + (6 * y + i) * point);
  }
}

// A vector of a panel: which phase's output channels it holds. Channels of a phase stand in whole groups.
struct Place {
  std::int64_t phase, group, lane;
  std::int64_t channel() const { return group * kFilterGroup + lane; }
};
HWY_INLINE Place place_of(const WinogradPlan& plan, std::int64_t channel) {
  const std::int64_t group = channel / kFilterGroup;
  return {group / plan.filter_groups, group % plan.filter_groups, channel % kFilterGroup};
}

// Filters of an enlarged input: along an axis, phase 0 has taps k0 and k1 + k2, phase 1 k0 + k1 and k2.
void transform_enlarged_column(const FilterJob& job, const Place& place, float* to) {
  const D tag;
  const std::int64_t size = 9 * kFilterGroup;
  const bool low = place.phase / 2 == 0, left = place.phase % 2 == 0;
  const float* from = job.packed + (place.group * job.plan->shape.in.c + job.first_in) * size + place.lane;
  for (std::int64_t c = 0; c < job.depth; ++c, from += size, to += kPanel) {
    V half[6], g[4];  // [2][3]
    for (int i = 0; i < 3; ++i) {
      const V k0 = hn::LoadU(tag, from + i * kFilterGroup),
              k1 = hn::LoadU(tag, from + (3 + i) * kFilterGroup),
              k2 = hn::LoadU(tag, from + (6 + i) * kFilterGroup);
      half[i] = low ? k0 : hn::Add(k0, k1);
      half[3 + i] = low ? hn::Add(k1, k2) : k2;
    }
    for (int row = 0; row < 2; ++row) {
      const V* k = half + 3 * row;
      g[2 * row] = left ? k[0] : hn::Add(k[0], k[1]);
      g[2 * row + 1] = left ? hn::Add(k[1], k[2]) : k[2];
    }
    transform_filter<2>(g, to, job.point);
  }
}

template <int taps>
void transform_column(const FilterJob& job, const Place& place, float* to) {
  const D tag;
  const WinogradPlan& plan = *job.plan;
  const int kernel = plan.shape.kernel, size = kernel * kernel;
  const int* rows = plan.row_taps.tap[place.phase / plan.phases];
  const int* columns = plan.column_taps.tap[place.phase % plan.phases];
  std::ptrdiff_t offset[taps * taps];
  for (int i = 0; i < taps * taps; ++i) {
    const int row = rows[i / taps], column = columns[i % taps];
    offset[i] = row < 0 || column < 0 ? -1 : (row * kernel + column) * kFilterGroup;
  }
  const float* from =
      job.packed + (place.group * plan.shape.in.c + job.first_in) * size * kFilterGroup + place.lane;
  V g[taps * taps];
  for (std::int64_t c = 0; c < job.depth; ++c, from += size * kFilterGroup, to += kPanel) {
    for (int i = 0; i < taps * taps; ++i)
      g[i] = taps == 2 && offset[i] < 0 ? hn::Zero(tag) : hn::LoadU(tag, from + offset[i]);
    transform_filter<taps>(g, to, job.point);
  }
}

void transform_filters(const FilterJob& job) {
  for (std::int64_t v = 0; v < job.outs; v += kLanes) {
    const Place place = place_of(*job.plan, job.first_out + v);
    float* to = job.to + v;
    if (job.plan->shape.enlarged) {
      transform_enlarged_column(job, place, to);
    } else if (job.plan->taps == 3) {
      transform_column<3>(job, place, to);
    } else {
      transform_column<2>(job, place, to);
    }
  }
}

// m [rows][kPanel] (+)= a [channels][rows] b [channels][kPanel], of which the first `vectors` count; `group`
// floats lie between kLanes channels of a.
template <int rows, int vectors>
HWY_NOINLINE void multiply_rows(const float* HWY_RESTRICT a, std::ptrdiff_t group,
                                const float* HWY_RESTRICT b, std::int64_t channels, float* HWY_RESTRICT m,
                                bool add) {
  const D tag;
  V sum[rows][vectors];
#pragma GCC unroll 14
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v)
      sum[r][v] = add ? hn::Load(tag, m + r * kPanel + v * kLanes) : hn::Zero(tag);
  for (std::int64_t c = 0; c < channels; c += kLanes, a += group) {
    const float* last = a + std::min<std::int64_t>(kLanes, channels - c);
    for (const float* at = a; at != last; ++at, b += kPanel) {
      V filter[vectors];
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) filter[v] = hn::Load(tag, b + v * kLanes);
#pragma GCC unroll 14
      for (int r = 0; r < rows; ++r) {
        const V input = hn::Set(tag, at[r * kLanes]);
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) sum[r][v] = hn::MulAdd(input, filter[v], sum[r][v]);
      }
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) hn::Store(sum[r][v], tag, m + r * kPanel + v * kLanes);
}

using MultiplyRows = void (*)(const float*, std::ptrdiff_t, const float*, std::int64_t, float*, bool);
template <int vectors, std::size_t... i>
MultiplyRows multiply_function(int rows, std::index_sequence<i...>) {
  static constexpr MultiplyRows kTable[] = {multiply_rows<static_cast<int>(i) + 1, vectors>...};
  return kTable[rows - 1];
}

template <int vectors>
void multiply_vectors(const ProductJob& job) {
  for (int p = 0; p < kPoints; ++p) {
    const float* inputs = job.inputs.data + p * job.inputs.point;
    const float* b = job.filters + p * job.filter_point;
    float* m = job.products + p * job.product_point;
    for (std::int64_t i = 0; i < parts_of(job.tiles); ++i) {
      const Part part = part_of(job.tiles, i);
      const float* a = inputs + part.first * job.inputs.groups * kLanes + job.first_in * part.rows;
      multiply_function<vectors>(static_cast<int>(part.rows), std::make_index_sequence<kRows>())(
          a, part.rows * kLanes, b, job.depth, m + part.first * kPanel, job.first_in > 0);
    }
  }
}

void multiply(const ProductJob& job) {
  constexpr int kOfAGroup = kFilterGroup / kLanes;  // outs are whole groups
  job.outs <= kFilterGroup ? multiply_vectors<kOfAGroup>(job) : multiply_vectors<kVectors>(job);
}

constexpr int kMostPixels = 25;

// The output pixels of one phase of a tile that exist: their numbers in the output, and in the tile.
struct Pixels {
  std::int64_t at[kMostPixels];
  int tile[kMostPixels];
  int count = 0;
};

HWY_INLINE void find_pixels(const WinogradLine& row, const WinogradLine& column, const WinogradParams& p,
                            std::int64_t phase, Pixels& pixels) {
  const WinogradPlan& plan = *p.plan;
  const WinogradOuts& rows = row.outs[phase / plan.phases];
  const WinogradOuts& columns = column.outs[phase % plan.phases];
  pixels.count = 0;
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int i = columns.begin; i < columns.end; ++i) {
      pixels.at[pixels.count] = (rows.first + r * plan.step) * p.out.dims.w + columns.first + i * plan.step;
      pixels.tile[pixels.count++] = plan.pixels * r + i;
    }
  }
}

HWY_INLINE float* channel_of(const TensorRef& t, std::int64_t image, std::int64_t channel) {
  return t.data + image * t.batch_stride + channel / t.block * t.plane() + channel % t.block;
}

template <int count>
HWY_INLINE void epilogue_step(const ElementwiseStep& step, std::int64_t image, std::int64_t channel,
                              const Pixels& pixels, V* y) {
  const D tag;
  const V zero = hn::Zero(tag);
  switch (step.kind) {
    case ElementwiseKind::relu:
      for (int i = 0; i < count; ++i) y[i] = hn::IfThenElse(hn::Lt(y[i], zero), zero, y[i]);
      break;
    case ElementwiseKind::leaky_relu:
      for (int i = 0; i < count; ++i)
        y[i] = hn::IfThenElse(hn::Lt(y[i], zero), times(y[i], step.alpha), y[i]);
      break;
    case ElementwiseKind::scalar_affine:
      for (int i = 0; i < count; ++i) y[i] = hn::Add(times(y[i], step.alpha), hn::Set(tag, step.beta));
      break;
    case ElementwiseKind::channel_affine: {
      const V scale = hn::LoadU(tag, step.scale + channel), shift = hn::LoadU(tag, step.shift + channel);
      for (int i = 0; i < count; ++i) y[i] = hn::Add(hn::Mul(y[i], scale), shift);
      break;
    }
    case ElementwiseKind::add: {
      const float* other = channel_of(step.other, image, channel);
      for (int i = 0; i < pixels.count; ++i) {
        V& to = y[pixels.tile[i]];
        to = hn::Add(to, hn::LoadU(tag, other + pixels.at[i] * step.other.block));
      }
      break;
    }
    default: break;  // not a step of this kernel
  }
}

// A^T m A of kLanes channels of one tile, the tile's rows of pixels one after another.
template <int pixels>
HWY_INLINE void output_tile(const float* products, std::ptrdiff_t point, V* y) {
  V m[kPoints], half[6 * pixels], line[pixels];
  for (int p = 0; p < kPoints; ++p) m[p] = hn::Load(D(), products + p * point);
  for (int i = 0; i < 6; ++i) {
    output_line<pixels>(m + i, 6, line);
    for (int r = 0; r < pixels; ++r) half[6 * r + i] = line[r];
  }
  for (int r = 0; r < pixels; ++r) output_line<pixels>(half + 6 * r, 1, y + pixels * r);
}

template <int size>
HWY_INLINE void store_tile(const WinogradParams& p, const float* products, std::ptrdiff_t point,
                           std::int64_t image, std::int64_t channel, const Pixels& pixels) {
  constexpr int kCount = size * size;
  const D tag;
  V y[kCount];
  output_tile<size>(products, point, y);
  if (p.bias != nullptr) {
    const V bias = hn::LoadU(tag, p.bias + channel);
    for (int i = 0; i < kCount; ++i) y[i] = hn::Add(y[i], bias);
  }
  for (const ElementwiseStep& step : p.steps) epilogue_step<kCount>(step, image, channel, pixels, y);
  if (channel + kLanes > p.out.dims.c) {  // padding channels hold 0 whatever the steps made of them
    const auto real = static_cast<std::size_t>(std::max<std::int64_t>(0, p.out.dims.c - channel));
    for (int i = 0; i < kCount; ++i) y[i] = hn::IfThenElseZero(hn::FirstN(tag, real), y[i]);
  }
  float* to = channel_of(p.out, image, channel);
  if (pixels.count == kCount) {
    for (int i = 0; i < kCount; ++i) hn::StoreU(y[i], tag, to + pixels.at[i] * p.out.block);
  } else {
    for (int i = 0; i < pixels.count; ++i)
      hn::StoreU(y[pixels.tile[i]], tag, to + pixels.at[i] * p.out.block);
  }
}

void transform_outputs(const OutputJob& job) {
  const WinogradParams& p = *job.params;
  const WinogradPlan& plan = *p.plan;
  const auto per_row = static_cast<std::int64_t>(plan.columns.size());
  const auto per_image = per_row * static_cast<std::int64_t>(plan.rows.size());
  const std::int64_t stored = p.out.blocks() * p.out.block;
  Pixels pixels;
  for (std::int64_t t = 0; t < job.tiles; ++t) {
    const std::int64_t tile = job.first_tile + t, image = tile / per_image, number = tile % per_image;
    const WinogradLine& row = plan.rows[static_cast<std::size_t>(number / per_row)];
    const WinogradLine& column = plan.columns[static_cast<std::size_t>(number % per_row)];
    std::int64_t phase = -1;  // of `pixels`
    for (int v = 0; v < kPanel; v += kLanes) {
      const Place place = place_of(plan, job.first_channel + v);
      if (place.phase >= plan.phases * plan.phases || place.channel() >= stored) continue;
      if (phase != place.phase) find_pixels(row, column, p, phase = place.phase, pixels);
      const float* products = job.products + t * kPanel + v;
      if (plan.pixels == 4) {
        store_tile<4>(p, products, job.point, image, place.channel(), pixels);
      } else {
        store_tile<5>(p, products, job.point, image, place.channel(), pixels);
      }
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
#if (HWY_TARGETS & (HWY_TARGETS - 1)) == 0  // compiled for one
  return {&kernels()};
#else
  std::vector<const Kernels*> all;
  for (std::int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    hwy::SetSupportedTargetsForTest(left & -left);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    all.push_back(HWY_DYNAMIC_DISPATCH(table)());
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return all;
#endif
}
}  // namespace cuhue::winograd
#endif
