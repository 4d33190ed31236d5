#include "kernels/reorder/reorder.h"

#include <doctest/doctest.h>

#include "tests/kernels/support.h"

namespace cuhue {
namespace {

using test::Guarded;

TEST_CASE("reordering keeps every value between any two layouts and zeroes the padding") {
  constexpr Dims kShapes[] = {{1, 32, 8, 8}, {2, 13, 5, 7}, {3, 2, 9, 17},
                              {1, 1, 1, 1},  {2, 70, 1, 3}, {1, 16, 30, 31}};
  for (const Dims& dims : kShapes) {
    for (std::int64_t from : {std::int64_t{1}, std::int64_t{8}, std::int64_t{16}, dims.c}) {
      for (std::int64_t to : {std::int64_t{1}, std::int64_t{8}, std::int64_t{16}, dims.c}) {
        CAPTURE(dims.c);
        CAPTURE(from);
        CAPTURE(to);
        Guarded x(dims, from, 7), out(dims, to, 16);
        x.fill(8, -1, 1);
        CHECK(test::same_for_any_threads(out, [&](Guarded& o) { reorder_cpu({x.ref(), o.ref()}); }));
        bool same = true;
        test::for_each_element(dims, [&](std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t w) {
          same = same && out.at(n, c, y, w) == x.at(n, c, y, w);
        });
        CHECK(same);
        CHECK(out.intact());
      }
    }
  }
}

TEST_CASE("reordering does not trust the padding it reads") {
  for (std::int64_t block : {8, 16}) {
    Guarded x({1, 5, 2, 3}, 8), out({1, 5, 2, 3}, block);
    x.fill(8, -1, 1);
    for (std::int64_t pixel = 0; pixel < 6; ++pixel) x.ref().data[pixel * 8 + 6] = 99.0f;
    reorder_cpu({x.ref(), out.ref()});
    CHECK(out.intact());
  }
}

}  // namespace
}  // namespace cuhue
