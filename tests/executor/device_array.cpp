#include "tests/executor/device_array.h"

#include "weights/half.h"

namespace cuhue::test {

DeviceArrayTensor::DeviceArrayTensor(Dims dims, Element element, std::int64_t pitch, std::int64_t offset)
    : memory_(static_cast<std::size_t>((dims.n * dims.h * dims.w * pitch + offset) * element_bytes(element))),
      ref_{memory_.data() + offset * element_bytes(element), dims, element, pitch} {}

namespace {

// Index of element (n, c, y, x) from the tensor's start.
template <class Use>
void for_each_element(const DeviceTensor& t, Use&& use) {
  std::size_t plane_index = 0;
  for (std::int64_t n = 0; n < t.dims.n; ++n)
    for (std::int64_t c = 0; c < t.dims.c; ++c)
      for (std::int64_t y = 0; y < t.dims.h; ++y)
        for (std::int64_t x = 0; x < t.dims.w; ++x, ++plane_index)
          use(plane_index, static_cast<std::size_t>(((n * t.dims.h + y) * t.dims.w + x) * t.pitch + c));
}

}  // namespace

void DeviceArrayTensor::write(std::span<const float> planes) {
  std::vector<std::uint8_t> all = memory_.read();
  std::uint8_t* start = all.data() + (static_cast<std::uint8_t*>(ref_.data) - memory_.data());
  for_each_element(ref_, [&](std::size_t plane, std::size_t at) {
    if (ref_.element == Element::f32) {
      std::memcpy(start + 4 * at, &planes[plane], 4);
    } else {
      const std::uint16_t half = f16_from_float(planes[plane]);
      std::memcpy(start + 2 * at, &half, 2);
    }
  });
  memory_.write(all);
}

std::vector<float> DeviceArrayTensor::read() const {
  const std::vector<std::uint8_t> all = memory_.read();
  const std::uint8_t* start = all.data() + (static_cast<std::uint8_t*>(ref_.data) - memory_.data());
  std::vector<float> planes(static_cast<std::size_t>(ref_.dims.count()));
  for_each_element(ref_, [&](std::size_t plane, std::size_t at) {
    if (ref_.element == Element::f32) {
      std::memcpy(&planes[plane], start + 4 * at, 4);
    } else {
      std::uint16_t half = 0;
      std::memcpy(&half, start + 2 * at, 2);
      planes[plane] = float_from_f16(half);
    }
  });
  return planes;
}

}  // namespace cuhue::test
