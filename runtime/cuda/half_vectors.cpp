#include "runtime/cuda/half_vectors.h"

#include "kernels/core/device_tensor.h"
#include "kernels/elementwise/elementwise.h"

namespace cuhue::cuda {
namespace {

std::int64_t bytes_each(std::int64_t k) {
  return (k * element_bytes(Element::f16) + 255) / 256 * 256;
}

}  // namespace

Memory half_vectors(const std::shared_ptr<Device>& device, std::span<const float* const> vectors,
                    std::int64_t k) {
  Memory memory(device, static_cast<std::int64_t>(vectors.size()) * bytes_each(k),
                "a layer's vectors as half");
  const OwnedStream stream(device);
  std::byte* place = memory.data();
  for (const float* vector : vectors) {
    ElementwiseDeviceParams p;
    // Reads only: the view of a tensor has no constant form.
    p.x = dense_device_tensor(const_cast<float*>(vector), {1, k, 1, 1}, Element::f32);
    p.out = dense_device_tensor(place, {1, k, 1, 1}, Element::f16);
    device->launch([&] { elementwise_cuda(p, stream.get()); });
    place += bytes_each(k);
  }
  device->synchronize(stream.get());
  return memory;
}

const void* half_vector(const Memory& memory, std::int64_t k, int i) {
  return memory.data() + i * bytes_each(k);
}

}  // namespace cuhue::cuda
