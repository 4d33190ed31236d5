#include "kernels/instance_norm/instance_norm.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/instance_norm/instance_norm_math.h"
#include "tests/kernels/support.h"

namespace cuhue {
namespace {

using test::Guarded;

struct Case {
  Dims dims;
  std::int64_t block, extra_stride;
  bool affine;
};
constexpr Case kCases[] = {
    {{1, 16, 5, 13}, 8, 0, true},    {{2, 13, 30, 37}, 8, 16, true}, {{2, 20, 9, 9}, 16, 0, true},
    {{3, 21, 7, 3}, 21, 7, true},    {{2, 5, 33, 33}, 1, 3, true},   {{1, 3, 1, 2}, 8, 0, true},
    {{1, 12, 40, 40}, 12, 0, false}, {{2, 3, 11, 13}, 1, 0, false},  {{1, 1, 1, 1}, 1, 0, true},
};

class Vectors {
 public:
  explicit Vectors(bool affine) : affine_(affine) {
    test::Random random(8);
    for (float& v : gamma_) v = affine ? static_cast<float>(random.uniform(0.5, 1.5)) : 1.0f;
    for (float& v : beta_) v = affine ? static_cast<float>(random.uniform(-1, 1)) : 0.0f;
  }
  // Runs into `out`, with exactly the scratch that is asked for.
  void run(const Guarded& x, const TensorRef& out, std::span<const ElementwiseStep> steps = {}) const {
    const test::Scratch scratch(instance_norm_scratch_bytes(x.ref()));
    InstanceNormParams p;
    p.x = x.ref();
    p.out = out;
    p.gamma = affine_ ? gamma_.data() : nullptr;
    p.beta = affine_ ? beta_.data() : nullptr;
    p.steps = steps;
    p.scratch = scratch.data();
    instance_norm_cpu(p);
  }
  double gamma(std::int64_t c) const { return static_cast<double>(gamma_[static_cast<std::size_t>(c)]); }
  double beta(std::int64_t c) const { return static_cast<double>(beta_[static_cast<std::size_t>(c)]); }

