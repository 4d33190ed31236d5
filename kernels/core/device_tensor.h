// The one view of a tensor that CUDA kernels take: channels last.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/core/tensor.h"

namespace cuhue {

enum class Element : std::uint8_t { f32, f16 };

constexpr std::int64_t element_bytes(Element e) {
  return e == Element::f32 ? 4 : 2;
}

// [n, h, w, c] elements in device memory, `pitch` >= c elements from pixel to pixel, pixels dense; not owned.
// A channel slice of a wider tensor has that one's pitch, so what lies between c and pitch belongs to others:
// it is never written, and never read into a result. Vector access only where address and pitch allow it.
struct DeviceTensor {
  void* data = nullptr;
  Dims dims;
  Element element = Element::f32;
  std::int64_t pitch = 1;

  constexpr std::int64_t pixels() const { return dims.n * dims.h * dims.w; }
  constexpr bool dense() const { return pitch == dims.c; }
};

constexpr DeviceTensor dense_device_tensor(void* data, Dims dims, Element element) {
  return {data, dims, element, dims.c};
}

// True when `lanes` elements at a multiple of `lanes` channels may be accessed as aligned vectors of 16
// bytes, or as one vector where they are fewer bytes.
inline bool vectors_fit(const DeviceTensor& t, std::int64_t lanes) {
  const auto whole = static_cast<std::uintptr_t>(lanes * element_bytes(t.element));
  const std::uintptr_t bytes = whole < 16 ? whole : 16;
  return t.dims.c % lanes == 0 && t.pitch % lanes == 0 &&
         reinterpret_cast<std::uintptr_t>(t.data) % bytes == 0;
}

}  // namespace cuhue
