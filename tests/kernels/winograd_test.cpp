#include "kernels/winograd/winograd.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/winograd/winograd_kernels.h"
#include "tests/kernels/support.h"

namespace cuhue {
namespace {

using test::Guarded;
using test::Random;

// Of the largest value, against sums in double; the fifth pixel of F(5x5, 2x2) is a sum with factors up
// to 16.
constexpr double kTolerance = 1e-5, kTransposedTolerance = 2e-5;

struct Case {
  Dims in;
  std::int64_t out_channels;
  int dilation = 1, pad = 1, extra = 0;  // `extra` rows and columns of padding more at the far side
  BorderKind border = BorderKind::zero;
  int transposed = 0;  // kernel of a transposed convolution of stride 2; `extra` is its output padding
  bool enlarged = false;
};

std::vector<float> filled(std::int64_t count, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  Random random(seed);
  for (float& v : values) v = static_cast<float>(random.uniform(-1, 1));
  return values;
}

// Floats aligned as the arena's are.
class Aligned {
 public:
  explicit Aligned(std::size_t bytes)
      : storage_(bytes + 64, std::byte{0xff}) {}  // NaN: nothing may be relied on
  std::byte* data() {
    const auto at = reinterpret_cast<std::uintptr_t>(storage_.data());
    return storage_.data() + (64 - at % 64) % 64;
  }

 private:
  std::vector<std::byte> storage_;
};

class Problem {
 public:
  explicit Problem(const Case& c) : case_(c) {
    shape_.in = c.in;
    shape_.out = {c.in.n, c.out_channels, extent(c.in.h), extent(c.in.w)};
    shape_.dilation = c.dilation;
    shape_.pad_top = shape_.pad_left = c.pad;
    shape_.border = c.border;
    shape_.transposed = c.transposed > 0;
    shape_.kernel = c.transposed > 0 ? c.transposed : 3;
    shape_.enlarged = c.enlarged;
    weight_ = filled(c.out_channels * c.in.c * shape_.kernel * shape_.kernel, 5);
    const std::int64_t padded = (c.out_channels + 15) / 16 * 16;
    bias_ = filled(padded, 6), scale_ = filled(padded, 7), shift_ = filled(padded, 8);
    packed_.resize(static_cast<std::size_t>(winograd_weight_floats(shape_)));
    pack_winograd_weight(shape_, weight_.data(), packed_.data());
  }

  const WinogradShape& shape() const { return shape_; }
  const std::vector<float>& scale() const { return scale_; }
  const std::vector<float>& shift() const { return shift_; }

  void run(Guarded& x, Guarded& out, std::span<const ElementwiseStep> steps,
           const winograd::Kernels* kernels) const {
    const WinogradPlan plan = plan_winograd(shape_, max_threads(), kernels);
    Aligned scratch(winograd_scratch_bytes(plan));
    winograd_cpu({&plan, x.ref(), out.ref(), packed_.data(), bias_.data(), steps, scratch.data()});
  }

  // The sum and the bias, in double.
  double direct(Guarded& x, std::int64_t n, std::int64_t o, std::int64_t y, std::int64_t w) const {
    const int kernel = shape_.kernel;
    double sum = bias_[static_cast<std::size_t>(o)];
    for (int i = 0; i < kernel * kernel; ++i) {
      const std::int64_t row = source(y, i / kernel, case_.in.h), column = source(w, i % kernel, case_.in.w);
      if (row < 0 || column < 0) continue;
      for (std::int64_t c = 0; c < case_.in.c; ++c) {
        const std::int64_t filter = shape_.transposed ? c * case_.out_channels + o : o * case_.in.c + c;
        sum +=
            double{weight_[static_cast<std::size_t>(filter * kernel * kernel + i)]} * x.at(n, c, row, column);
      }
    }
    return sum;
  }

 private:
  std::int64_t extent(std::int64_t in) const {
    if (case_.enlarged) return 2 * in;
    if (case_.transposed > 0) return 2 * (in - 1) + case_.transposed - 2 * case_.pad + case_.extra;
    return in - 2 * case_.dilation + 2 * case_.pad + case_.extra;
  }
  // The input that tap number `tap` of an output reads; -1 = none.
  std::int64_t source(std::int64_t out, int tap, std::int64_t in) const {
    if (shape_.enlarged) {
      const std::int64_t at = border_source(case_.border, out + tap, 1, 2 * in);
      return at < 0 ? -1 : at / 2;
    }
    if (!shape_.transposed) return border_source(case_.border, out + tap * case_.dilation, case_.pad, in);
    const std::int64_t twice = out + case_.pad - tap;
    return twice % 2 == 0 && twice >= 0 && twice / 2 < in ? twice / 2 : -1;
  }

