#include <algorithm>
#include <cstring>

#include "kernels/core/parallel.h"
#include "kernels/winograd/winograd.h"
#include "kernels/winograd/winograd_kernels.h"

namespace cuhue {
namespace {

using winograd::kernels;
using winograd::kFilterGroup;
using winograd::kPoints;

constexpr std::int64_t kMostBlockTiles = 64;  // products of a panel: a quarter of an L2 of 1 MiB
constexpr std::size_t kInputsBytes = std::size_t{5} << 19;  // that wait to be multiplied, about
constexpr std::int64_t kCacheLine = 64 / sizeof(float);

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

// Tiles along one axis: those of each interleaved sub-image, one sub-image after another.
std::vector<WinogradLine> plain_lines(const WinogradShape& s, bool vertical) {
  const std::int64_t in = vertical ? s.in.h : s.in.w, out = vertical ? s.out.h : s.out.w;
  const std::int64_t pad = vertical ? s.pad_top : s.pad_left;
  std::vector<WinogradLine> list;
  for (std::int64_t phase = 0; phase < s.dilation; ++phase) {
    for (std::int64_t first = phase; first < out; first += 4 * std::int64_t{s.dilation}) {
      WinogradLine line;
      const auto outs = static_cast<int>(std::min<std::int64_t>(4, divide_up(out - first, s.dilation)));
      line.outs[0] = {first, 0, outs};
      line.inside = true;
      for (int i = 0; i < 6; ++i) {
        const std::int64_t at = first + i * std::int64_t{s.dilation};
        line.source[i] = i < outs + 2 ? border_source(s.border, at, pad, in) : -1;
        line.inside = line.inside && line.source[i] >= 0;
      }
      list.push_back(line);
    }
  }
  return list;
}

// One axis of a transposed convolution of stride 2. Output 2 i + phase is the sum over kernel rows r, phase +
// pad - r even, of input i + (phase + pad - r) / 2: at most two that lie side by side.
struct TransposedAxis {
  WinogradTaps taps;
  std::int64_t lowest[2] = {};  // of those inputs less i, by phase
};

TransposedAxis transposed_axis(int kernel, int pad) {
  TransposedAxis axis;
  for (int phase = 0; phase < 2; ++phase) {
    std::fill_n(axis.taps.tap[phase], 3, -1);
    int next = 0;
    for (int r = (kernel - 1) - (kernel - 1 + phase + pad) % 2; r >= 0;
         r -= 2) {  // the largest reads the lowest
      if (next == 0) axis.lowest[phase] = (phase + pad - r) / 2;
      axis.taps.tap[phase][next++] = r;
    }
  }
  return axis;
}

std::vector<WinogradLine> transposed_lines(const WinogradShape& s, const TransposedAxis& axis,
                                           bool vertical) {
  const std::int64_t in = vertical ? s.in.h : s.in.w, out = vertical ? s.out.h : s.out.w;
  const std::int64_t start = std::min(axis.lowest[0], axis.lowest[1]);
  std::int64_t count = 0;
  for (int phase = 0; phase < 2; ++phase)
    count = std::max(count, divide_up((out - phase + 1) / 2 + axis.lowest[phase] - start, 5));
  std::vector<WinogradLine> list;
  for (std::int64_t t = 0; t < count; ++t) {
    WinogradLine line;
    line.inside = true;
    const std::int64_t first = start + 5 * t;
    for (int i = 0; i < 6; ++i) {
      line.source[i] = border_source(s.border, first + i, 0, in);
      line.inside = line.inside && line.source[i] >= 0;
    }
    for (int phase = 0; phase < 2; ++phase) {
      const std::int64_t i = first - axis.lowest[phase], outs = (out - phase + 1) / 2;
      line.outs[phase] = {2 * i + phase, static_cast<int>(std::clamp<std::int64_t>(-i, 0, 5)),
                          static_cast<int>(std::clamp<std::int64_t>(outs - i, 0, 5))};
    }
    list.push_back(line);
  }
  return list;
}

void plan_phases(WinogradPlan& plan) {
  const WinogradShape& s = plan.shape;
  const TransposedAxis vertical = s.enlarged ? transposed_axis(4, 1) : transposed_axis(s.kernel, s.pad_top);
  const TransposedAxis horizontal =
      s.enlarged ? transposed_axis(4, 1) : transposed_axis(s.kernel, s.pad_left);
  plan.phases = plan.step = plan.taps = 2;
  plan.pixels = 5;
  plan.row_taps = vertical.taps;
  plan.column_taps = horizontal.taps;
  plan.rows = transposed_lines(plan.shape, vertical, true);
  plan.columns = transposed_lines(plan.shape, horizontal, false);
}

// Output channels, those of each phase padded to whole groups.
std::int64_t outs_of(const WinogradPlan& plan) {
  return plan.phases * plan.phases * plan.filter_groups * kFilterGroup;
}

std::int64_t groups_of(const WinogradPlan& plan) {
  return divide_up(plan.shape.in.c, plan.kernels->lanes);
}

winograd::Inputs inputs_at(const WinogradPlan& plan, float* scratch, std::int64_t block) {
  const std::int64_t groups = groups_of(plan), floats = groups * plan.block_tiles * plan.kernels->lanes;
  const std::ptrdiff_t point = divide_up(floats, kCacheLine) * kCacheLine + kCacheLine;
  return {scratch + block * kPoints * point, point, groups};
}

// Input channels whose filters are transformed at a time.
std::int64_t depth_of(const WinogradPlan& plan) {
  return std::min<std::int64_t>(plan.shape.in.c, plan.kernels->depth);
}
std::ptrdiff_t filter_point(const WinogradPlan& plan) {
  return depth_of(plan) * plan.panel + kCacheLine;
}
std::ptrdiff_t product_point(const WinogradPlan& plan) {
  return plan.block_tiles * plan.panel + kCacheLine;
}

std::int64_t tiles_of(const WinogradPlan& plan, std::int64_t block) {
  return std::min(plan.block_tiles, plan.tiles - block * plan.block_tiles);
}

// Blocks [first, first + count): their inputs are transformed, each item a block's group of channels.
void transform(const WinogradParams& p, float* inputs, std::int64_t first, std::int64_t count) {
  const WinogradPlan& plan = *p.plan;
  const std::int64_t groups = groups_of(plan);
  parallel_for(count * groups, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end;) {
      const std::int64_t block = item / groups, group = item % groups;
      winograd::InputJob job{&plan, p.x, inputs_at(plan, inputs, block)};
      job.first_tile = (first + block) * plan.block_tiles;
      job.tiles = tiles_of(plan, first + block);
      job.first_group = group;
      job.groups = std::min(groups - group, end - item);
      plan.kernels->transform_inputs(job);
      item += job.groups;
    }
  });
}

