#include "kernels/few_outputs/few_outputs.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/core/vector_targets.h"
#include "tests/kernels/support.h"

#include <hwy/highway.h>  // behind the choice of targets

namespace cuhue {
namespace {

using test::Guarded;
using test::Random;

struct Case {
  Dims in;
  std::int64_t out_channels = 2;
  int kernel_h = 3, kernel_w = 3, pad_top = 1, pad_left = 1;
  BorderKind border = BorderKind::zero;
  bool transposed = false;
  int extra = 0;  // rows and columns of padding more at the far side; transposed: of output padding
};

std::vector<float> filled(std::int64_t count, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  Random random(seed);
  for (float& v : values) v = static_cast<float>(random.uniform(-1, 1));
  return values;
}

FewOutputsShape shape_of(const Case& c) {
  const auto extent = [&](std::int64_t in, int kernel, int pad) {
    return c.transposed ? 2 * (in - 1) + kernel - 2 * pad + c.extra : in - kernel + 1 + 2 * pad + c.extra;
  };
  FewOutputsShape s;
  s.in = c.in;
  s.out = {c.in.n, c.out_channels, extent(c.in.h, c.kernel_h, c.pad_top),
           extent(c.in.w, c.kernel_w, c.pad_left)};
  s.kernel_h = c.kernel_h;
  s.kernel_w = c.kernel_w;
  s.pad_top = c.pad_top;
  s.pad_left = c.pad_left;
  s.border = c.border;
  s.transposed = c.transposed;
  return s;
}

// The input row (column) that tap number `tap` of an output reads; -1 = none.
std::int64_t source(const Case& c, std::int64_t out, int tap, int pad, std::int64_t in) {
  if (!c.transposed) return border_source(c.border, out + tap, pad, in);
  const std::int64_t twice = out + pad - tap;
  return twice % 2 == 0 && twice >= 0 && twice / 2 < in ? twice / 2 : -1;
}

// By its definition, in double.
double direct(const Case& c, Guarded& x, const std::vector<float>& weight, Dims at) {
  double sum = 0;
  for (int ky = 0; ky < c.kernel_h; ++ky) {
    for (int kx = 0; kx < c.kernel_w; ++kx) {
      const std::int64_t row = source(c, at.h, ky, c.pad_top, c.in.h);
      const std::int64_t column = source(c, at.w, kx, c.pad_left, c.in.w);
      if (row < 0 || column < 0) continue;
      for (std::int64_t i = 0; i < c.in.c; ++i) {
        const std::int64_t filter = c.transposed ? i * c.out_channels + at.c : at.c * c.in.c + i;
        const std::int64_t tap = (filter * c.kernel_h + ky) * c.kernel_w + kx;
        sum += double{weight[static_cast<std::size_t>(tap)]} * x.at(at.n, i, row, column);
      }
    }
  }
  return sum;
}

void check(const Case& c, std::int64_t block) {
  CAPTURE(c.in.c);
  CAPTURE(c.in.h);
  CAPTURE(c.in.w);
  CAPTURE(c.out_channels);
  CAPTURE(c.kernel_h);
  CAPTURE(c.pad_top);
  CAPTURE(c.transposed);
  CAPTURE(static_cast<int>(c.border));
  CAPTURE(block);
  const FewOutputsPlan plan = plan_few_outputs(shape_of(c));
  const std::vector<float> weight = filled(c.in.c * c.out_channels * c.kernel_h * c.kernel_w, 3);
  const std::vector<float> bias = filled(c.out_channels, 4);
  // Aligned to vectors, as weights are.
  std::vector<float> memory(static_cast<std::size_t>(few_outputs_weight_floats(plan)) + 16);
  const auto past = reinterpret_cast<std::uintptr_t>(memory.data()) / sizeof(float) % 16;
  float* packed = memory.data() + (16 - past) % 16;
  pack_few_outputs_weight(plan, weight.data(), packed);
  Guarded x(plan.shape.in, block, 48), out(plan.shape.out, 1, 7);
  x.fill(5, -1, 1);
  CHECK(test::same_for_any_threads(out, [&](Guarded& o) {
    few_outputs_cpu({&plan, x.ref(), o.ref(), packed, bias.data()});
  }));
  CHECK(out.intact());
  double worst = 0, most = 0;
  test::for_each_element(plan.shape.out, [&](std::int64_t n, std::int64_t o, std::int64_t y, std::int64_t w) {
    const double expected = direct(c, x, weight, {n, o, y, w}) + bias[static_cast<std::size_t>(o)];
    const double error = std::abs(expected - out.at(n, o, y, w));
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
    most = std::max(most, std::abs(expected));
  });
  CHECK(worst / most < 1e-6);
}

// For each instruction set that this machine has.
template <class F>
void for_each_target(F&& f) {
#if (HWY_TARGETS & (HWY_TARGETS - 1)) == 0  // compiled for one
  f();
#else
  for (std::int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    hwy::SetSupportedTargetsForTest(left & -left);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    CAPTURE(std::string(hwy::TargetName(left & -left)));
    f();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
#endif
}

TEST_CASE("convolutions to few channels: kernels, paddings, borders, sizes, channels and layouts") {
  for_each_target([] {
    for (const std::int64_t outs : {1, 2, 3, 4}) {
      for (const BorderKind border : {BorderKind::zero, BorderKind::reflect, BorderKind::replicate}) {
        check({{2, 20, 5, 19}, outs, 3, 3, 1, 1, border}, 16);
        check({{1, 33, 9, 8}, outs, 5, 3, 2, 1, border}, 16);
      }
      for (const std::int64_t width : {1, 2, 7, 8, 9, 16, 30}) check({{1, 16, 2, width}, outs}, 16);
      check({{1, 48, 4, 11}, outs, 3, 3, 0, 2, BorderKind::zero, false, 1}, 48);
      check({{1, 16, 6, 7}, outs, 1, 1, 0, 0}, 16);
      check({{1, 16, 9, 9}, outs, 7, 7, 3, 3}, 16);
      if (few_outputs_lanes() <= 8) check({{1, 24, 6, 13}, outs}, 8);
    }
  });
}

TEST_CASE("transposed convolutions of stride 2 to few channels") {
  for_each_target([] {
    for (const std::int64_t outs : {1, 2, 3, 4}) {
      for (const int kernel : {2, 3, 4})
        for (const int pad : {0, 1})
          for (const int extra : {0, 1})
            check({{2, 20, 5, 11}, outs, kernel, kernel, pad, pad, BorderKind::zero, true, extra}, 16);
    }
  });
}

TEST_CASE("NaN of an input reaches the outputs that read it, and no other") {
  const Case c{{1, 16, 8, 20}};
  const FewOutputsPlan plan = plan_few_outputs(shape_of(c));
  const std::vector<float> weight = filled(c.in.c * c.out_channels * 9, 3);
  alignas(64) static float packed[16 * 9 * 2];
  pack_few_outputs_weight(plan, weight.data(), packed);
  Guarded x(plan.shape.in, 16), out(plan.shape.out, 1);
  x.fill(6, -1, 1);
  x.at(0, 3, 4, 9) = NAN;
  few_outputs_cpu({&plan, x.ref(), out.ref(), packed, nullptr});
  test::for_each_element(plan.shape.out, [&](std::int64_t n, std::int64_t o, std::int64_t y, std::int64_t w) {
    CHECK(std::isnan(out.at(n, o, y, w)) == (std::abs(y - 4) <= 1 && std::abs(w - 9) <= 1));
  });
}

}  // namespace
}  // namespace cuhue
