// The systems of the plainest kind: one luminance plane of fixed size in, ab planes out, merged with the
// photo's own luminance at full size.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "kernels/merge/merge.h"
#include "kernels/prepare/prepare.h"
#include "runtime/colorizers/colorizer.h"

namespace cuhue {

struct PlaneSystem {
  std::string_view input;                  // the network's input port, [n, 1, size, size]
  std::string_view output = "ab";          // its output port, [n, 2, size, size]
  Luminance luminance = Luminance::cie_l;  // what goes into it
  std::int64_t size = 256;                 // the aspect ratio is not kept, as published
  bool has_temperature = false;            // the network has the setting "temperature"
  ByteRounding published_rounding = ByteRounding::nearest_even;
};

std::unique_ptr<Colorizer> make_plane_colorizer(const PlaneSystem& system,
                                                std::span<const LoadedNetwork> networks);

}  // namespace cuhue
