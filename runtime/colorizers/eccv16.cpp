// Zhang, Isola, Efros: Colorful Image Colorization (ECCV 2016), release v2.

#include "runtime/colorizers/plane_colorizer.h"
#include "runtime/colorizers/systems.h"

namespace cuhue {

std::unique_ptr<Colorizer> make_eccv16(std::span<const LoadedNetwork> networks) {
  return make_plane_colorizer({.input = "l",
                               .luminance = Luminance::cie_l,
                               .size = 256,
                               .has_temperature = true,
                               .published_rounding = ByteRounding::truncate},
                              networks);
}

}  // namespace cuhue
