// The constructors that the table in systems.cpp lists, one a file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "runtime/colorizers/colorizer.h"

namespace cuhue {

std::unique_ptr<Colorizer> make_eccv16(std::span<const LoadedNetwork> networks);
std::unique_ptr<Colorizer> make_koalarization(std::span<const LoadedNetwork> networks);
std::unique_ptr<Colorizer> make_lite(std::span<const LoadedNetwork> networks);
std::unique_ptr<Colorizer> make_siggraph17(std::span<const LoadedNetwork> networks);
std::unique_ptr<Colorizer> make_masks_gan(std::span<const LoadedNetwork> networks);
std::unique_ptr<Colorizer> make_semantic(std::span<const LoadedNetwork> networks);
// Of planes of about so many pixels: tests of a slow backend.
std::unique_ptr<Colorizer> make_semantic(std::span<const LoadedNetwork> networks, std::int64_t area);
std::unique_ptr<Colorizer> make_scgan(std::span<const LoadedNetwork> networks);
std::unique_ptr<Colorizer> make_patch(std::span<const LoadedNetwork> networks);
// Of planes of side x side: tests of a slow backend.
std::unique_ptr<Colorizer> make_patch(std::span<const LoadedNetwork> networks, std::int64_t side);

}  // namespace cuhue
