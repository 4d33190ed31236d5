// [k] vectors as f16, for libraries whose kernels want them in the element of their results.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "runtime/cuda/device.h"

namespace cuhue::cuda {

// Copies of float vectors of `k` on the device; done when it returns. The i-th is at half_vector().
Memory half_vectors(const std::shared_ptr<Device>& device, std::span<const float* const> vectors,
                    std::int64_t k);
const void* half_vector(const Memory& memory, std::int64_t k, int i);  // aligned to 256 bytes

}  // namespace cuhue::cuda
