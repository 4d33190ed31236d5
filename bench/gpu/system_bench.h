// Systems whose work is no single network's, from host bytes to what they give, by the clock.
#pragma once

#include <string_view>

#include "runtime/networks/loaded_network.h"

namespace cuhue::bench {

// network: `mask-rcnn`. A photo to objects. (Of noise under formula weights: the work is of fixed shapes,
// whatever is found.)
void bench_detector(const LoadedNetwork& network, std::string_view precision);
// network: `eccv16`. A photo with ten objects, in which all of them are coloured, and none of them anew.
void bench_patches(const LoadedNetwork& network, std::string_view precision);

}  // namespace cuhue::bench