// One panel of one block. `filters` holds the panel's already when `ready`.
void multiply_panel(const WinogradParams& p, const winograd::Inputs& inputs, winograd::OutputJob outputs,
                    float* filters, bool ready) {
  const WinogradPlan& plan = *p.plan;
  float* products = filters + plan.filters_floats;
  const std::int64_t depth = depth_of(plan);
  const std::int64_t outs = std::min<std::int64_t>(plan.panel, outs_of(plan) - outputs.first_channel);
  for (std::int64_t c = 0; c < plan.shape.in.c; c += depth) {
    const std::int64_t channels = std::min(depth, plan.shape.in.c - c);
    if (!ready) {
      plan.kernels->transform_filters(
          {&plan, p.weight, filters, filter_point(plan), outputs.first_channel, outs, c, channels});
    }
    plan.kernels->multiply({inputs, filters, products, filter_point(plan), product_point(plan), outputs.tiles,
                            c, channels, outs});
  }
  outputs.params = &p;
  outputs.products = products;
  outputs.point = product_point(plan);
  plan.kernels->transform_outputs(outputs);
}

// Their products and outputs, each item a panel of a block. Filters that fit at once stay for the blocks that
// follow.
void multiply(const WinogradParams& p, float* inputs, float* own, std::int64_t first, std::int64_t count) {
  const WinogradPlan& plan = *p.plan;
  const std::int64_t panels = divide_up(outs_of(plan), plan.panel);
  const bool fit = depth_of(plan) == plan.shape.in.c;
  parallel_for(panels * count, 1, [&](std::int64_t begin, std::int64_t end) {
    float* filters = own + thread_index() * (plan.filters_floats + plan.products_floats);
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t block = item % count;
      winograd::OutputJob job;
      job.first_tile = (first + block) * plan.block_tiles;
      job.tiles = tiles_of(plan, first + block);
      job.first_channel = item / count * plan.panel;
      multiply_panel(p, inputs_at(plan, inputs, block), job, filters, fit && block > 0 && item > begin);
    }
  });
}

}  // namespace

int winograd_lanes() {
  return kernels().lanes;
}

std::int64_t winograd_block() {
  return std::max(8, kernels().lanes);
}

