// Half ResNet-18 with an upsampling decoder, trained on Places205.
#include "runtime/colorizers/plane_colorizer.h"
#include "runtime/colorizers/systems.h"

namespace cuhue {

std::unique_ptr<Colorizer> make_lite(std::span<const LoadedNetwork> networks) {
  return make_plane_colorizer({.input = "grey", .luminance = Luminance::rec709_luma, .size = 256}, networks);
}

}  // namespace cuhue
