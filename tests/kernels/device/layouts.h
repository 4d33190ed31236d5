// Where the tensors of a device test lie in memory, and what their values become there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/core/tensor.h"
#include "tests/executor/device_array.h"
#include "tests/kernels/support.h"
#include "weights/half.h"

namespace cuhue::test {

struct Layout {
  Element element = Element::f32;
  std::int64_t gap = 0;     // elements between one pixel's channels and the next one's
  std::int64_t offset = 0;  // elements before the first: 8 keep every vector aligned, 1 none
};

inline std::string name_of(const Layout& l) {
  return std::string(l.element == Element::f16 ? "f16" : "f32") + " gap " + std::to_string(l.gap) +
         " offset " + std::to_string(l.offset);
}

// Dense; a slice that vectors fit; one whose pitch forbids them; one whose address does.
constexpr Layout kLayouts[] = {
    {Element::f32, 0, 0}, {Element::f32, 8, 8}, {Element::f32, 3, 0}, {Element::f32, 8, 1},
    {Element::f16, 0, 0}, {Element::f16, 8, 8}, {Element::f16, 3, 0}, {Element::f16, 8, 1},
};

inline DeviceArrayTensor tensor_in(const Layout& l, Dims dims) {
  return DeviceArrayTensor(dims, l.element, dims.c + l.gap, l.offset);
}

inline std::vector<float> random_planes(Dims dims, std::uint64_t seed, double low, double high) {
  Random random(seed);
  std::vector<float> planes(static_cast<std::size_t>(dims.count()));
  for (float& v : planes) v = static_cast<float>(random.uniform(low, high));
  return planes;
}

// What a value is once it was stored.
inline float stored(float v, Element element) {
  return element == Element::f16 ? float_from_f16(f16_from_float(v)) : v;
}

inline std::vector<float> stored(std::vector<float> values, Element element) {
  for (float& v : values) v = stored(v, element);
  return values;
}

// The planes as the view that CPU kernels take.
inline TensorRef view(std::vector<float>& planes, Dims dims) {
  return dense_tensor(planes.data(), dims);
}

// Nothing was written between the pixels' channels, nor before the first pixel.
inline bool gaps_intact(const DeviceArrayTensor& t) {
  constexpr std::uint8_t kPoison = 0xCD;  // of device_allocate()
  const std::vector<std::uint8_t> bytes = t.bytes();
  const auto size = static_cast<std::size_t>(element_bytes(t.ref().element));
  const auto pitch = static_cast<std::size_t>(t.ref().pitch) * size,
             used = static_cast<std::size_t>(t.ref().dims.c) * size;
  const auto whole = static_cast<std::size_t>(t.ref().pixels()) * pitch;
  const std::size_t before = bytes.size() - whole;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool gap = i < before || (i - before) % pitch >= used;
    if (gap && bytes[i] != kPoison) return false;
  }
  return true;
}

}  // namespace cuhue::test
