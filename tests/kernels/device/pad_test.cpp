#include "kernels/pad/pad.h"

#include <doctest/doctest.h>

#include "tests/kernels/device/layouts.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

// What torch.nn.functional.pad gives, on planes.
std::vector<float> padded(const std::vector<float>& x, Dims in, Dims out, int top, int left,
                          BorderKind kind) {
  std::vector<float> y;
  for (std::int64_t nc = 0; nc < in.n * in.c; ++nc)
    for (std::int64_t i = 0; i < out.h; ++i)
      for (std::int64_t j = 0; j < out.w; ++j) {
        const auto from_y = border_source(kind, i, top, in.h), from_x = border_source(kind, j, left, in.w);
        const bool inside = from_y >= 0 && from_x >= 0;
        y.push_back(inside ? x[static_cast<std::size_t>((nc * in.h + from_y) * in.w + from_x)] : 0.0f);
      }
  return y;
}

}  // namespace

TEST_CASE("pad: every border, element, tail and pitch") {
  for (const BorderKind kind : {BorderKind::zero, BorderKind::reflect, BorderKind::replicate})
    for (const Layout& layout : kLayouts)
      for (const std::int64_t channels : {1, 3, 8, 20}) {
        CAPTURE(static_cast<int>(kind));
        CAPTURE(channels);
        CAPTURE(name_of(layout));
        const Dims in{2, channels, 5, 7}, out{2, channels, 5 + 2 + 1, 7 + 3 + 2};
        DeviceArrayTensor from = tensor_in(layout, in), to = tensor_in(layout, out);
        from.write(random_planes(in, 81, -100, 100));
        const auto expected = padded(from.read(), in, out, 2, 3, kind);
        for_each_order([&] {
          pad_cuda({from.ref(), to.ref(), 2, 3, kind}, nullptr);
          CHECK(to.read() == expected);
        });
        CHECK(gaps_intact(to));
      }
}
