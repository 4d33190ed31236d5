#include "kernels/labels/labels.h"

#include <doctest/doctest.h>

#include <array>
#include <map>

#include "kernels/core/parallel.h"
#include "tests/kernels/label_maps.h"

namespace cuhue {
namespace {

using test::LabelMap;

// Where a pixel of a map goes when that is made larger.
std::int64_t source(std::int64_t o, std::int64_t n_in, std::int64_t n_out) {
  return o * n_in / n_out;
}

// By the definition: the commonest label among the pixels that belong to one.
std::uint8_t expected(LabelMap& in, const LabelMap& out, std::int64_t x, std::int64_t y) {
  std::map<int, int> counts;
  for (std::int64_t r = 0; r < in.height; ++r)
    for (std::int64_t c = 0; c < in.width; ++c) {
      const bool row = in.height <= out.height ? r == source(y, in.height, out.height)
                                               : source(r, out.height, in.height) == y;
      const bool column =
          in.width <= out.width ? c == source(x, in.width, out.width) : source(c, out.width, in.width) == x;
      if (row && column) ++counts[in.at(c, r)];
    }
  int best = -1;
  for (const auto& [label, count] : counts)
    if (best < 0 || count > counts[best]) best = label;
  return static_cast<std::uint8_t>(best);
}

TEST_CASE("labels: of a smaller map the commonest, of a larger one the nearest, whatever the threads") {
  for (const test::LabelSizes& s : test::kLabelSizes) {
    CAPTURE(s.in_w);
    CAPTURE(s.out_w);
    LabelMap in = test::patches(s.in_w, s.in_h, 5, 3), out(s.out_w, s.out_h, 2);
    resize_labels_cpu({in.view(), out.ref()});
    bool same = true;
    for (std::int64_t y = 0; y < s.out_h; ++y)
      for (std::int64_t x = 0; x < s.out_w; ++x) same = same && out.at(x, y) == expected(in, out, x, y);
    CHECK(same);
    LabelMap again(s.out_w, s.out_h, 2);
    const ThreadScope one(1);
    resize_labels_cpu({in.view(), again.ref()});
    CHECK(again.bytes == out.bytes);  // gaps too
  }
}

TEST_CASE("labels: made larger and smaller again they are what they were") {
  for (const auto& [w, h] : {std::pair{353, 700}, {352, 352}, {1000, 400}, {4001, 3001}}) {
    const LabelMap map = test::patches(352, 352, 6);
    LabelMap large(w, h), back(352, 352);
    resize_labels_cpu({map.view(), large.ref()});
    resize_labels_cpu({large.view(), back.ref()});
    CHECK(back.bytes == map.bytes);
  }
}

TEST_CASE("labels: of equally many the lowest, in any order") {
  for (const std::array<std::uint8_t, 4>& four :
       {std::array<std::uint8_t, 4>{7, 3, 3, 7}, {3, 7, 7, 3}, {7, 7, 3, 3}, {59, 58, 57, 3}}) {
    LabelMap in(2, 2), out(1, 1);
    std::copy(four.begin(), four.end(), in.bytes.begin());
    resize_labels_cpu({in.view(), out.ref()});
    CHECK(out.at(0, 0) == 3);
  }
}

TEST_CASE("labels: every pixel of a view is its label's colour") {
  const LabelPalette palette = test::test_palette();
  for (const auto& [w, h] : {std::pair{1, 1}, {37, 23}, {4, 300}}) {
    LabelMap map = test::patches(w, h, 7, 5);
    std::vector<std::uint8_t> view(static_cast<std::size_t>((3 * w + 4) * h), 0xEE);
    view_labels_cpu({map.view(), view.data(), 3 * w + 4, palette});
    bool same = true;
    for (std::int64_t y = 0; y < h; ++y)
      for (std::int64_t b = 0; b < 3 * w + 4; ++b) {
        const int want = b < 3 * w ? palette.rgb[map.at(b / 3, y)][b % 3] : 0xEE;
        same = same && view[static_cast<std::size_t>(y * (3 * w + 4) + b)] == want;
      }
    CHECK(same);
  }
}

}  // namespace
}  // namespace cuhue
