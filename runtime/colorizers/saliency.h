// Where people look in a photo.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/image/pixels.h"

namespace cuhue {

// Of one photo, 0..1, [h, w] at the size that the network saw it in, rows `pitch` floats apart. Not owned.
struct SaliencyMap {
  const float* data = nullptr;
  std::int64_t h = 0, w = 0, pitch = 0;
};

// The map at another size, torch bilinear (align_corners=False): [height, width] to `values`.
void resize_saliency(const SaliencyMap& map, std::int64_t height, std::int64_t width, float* values);

// The photo's grey under the map's heat (kernels/heat). out: size and sample size of the photo, 3 or 4
// channels; may be the photo itself. Error(Status::usage) where they do not fit.
void view_saliency(const SaliencyMap& map, const ConstPixelView& photo, const PixelView& out);

}  // namespace cuhue
