#include "kernels/fuse/fuse.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "tests/kernels/fuse_cases.h"

namespace cuhue {
namespace {

using namespace test;

// Half-pixel centres, written out.
double stretched(const FuseCase& c, std::int64_t map, int plane, std::int64_t x, std::int64_t y,
                 std::int64_t w, std::int64_t h) {
  const auto place = [](std::int64_t i, std::int64_t cells, std::int64_t pixels, std::int64_t& i0,
                        std::int64_t& i1) {
    const double src = std::max(
        (static_cast<double>(i) + 0.5) * static_cast<double>(cells) / static_cast<double>(pixels) - 0.5, 0.0);
    i0 = std::min(static_cast<std::int64_t>(src), cells - 1);
    i1 = std::min(i0 + 1, cells - 1);
    return src - static_cast<double>(i0);
  };
  std::int64_t x0, x1, y0, y1;
  const double wx = place(x, c.map_w, w, x0, x1), wy = place(y, c.map_h, h, y0, y1);
  const float* p = c.maps.data() + (map * 2 + plane) * c.map_h * c.map_w;
  const auto at = [&](std::int64_t yy, std::int64_t xx) { return static_cast<double>(p[yy * c.map_w + xx]); };
  return (1 - wy) * ((1 - wx) * at(y0, x0) + wx * at(y0, x1)) +
         wy * ((1 - wx) * at(y1, x0) + wx * at(y1, x1));
}

// One object after another over the whole photo, as the specification says it.
std::vector<double> pasted(const FuseCase& c) {
  std::vector<double> out(static_cast<std::size_t>(2 * c.h * c.w));
  for (int k = 0; k < 2; ++k) {
    double* plane = out.data() + k * c.h * c.w;
    for (std::int64_t y = 0; y < c.h; ++y)
      for (std::int64_t x = 0; x < c.w; ++x) plane[y * c.w + x] = stretched(c, 0, k, x, y, c.w, c.h);
    for (const FuseObject& o : c.objects) {
      for (std::int64_t y = o.mask_y; y < o.mask_y + o.mask_h; ++y) {
        for (std::int64_t x = o.mask_x; x < o.mask_x + o.mask_w; ++x) {
          const double weight =
              c.coverage[static_cast<std::size_t>(o.coverage + (y - o.mask_y) * o.mask_w + x - o.mask_x)] /
              255.0;
          double& v = plane[y * c.w + x];
          v = v * (1 - weight) + weight * stretched(c, o.map, k, x - o.x, y - o.y, o.w, o.h);
        }
      }
    }
  }
  return out;
}

TEST_CASE("fused colours are those of objects pasted one after another") {
  for (const bool soft : {false, true}) {
    for (const int count : {0, 1, 2, 9, 100}) {
      for (const auto& size : {std::array{61, 43, 8, 8}, std::array{300, 21, 256, 16}, std::array{1, 1, 5, 3},
                               std::array{7, 130, 64, 64}}) {
        const int w = size[0], h = size[1], map_w = size[2], map_h = size[3];
        CAPTURE(count);
        CAPTURE(w);
        CAPTURE(soft);
        const FuseCase c = make_fuse_case(w, h, map_w, map_h, count, soft, 3);
        std::vector<float> out(static_cast<std::size_t>(2 * h * w), std::nanf(""));
        fuse_cpu(c.params(out.data()));
        const std::vector<double> expected = pasted(c);
        double worst = 0;
        for (std::size_t i = 0; i < out.size(); ++i)
          worst =
              std::max(worst, std::isnan(out[i]) ? 1e9 : std::abs(static_cast<double>(out[i]) - expected[i]));
        CHECK(worst < 110 * 2e-5);
      }
    }
  }
}

TEST_CASE("the thread count changes no bit of fused colours") {
  const FuseCase c = make_fuse_case(130, 97, 32, 32, 12, true, 5);
  std::vector<float> out[3];
  for (int threads = 1; threads <= 3; ++threads) {
    const ThreadScope scope(threads);
    out[threads - 1].resize(static_cast<std::size_t>(2 * c.h * c.w));
    fuse_cpu(c.params(out[threads - 1].data()));
  }
  CHECK(out[0] == out[1]);
  CHECK(out[0] == out[2]);
}

}  // namespace
}  // namespace cuhue
