// The quantized ab plane of Zhang et al. 2016: the points of a grid of step 10 whose colours exist in sRGB.
#pragma once

#include <array>

namespace cuhue {

struct GamutBin {
  int a = 0, b = 0;  // ab units, multiples of 10
};

constexpr int kGamutBins = 313;

// a ascending, within it b ascending: the order of the network's logits.
std::array<GamutBin, kGamutBins> gamut_bins();

}  // namespace cuhue