  Case case_;
  WinogradShape shape_;
  std::vector<float> weight_, bias_, scale_, shift_, packed_;
};

ElementwiseStep step(ElementwiseKind kind, float alpha = 0, float beta = 0) {
  ElementwiseStep s;
  s.kind = kind;
  s.alpha = alpha;
  s.beta = beta;
  return s;
}

// The largest error of the maximum; `after` is what the epilogue does to a sum.
template <class After>
double error_of(const Problem& p, Guarded& x, Guarded& out, After&& after) {
  double worst = 0, most = 0;
  test::for_each_element(p.shape().out, [&](std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t w) {
    const double expected = after(p.direct(x, n, c, y, w), n, c, y, w);
    const double error = std::abs(expected - out.at(n, c, y, w));
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
    most = std::max(most, std::abs(expected));
  });
  return worst / most;
}

void check(const Case& c, const winograd::Kernels* kernels, std::int64_t in_block, std::int64_t out_block) {
  CAPTURE(std::string(kernels->target));
  CAPTURE(c.in.c);
  CAPTURE(c.in.h);
  CAPTURE(c.in.w);
  CAPTURE(c.out_channels);
  CAPTURE(c.dilation);
  CAPTURE(c.pad);
  CAPTURE(in_block);
  const Problem p(c);
  Guarded x(p.shape().in, in_block, 48), out(p.shape().out, out_block, 32);
  x.fill(9, -1, 1);
  CHECK(test::same_for_any_threads(out, [&](Guarded& o) { p.run(x, o, {}, kernels); }));
  CHECK(out.intact());
  CHECK(error_of(p, x, out, [](double sum, auto...) { return sum; }) <
        (p.shape().has_phases() ? kTransposedTolerance : kTolerance));
}

TEST_CASE(
    "Winograd gives the sums of the definition for every instruction set, layout, size and channel count") {
  for (const winograd::Kernels* kernels : winograd::every_kernels()) {
    for (const std::int64_t size : {1, 2, 3, 4, 5, 8, 13})
      check({{1, 16, size, size + 2}, 16}, kernels, 16, 16);
    for (const std::int64_t in : {1, 3, 16, 33}) {
      for (const std::int64_t out : {1, 16, 17, 40}) check({{2, in, 6, 9}, out}, kernels, 16, 16);
    }
    check({{1, 48, 9, 7}, 32}, kernels, 48, 32);   // channels last
    check({{1, 200, 8, 8}, 33}, kernels, 16, 48);  // more channels than one pass
    if (kernels->lanes <= 8) check({{2, 20, 9, 7}, 24}, kernels, 8, 8);
    check({{3, 8, 27, 35}, 4}, kernels, 16, 16);    // several blocks of tiles
    check({{2, 64, 65, 66}, 16}, kernels, 16, 16);  // more tiles than are transformed at once
  }
}

TEST_CASE("every padding and dilation, in place") {
  for (const winograd::Kernels* kernels : winograd::every_kernels()) {
    for (const int dilation : {1, 2, 3, 5}) {
      for (const int pad : {0, 1, dilation, 2 * dilation + 1}) {
        check({{1, 5, 12, 15}, 7, dilation, pad}, kernels, 16, 16);
        check({{1, 5, 11, 17}, 7, dilation, pad, 3}, kernels, 16, 16);
        for (const BorderKind border : {BorderKind::reflect, BorderKind::replicate}) {
          if (pad < 10) check({{1, 5, 12, 13}, 7, dilation, pad, 1, border}, kernels, 16, 16);
        }
      }
    }
  }
}

TEST_CASE("transposed convolutions of stride 2: all kernels, paddings, sizes, channel counts and layouts") {
  const auto transposed = [](Dims in, std::int64_t out, int kernel, int pad, int extra) {
    return Case{in, out, 1, pad, extra, BorderKind::zero, kernel};
  };
  for (const winograd::Kernels* kernels : winograd::every_kernels()) {
    for (const int kernel : {3, 4}) {
      for (const int pad : {0, 1, 2}) {
        for (const int extra : {0, 1}) {
          check(transposed({1, 5, 3, 4}, 7, kernel, pad, extra), kernels, 16, 16);
          check(transposed({2, 20, 12, 15}, 35, kernel, pad, extra), kernels, 16, 16);
        }
      }
      for (const std::int64_t size : {2, 5, 6, 9, 11})
        check(transposed({1, 3, size, size + 1}, 16, kernel, 1, 0), kernels, 16, 16);
      check(transposed({1, 200, 8, 8}, 48, kernel, 1, 0), kernels, 16, 48);
      check(transposed({1, 16, 64, 65}, 32, kernel, 1, 1), kernels, 16, 16);
      if (kernels->lanes <= 8) check(transposed({1, 9, 8, 8}, 24, kernel, 1, 0), kernels, 8, 8);
    }
  }
}

TEST_CASE("convolutions of an enlarged input: borders, sizes, channel counts and layouts") {
  const auto enlarged = [](Dims in, std::int64_t out, BorderKind border) {
    return Case{in, out, 1, 1, 0, border, 0, true};
  };
  for (const winograd::Kernels* kernels : winograd::every_kernels()) {
    for (const BorderKind border : {BorderKind::zero, BorderKind::replicate}) {
      for (const std::int64_t size : {1, 2, 4, 5, 6, 9, 11})
        check(enlarged({1, 3, size, size + 1}, 16, border), kernels, 16, 16);
      check(enlarged({2, 20, 12, 15}, 35, border), kernels, 16, 16);
      check(enlarged({1, 200, 8, 8}, 48, border), kernels, 16, 48);
      if (kernels->lanes <= 8) check(enlarged({1, 9, 8, 8}, 24, border), kernels, 8, 8);
    }
  }
}

void check_epilogues(const Problem& p) {
  Guarded x(p.shape().in, 16), other(p.shape().out, 16, 64);
  x.fill(9, -1, 1);
  other.fill(10, -4, 4);
  const ElementwiseStep relu = step(ElementwiseKind::relu), leaky = step(ElementwiseKind::leaky_relu, 0.3f),
                        scalar = step(ElementwiseKind::scalar_affine, 0.7f, -0.4f);
  ElementwiseStep channel = step(ElementwiseKind::channel_affine), add = step(ElementwiseKind::add);
  std::vector<float> scale = p.scale(), shift = p.shift();
  scale.resize(48), shift.resize(48);
  channel.scale = scale.data();
  channel.shift = shift.data();
  add.other = other.ref();
  const std::vector<std::vector<ElementwiseStep>> chains = {
      {relu}, {leaky},         {scalar},    {channel},
      {add},  {relu, channel}, {add, relu}, {channel, add, leaky, scalar, add}};
  for (const winograd::Kernels* kernels : winograd::every_kernels()) {
    for (const auto& chain : chains) {
      Guarded out(p.shape().out, 16, 64);
      p.run(x, out, chain, kernels);
      CHECK(out.intact());
      const auto after = [&](double v, std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t w) {
        const auto at = static_cast<std::size_t>(c);
        for (const ElementwiseStep& s : chain) {
          if (s.kind == ElementwiseKind::relu) v = std::max(v, 0.0);
          if (s.kind == ElementwiseKind::leaky_relu) v = v < 0 ? double{s.alpha} * v : v;
          if (s.kind == ElementwiseKind::scalar_affine) v = double{s.alpha} * v + s.beta;
          if (s.kind == ElementwiseKind::channel_affine) v = double{scale[at]} * v + shift[at];
          if (s.kind == ElementwiseKind::add) v += other.at(n, c, y, w);
        }
        return v;
      };
      CHECK(error_of(p, x, out, after) < kTolerance);
    }
    // A residual that the result is written over.
    Guarded sum(other);
    ElementwiseStep onto = add;
    onto.other = sum.ref();
    p.run(x, sum, std::vector{onto}, kernels);
    CHECK(error_of(p, x, sum, [&](double v, std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t w) {
            return v + other.at(n, c, y, w);
          }) < kTolerance);
  }
}

TEST_CASE("the epilogue runs in the output transform, in order") {
  check_epilogues(Problem({{2, 20, 9, 7}, 35, 2, 2}));
  check_epilogues(Problem({{2, 20, 9, 7}, 35, 1, 1, 0, BorderKind::zero, 4}));
  check_epilogues(Problem({{2, 20, 9, 7}, 35, 1, 1, 0, BorderKind::replicate, 0, true}));
}

TEST_CASE("all instruction sets with fused products give the same bits") {
  const Problem p({{1, 70, 14, 19}, 40});
  Guarded x(p.shape().in, 16);
  x.fill(11, -1, 1);
  Guarded first(p.shape().out, 16);
  p.run(x, first, {}, &winograd::kernels());
  for (const winograd::Kernels* kernels : winograd::every_kernels()) {
    if (kernels->lanes < 4) continue;  // plain code may round a product before it is added
    Guarded out(p.shape().out, 16);
    p.run(x, out, {}, kernels);
    CAPTURE(std::string(kernels->target));
    CHECK(out.same_bits(first));
  }
}

TEST_CASE("NaN of an input reaches the tiles that read it, and no other") {
  const Problem p({{1, 16, 16, 16}, 16});
  Guarded x(p.shape().in, 16), out(p.shape().out, 16);
  x.fill(12, -1, 1);
  x.at(0, 3, 9, 9) = NAN;
  p.run(x, out, std::vector{step(ElementwiseKind::relu)}, nullptr);
  CHECK(std::isnan(out.at(0, 0, 9, 9)));
  CHECK_FALSE(std::isnan(out.at(0, 0, 2, 2)));
}

TEST_CASE("the larger the work, the more Winograd pays; with few pixels and channels it does not") {
  const auto gain = [](std::int64_t channels, std::int64_t size) {
    const Dims dims{1, channels, size, size};
    const WinogradShape shape{dims, dims, 1, 1, 1};
    return direct_cost(shape) / winograd_cost(plan_winograd(shape, 1));
  };
  CHECK(gain(512, 32) > 2.5);
  CHECK(gain(512, 32) > gain(64, 32));
  CHECK(gain(64, 128) > gain(16, 128));
  CHECK(gain(512, 2) < 1.0);
}

}  // namespace
}  // namespace cuhue
