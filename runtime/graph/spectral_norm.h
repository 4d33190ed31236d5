// Spectral norm as GANs of the "weight_bar, weight_u" family compute it: one step of a power iteration.
#pragma once

#include <span>

namespace cuhue {

// What the weight M [out, in], rows u.size(), is divided by: |M v| with v = M'u / (|M'u| + 1e-12), which is
// not yet M's largest singular value. In double.
double spectral_sigma(std::span<const float> weight, std::span<const float> u);

}  // namespace cuhue
