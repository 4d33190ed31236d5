#include "kernels/pack/pack.h"

#include <doctest/doctest.h>

#include "tests/kernels/device/layouts.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

struct WeightCase {
  std::int64_t k, c;
  int r, s;
};
// Less than a tile, several with tails, one input channel, dense layers, windows beyond a tile's columns.
constexpr WeightCase kWeights[] = {{3, 2, 3, 3},  {70, 66, 3, 3}, {64, 1, 3, 3}, {130, 65, 1, 1},
                                   {65, 3, 7, 7}, {5, 67, 4, 4},  {2, 3, 1, 5},  {128, 33, 2, 1}};

// Place of output channel k, input channel c, row r, column s.
std::size_t packed_place(const WeightCase& w, WeightOrder order, std::int64_t k, std::int64_t c,
                         std::int64_t r, std::int64_t s) {
  const std::int64_t at = order == WeightOrder::krsc   ? ((k * w.r + r) * w.s + s) * w.c + c
                          : order == WeightOrder::crsk ? ((c * w.r + r) * w.s + s) * w.k + k
                                                       : ((r * w.s + s) * w.c + c) * w.k + k;
  return static_cast<std::size_t>(at);
}

std::vector<float> packed(const WeightCase& w, const std::vector<float>& weight, bool transposed,
                          const std::vector<float>& scale, WeightOrder order, Element element) {
  std::vector<float> out(weight.size());
  for (std::int64_t k = 0; k < w.k; ++k)
    for (std::int64_t c = 0; c < w.c; ++c)
      for (std::int64_t r = 0; r < w.r; ++r)
        for (std::int64_t s = 0; s < w.s; ++s) {
          const std::int64_t outer = transposed ? c * w.k + k : k * w.c + c;
          const float v = weight[static_cast<std::size_t>((outer * w.r + r) * w.s + s)];
          out[packed_place(w, order, k, c, r, s)] = stored(v * scale[static_cast<std::size_t>(k)], element);
        }
  return out;
}

std::vector<float> values_of(const DeviceArray<std::uint8_t>& memory, Element element) {
  const auto bytes = memory.read();
  const auto size = static_cast<std::size_t>(element_bytes(element));
  std::vector<float> values(bytes.size() / size);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t half = 0;
    if (element == Element::f16) {
      std::memcpy(&half, &bytes[size * i], size);
      values[i] = float_from_f16(half);
    } else {
      std::memcpy(&values[i], &bytes[size * i], size);
    }
  }
  return values;
}

}  // namespace

TEST_CASE("weights are packed into every order, scaled, from either of PyTorch's") {
  for (const WeightCase& w : kWeights)
    for (const bool transposed : {false, true})
      for (const WeightOrder order : {WeightOrder::krsc, WeightOrder::crsk, WeightOrder::rsck})
        for (const Element element : {Element::f32, Element::f16})
          for (const bool scaled : {false, true}) {
            CAPTURE(w.k);
            CAPTURE(w.c);
            CAPTURE(w.r);
            CAPTURE(transposed);
            CAPTURE(static_cast<int>(order));
            CAPTURE(static_cast<int>(element));
            const auto weight = random_planes({w.k, w.c, w.r, w.s}, 71, -1, 1);
            const auto scale = scaled ? random_planes({1, w.k, 1, 1}, 72, -2, 2)
                                      : std::vector<float>(static_cast<std::size_t>(w.k), 1.0f);
            const DeviceArray<float> from{std::span<const float>(weight)},
                device_scale{std::span<const float>(scale)};
            const DeviceArray<std::uint8_t> to(weight.size() *
                                               static_cast<std::size_t>(element_bytes(element)));
            const auto expected = packed(w, weight, transposed, scale, order, element);
            for_each_order([&] {
              pack_weight_cuda({from.data(), transposed, w.k, w.c, w.r, w.s,
                                scaled ? device_scale.data() : nullptr, order, element, to.data()},
                               nullptr);
              CHECK(values_of(to, element) == expected);
            });
          }
}

TEST_CASE("planes become pixels and pixels planes, in every layout") {
  for (const Dims dims : {Dims{2, 3, 5, 7}, Dims{1, 16, 9, 11}, Dims{1, 1, 3, 67}, Dims{2, 72, 3, 23},
                          Dims{1, 40, 1, 1}, Dims{3, 33, 8, 8}})
    for (const Layout& layout : kLayouts) {
      CAPTURE(dims.c);
      CAPTURE(name_of(layout));
      const auto planes = random_planes(dims, 73, -100, 100);
      const DeviceArray<float> from{std::span<const float>(planes)}, back(planes.size());
      DeviceArrayTensor pixels = tensor_in(layout, dims);
      for_each_order([&] {
        pack_cuda({from.data(), pixels.ref()}, nullptr);
        CHECK(pixels.read() == stored(planes, layout.element));
        unpack_cuda({pixels.ref(), back.data()}, nullptr);
        CHECK(back.read() == stored(planes, layout.element));
      });
      CHECK(gaps_intact(pixels));
    }
}

TEST_CASE("packing refuses what 32-bit indices do not reach") {
  const DeviceTensor huge{nullptr, {1, 1 << 16, 1 << 8, 1 << 8}, Element::f32, 1 << 16};
  CHECK_THROWS_AS(pack_cuda({nullptr, huge}, nullptr), std::length_error);
  CHECK_THROWS_AS(unpack_cuda({huge, nullptr}, nullptr), std::length_error);
  PackWeightDeviceParams weight;
  weight.k = weight.c = 1 << 16;
  CHECK_THROWS_AS(pack_weight_cuda(weight, nullptr), std::length_error);
}