WinogradPlan plan_winograd(const WinogradShape& shape, int threads, const winograd::Kernels* which) {
  WinogradPlan plan;
  plan.kernels = which != nullptr ? which : &kernels();
  plan.shape = shape;
  plan.threads = threads;
  plan.filter_groups = divide_up(shape.out.c, kFilterGroup);
  if (shape.has_phases()) {
    plan_phases(plan);
  } else {
    plan.step = shape.dilation;
    plan.rows = plain_lines(shape, true);
    plan.columns = plain_lines(shape, false);
  }
  plan.tiles = shape.in.n * static_cast<std::int64_t>(plan.rows.size() * plan.columns.size());
  plan.block_tiles = divide_up(plan.tiles, divide_up(plan.tiles, kMostBlockTiles));
  plan.panel = plan.kernels->panel;
  const winograd::Inputs second = inputs_at(plan, nullptr, 0);
  const auto block_floats = static_cast<std::size_t>(kPoints * second.point);
  const auto fit = static_cast<std::int64_t>(kInputsBytes / (block_floats * sizeof(float)));
  plan.blocks_at_once = std::clamp<std::int64_t>(fit, 1, divide_up(plan.tiles, plan.block_tiles));
  plan.inputs_floats = block_floats * static_cast<std::size_t>(plan.blocks_at_once);
  plan.filters_floats = static_cast<std::size_t>(kPoints * filter_point(plan));
  plan.products_floats = static_cast<std::size_t>(kPoints * product_point(plan));
  return plan;
}

std::size_t winograd_scratch_bytes(const WinogradPlan& plan) {
  const std::size_t own = plan.filters_floats + plan.products_floats;
  return (plan.inputs_floats + own * static_cast<std::size_t>(plan.threads)) * sizeof(float);
}

double winograd_cost(const WinogradPlan& plan) {
  const auto tiles = static_cast<double>(plan.tiles);
  const auto in = static_cast<double>(divide_up(plan.shape.in.c, 16));
  const auto out = static_cast<double>(outs_of(plan)) / 16;
  const auto passes =
      static_cast<double>(divide_up(divide_up(plan.tiles, plan.block_tiles), plan.blocks_at_once));
  const double rate = plan.shape.has_phases() ? 0.7 : 0.85;  // of the peak, measured
  const double multiplied = kPoints * tiles * static_cast<double>(plan.shape.in.c) * out / rate;
  const double filters = 130.0 * static_cast<double>(plan.shape.in.c) * out * passes;
  return multiplied + filters + 400.0 * tiles * in + 350.0 * tiles * out;
}

double direct_cost(const WinogradShape& s) {
  const auto out = static_cast<double>(divide_up(s.out.c, 16));
  // Of the machine's best rate, measured: transposed, with few channels out, there is little to reuse.
  double rate = 0.85;
  if (s.transposed && out <= 2) rate = out > 1 ? 0.46 : 0.29;
  const Dims& pixels = s.has_phases() ? s.in : s.out;
  const int kernel = s.enlarged ? 4 : s.kernel;  // by phases too
  return kernel * kernel * static_cast<double>(pixels.n * pixels.h * pixels.w * s.in.c) * out / rate;
}

std::int64_t winograd_weight_floats(const WinogradShape& s) {
  return divide_up(s.out.c, kFilterGroup) * kFilterGroup * s.in.c * s.kernel * s.kernel;
}

void pack_winograd_weight(const WinogradShape& s, const float* weight, float* packed) {
  const std::int64_t taps = std::int64_t{s.kernel} * s.kernel;
  const std::int64_t in_stride = s.transposed ? s.out.c * taps : taps;
  const std::int64_t out_stride = s.transposed ? taps : s.in.c * taps;
  parallel_for(divide_up(s.out.c, kFilterGroup), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      float* to = packed + g * kFilterGroup * s.in.c * taps;
      const std::int64_t channels = std::min(kFilterGroup, s.out.c - g * kFilterGroup);
      for (std::int64_t c = 0; c < s.in.c; ++c) {
        const float* from = weight + c * in_stride + g * kFilterGroup * out_stride;
        for (std::int64_t i = 0; i < taps; ++i, to += kFilterGroup)
          for (std::int64_t o = 0; o < kFilterGroup; ++o)
            to[o] = o < channels ? from[o * out_stride + i] : 0.0f;
      }
    }
  });
}

void winograd_cpu(const WinogradParams& p) {
  const WinogradPlan& plan = *p.plan;
  auto* inputs = reinterpret_cast<float*>(p.scratch);
  float* own = inputs + plan.inputs_floats;
  const std::int64_t blocks = divide_up(plan.tiles, plan.block_tiles);
  for (std::int64_t first = 0; first < blocks; first += plan.blocks_at_once) {
    const std::int64_t count = std::min(plan.blocks_at_once, blocks - first);
    transform(p, inputs, first, count);
    multiply(p, inputs, own, first, count);
  }
}

}  // namespace cuhue
