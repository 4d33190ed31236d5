#include "kernels/elementwise/elementwise.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/kernels/device/layouts.h"

using namespace cuhue;
using namespace cuhue::test;
using Kind = ElementwiseKind;

namespace {

// Every step alone, chains of the networks, one of the greatest length, and none.
const std::vector<std::vector<Kind>> kChains = {
    {},
    {Kind::relu},
    {Kind::leaky_relu},
    {Kind::tanh},
    {Kind::sigmoid},
    {Kind::scalar_affine},
    {Kind::channel_affine},
    {Kind::add},
    {Kind::add_channels},
    {Kind::channel_affine, Kind::add, Kind::relu},
    {Kind::scalar_affine, Kind::add_channels, Kind::relu},
    {Kind::add, Kind::leaky_relu, Kind::channel_affine, Kind::tanh, Kind::scalar_affine, Kind::sigmoid,
     Kind::add, Kind::relu},
};

// A chain on the device and on the CPU, over the same values.
class Chain {
 public:
  Chain(const std::vector<Kind>& kinds, Dims dims, const Layout& other_layout)
      : channels_(static_cast<std::size_t>(dims.c)),
        scale_(random_planes({1, dims.c, 1, 1}, 21, -2, 2)),
        shift_(random_planes({1, dims.c, 1, 1}, 22, -1, 1)),
        device_scale_(std::span<const float>(scale_)),
        device_shift_(std::span<const float>(shift_)),
        other_(stored(random_planes(dims, 23, -2, 2), other_layout.element)),
        device_other_(tensor_in(other_layout, dims)),
        addends_(stored(random_planes(of_planes(dims), 24, -2, 2), other_layout.element)),
        device_addends_(tensor_in(other_layout, of_planes(dims))) {
    device_other_.write(other_);
    device_addends_.write(addends_);
    for (const Kind kind : kinds) {
      const bool planes = kind == Kind::add_channels;
      steps_.push_back({kind, 0.3f, -0.4f, scale_.data(), shift_.data(),
                        planes ? view(addends_, of_planes(dims)) : view(other_, dims)});
      epilogue_.steps[epilogue_.count++] = {kind,
                                            0.3f,
                                            -0.4f,
                                            device_scale_.data(),
                                            device_shift_.data(),
                                            planes ? device_addends_.ref() : device_other_.ref(),
                                            static_cast<int>(dims.h * dims.w)};
    }
  }
  const DeviceEpilogue& epilogue() const { return epilogue_; }
  std::vector<float> expected(std::vector<float> x, Dims dims, Element element) const {
    elementwise_cpu({view(x, dims), view(x, dims), steps_});
    return stored(x, element);
  }

 private:
  std::size_t channels_;
  std::vector<float> scale_, shift_;
  DeviceArray<float> device_scale_, device_shift_;
  static Dims of_planes(const Dims& dims) { return {dims.n, dims.c, 1, 1}; }

  std::vector<float> other_;
  DeviceArrayTensor device_other_;
  std::vector<float> addends_;
  DeviceArrayTensor device_addends_;
  std::vector<ElementwiseStep> steps_;
  DeviceEpilogue epilogue_;
};

void check_chain(const std::vector<Kind>& kinds, Dims dims, const Layout& in, const Layout& result,
                 const Layout& other) {
  CAPTURE(dims.c);
  CAPTURE(kinds.size());
  CAPTURE(name_of(in));
  CAPTURE(name_of(result));
  CAPTURE(name_of(other));
  const Chain chain(kinds, dims, other);
  DeviceArrayTensor x = tensor_in(in, dims), out = tensor_in(result, dims);
  x.write(random_planes(dims, 20, -3, 3));
  const auto expected = chain.expected(x.read(), dims, result.element);
  for_each_order([&] {
    elementwise_cuda({x.ref(), out.ref(), chain.epilogue()}, nullptr);
    CHECK(out.read() == expected);
  });
  CHECK(gaps_intact(out));
}

}  // namespace

TEST_CASE("elementwise: every chain gives the CPU's bits, in every layout") {
  for (const auto& kinds : kChains)
    for (const Layout& layout : kLayouts)
      for (const std::int64_t channels : {3, 16, 20}) {
        check_chain(kinds, {2, channels, 3, 5}, layout, layout, {Element::f32, 8, 8});
      }
}

TEST_CASE("elementwise: elements and pitches of input, result and addend are their own") {
  const std::vector<Kind> kinds = {Kind::add, Kind::relu};
  for (const std::int64_t channels : {2, 24})
    for (const Layout& in : kLayouts)
      for (const Layout& other : kLayouts) {
        check_chain({}, {1, channels, 2, 7}, in, other, in);  // conversion
        check_chain(kinds, {1, channels, 2, 7}, in, {Element::f16, 8, 0}, other);
      }
}

TEST_CASE("elementwise: more than a block's vectors, and the tail of the last") {
  check_chain({Kind::channel_affine}, {1, 8, 21, 37}, {Element::f16, 0, 0}, {Element::f32, 0, 0}, {});
  check_chain({Kind::relu}, {3, 1, 17, 41}, {}, {}, {});
}

TEST_CASE("elementwise: the result may take the input's place") {
  const Dims dims{1, 12, 4, 9};
  for (const Layout& layout : kLayouts) {
    const Chain chain({Kind::channel_affine, Kind::relu}, dims, layout);
    DeviceArrayTensor x = tensor_in(layout, dims);
    const auto start = stored(random_planes(dims, 5, -3, 3), layout.element);
    for_each_order([&] {
      x.write(start);
      elementwise_cuda({x.ref(), x.ref(), chain.epilogue()}, nullptr);
      CHECK(x.read() == chain.expected(start, dims, layout.element));
    });
  }
}

TEST_CASE("elementwise: NaN passes every step, and halves become infinite beyond their range") {
  const Dims dims{1, 8, 1, 1};
  std::vector<float> values(8, 1e6f);
  values[3] = std::numeric_limits<float>::quiet_NaN();
  for (const Kind kind : {Kind::relu, Kind::leaky_relu, Kind::tanh, Kind::sigmoid, Kind::scalar_affine,
                          Kind::channel_affine, Kind::add, Kind::add_channels}) {
    const Chain chain({kind}, dims, {});
    DeviceArrayTensor x(dims, Element::f32), out(dims, Element::f16);
    x.write(values);
    elementwise_cuda({x.ref(), out.ref(), chain.epilogue()}, nullptr);
    const auto result = out.read(), expected = chain.expected(values, dims, Element::f16);
    for (std::size_t i = 0; i < 8; ++i) {
      CHECK(std::isnan(result[i]) == (i == 3));
      if (i != 3) CHECK(result[i] == expected[i]);
    }
    if (kind == Kind::relu) CHECK(result[0] == std::numeric_limits<float>::infinity());
  }
}

TEST_CASE("elementwise: a tensor beyond 32-bit indices is refused") {
  const DeviceTensor huge{nullptr, {1, 1 << 16, 1 << 8, 1 << 8}, Element::f32, 1 << 16};
  CHECK_THROWS_AS(elementwise_cuda({huge, huge, {}}, nullptr), std::length_error);
}
