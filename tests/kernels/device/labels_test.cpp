#include "kernels/labels/labels.h"

#include <doctest/doctest.h>

#include "tests/executor/device_array.h"
#include "tests/kernels/label_maps.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

using Bytes = DeviceArray<std::uint8_t>;

}  // namespace

TEST_CASE("labels: maps of other sizes are the CPU's, and nothing else is written") {
  for (const LabelSizes& s : kLabelSizes) {
    CAPTURE(s.in_w);
    CAPTURE(s.out_w);
    const LabelMap in = patches(s.in_w, s.in_h, 8, 3);
    LabelMap out(s.out_w, s.out_h, 5);
    const LabelMap untouched = out;
    const Bytes from{std::span<const std::uint8_t>(in.bytes)};
    Bytes to(out.bytes.size());
    const auto found = same_in_every_order([&] {
      to.write(untouched.bytes);
      resize_labels_cuda(
          {{from.data(), in.width, in.height, in.stride}, {to.data(), out.width, out.height, out.stride}},
          nullptr);
      return to.read();
    });
    resize_labels_cpu({in.view(), out.ref()});
    CHECK(found == out.bytes);
  }
}

TEST_CASE("labels: views are the CPU's, at any alignment") {
  const LabelPalette palette = test_palette();
  for (const auto& size : {std::pair{1, 1}, {37, 23}, {64, 9}}) {
    const int w = size.first, h = size.second;
    for (const std::int64_t offset : {0, 1}) {
      CAPTURE(w);
      CAPTURE(offset);
      const LabelMap map = patches(w, h, 9, 1);
      const std::ptrdiff_t stride = 3 * w + 1;
      std::vector<std::uint8_t> want(static_cast<std::size_t>(offset + stride * h), 0xEE);
      const std::vector<std::uint8_t> untouched = want;
      const Bytes from{std::span<const std::uint8_t>(map.bytes)};
      Bytes to(want.size());
      const auto found = same_in_every_order([&] {
        to.write(untouched);
        view_labels_cuda(
            {{from.data(), map.width, map.height, map.stride}, to.data() + offset, stride, palette}, nullptr);
        return to.read();
      });
      view_labels_cpu({map.view(), want.data() + offset, stride, palette});
      CHECK(found == want);
    }
  }
}
