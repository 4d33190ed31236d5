// Annealed-mean decoding fused with the 1x1 convolution before it: Zhang et al. 2016, section 2.3.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/core/device_tensor.h"
#include "kernels/core/stream.h"
#include "kernels/core/tensor.h"

namespace cuhue {

struct AnnealedMeanParams {
  TensorRef x;                     // [n, c, h, w], any block
  TensorRef out;                   // [n, k, h, w], block 1
  const float* weight = nullptr;   // packed by pack_annealed_mean_weight()
  const float* bias = nullptr;     // [bins]
  const float* centres = nullptr;  // [k, bins]
  std::int64_t bins = 0;
  float temperature = 1.0f;      // out = centres . softmax((W x + b) / temperature)
  std::byte* scratch = nullptr;  // annealed_mean_scratch_bytes(), aligned to 64
};

// Floats of the packed weight; its layout is the kernel's own.
std::int64_t annealed_mean_packed_floats(std::int64_t bins, std::int64_t c);
void pack_annealed_mean_weight(const float* weight /* [bins, c] */, std::int64_t bins, std::int64_t c,
                               float* packed);
std::size_t annealed_mean_scratch_bytes(std::int64_t bins, std::int64_t c, int threads);

// The bins are never stored: tiles of pixels go from features to ab in cache. Allocates nothing.
void annealed_mean_cpu(const AnnealedMeanParams& p);

// On CUDA the 1x1 convolution is a convolution like any other; softmax and mean are one kernel behind it.
struct AnnealedMeanDeviceParams {
  DeviceTensor logits;             // [n, h, w, bins]
  DeviceTensor out;                // [n, h, w, k], k <= 4
  const float* centres = nullptr;  // [k, bins] device memory
  float temperature = 1.0f;
};
void annealed_mean_cuda(const AnnealedMeanDeviceParams& p, Stream stream);

}  // namespace cuhue