 private:
  bool affine_;
  std::vector<float> gamma_ = std::vector<float>(64), beta_ = std::vector<float>(64);
};

// The largest error against double.
double worst_error(Guarded& x, Guarded& out, const Vectors& vectors) {
  const Dims d = x.ref().dims;
  double worst = 0;
  for (std::int64_t n = 0; n < d.n; ++n)
    for (std::int64_t c = 0; c < d.c; ++c) {
      double sum = 0, squares = 0;
      const Dims plane{1, 1, d.h, d.w};
      test::for_each_element(plane, [&](std::int64_t, std::int64_t, std::int64_t y, std::int64_t w) {
        sum += static_cast<double>(x.at(n, c, y, w));
      });
      const double count = static_cast<double>(plane.count()), mean = sum / count;
      test::for_each_element(plane, [&](std::int64_t, std::int64_t, std::int64_t y, std::int64_t w) {
        squares += std::pow(static_cast<double>(x.at(n, c, y, w)) - mean, 2);
      });
      const double scale = vectors.gamma(c) / std::sqrt(squares / count + 1e-5);
      test::for_each_element(plane, [&](std::int64_t, std::int64_t, std::int64_t y, std::int64_t w) {
        const double expected = (static_cast<double>(x.at(n, c, y, w)) - mean) * scale + vectors.beta(c);
        const double error = std::abs(static_cast<double>(out.at(n, c, y, w)) - expected);
        if (!(error <= worst)) worst = error;
      });
    }
  return worst;
}

TEST_CASE("instance norm takes each plane by its own mean and variance, in any layout") {
  for (const Case& c : kCases) {
    CAPTURE(c.dims.c);
    CAPTURE(c.block);
    const Vectors vectors(c.affine);
    Guarded x(c.dims, c.block, c.extra_stride), out(c.dims, c.block, c.extra_stride);
    x.fill(3, -2, 3);
    CHECK(test::same_for_any_threads(out, [&](Guarded& o) { vectors.run(x, o.ref()); }));
    CHECK(worst_error(x, out, vectors) < 2e-6);
    CHECK(out.intact());
    Guarded in_place(x);
    vectors.run(in_place, in_place.ref());
    CHECK(worst_error(x, in_place, vectors) < 2e-6);
    CHECK(in_place.intact());
  }
}

TEST_CASE("instance norm: of equal values beta is left, whatever they are") {
  for (const Case& c : kCases)
    for (const float value : {0.0f, 1.0f, 0.1f, -1234.567f}) {
      CAPTURE(c.block);
      CAPTURE(value);
      const Vectors vectors(c.affine);
      Guarded x(c.dims, c.block, c.extra_stride), out(c.dims, c.block, c.extra_stride);
      x.fill(1, 0, 1);
      test::for_each_element(c.dims, [&](std::int64_t n, std::int64_t ch, std::int64_t y, std::int64_t w) {
        x.at(n, ch, y, w) = value;
      });
      vectors.run(x, out.ref());
      bool same = true;
      test::for_each_element(c.dims, [&](std::int64_t n, std::int64_t ch, std::int64_t y, std::int64_t w) {
        same = same && static_cast<double>(out.at(n, ch, y, w)) == vectors.beta(ch);
      });
      CHECK(same);
    }
}

TEST_CASE("instance norm: a mean far from zero costs no more than its own rounding") {
  for (const std::int64_t block : {1, 8}) {
    const Vectors vectors(false);
    Guarded x({1, 8, 60, 61}, block), out({1, 8, 60, 61}, block);
    x.fill(4, 1000, 1001);
    vectors.run(x, out.ref());
    CHECK(worst_error(x, out, vectors) < 4 * 1000 * 0x1p-24 / 0.28);
  }
}

TEST_CASE("instance norm: steps follow, each image with its own residual") {
  const Dims dims{2, 10, 6, 7};
  const Vectors vectors(true);
  Guarded x(dims, 8, 24), more(dims, 8, 8), plain(dims, 8), out(dims, 8);
  x.fill(5, -1, 1);
  more.fill(6, -1, 1);
  vectors.run(x, plain.ref());
  ElementwiseStep steps[2];
  steps[0].kind = ElementwiseKind::leaky_relu;
  steps[0].alpha = 0.1f;
  steps[1].kind = ElementwiseKind::add;
  steps[1].other = more.ref();
  vectors.run(x, out.ref(), steps);
  bool same = true;
  test::for_each_element(dims, [&](std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t w) {
    const float v = plain.at(n, c, y, w);
    same = same && out.at(n, c, y, w) == (v < 0.0f ? 0.1f * v : v) + more.at(n, c, y, w);
  });
  CHECK(same);
  CHECK(out.intact());
}

TEST_CASE("instance norm: a NaN stays in its plane") {
  const Dims dims{1, 10, 20, 30};
  const Vectors vectors(true);
  Guarded x(dims, 8), out(dims, 8);
  x.fill(7, -1, 1);
  x.at(0, 3, 19, 2) = std::numeric_limits<float>::quiet_NaN();
  vectors.run(x, out.ref());
  bool as_it_should = true;
  test::for_each_element(dims, [&](std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t w) {
    as_it_should = as_it_should && std::isnan(out.at(n, c, y, w)) == (c == 3);
  });
  CHECK(as_it_should);
}

TEST_CASE("moments of parts are merged to those of the whole") {
  const Moments<double> a{3, 2, 2}, b{1, 10, 0};  // 1 2 3 and 10
  const auto all = merged(a, b);
  CHECK(all.count == 4);
  CHECK(all.mean == 4);
  CHECK(all.squares == 50);
  const auto none = merged(Moments<double>{}, a);
  CHECK(none.mean == 2);
  CHECK(none.squares == 2);
  CHECK(merged(Moments<float>{}, Moments<float>{}).mean == 0.0f);
}

}  // namespace
}  // namespace cuhue
