// From the objects found in a photo to those that get colours of their own: PatchColorization's boxes, its
// filter, and where their masks say they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/fuse/fuse.h"
#include "runtime/colorizers/detections.h"
#include "runtime/graph/patch_program.h"

namespace cuhue {

struct PatchRule {
  double min_area = 0.001;  // of the photo's: boxes that are not larger are left out
  // Pixels over which an object's colours set in, from the edge of its mask inwards; 0 = at once, as
  // published.
  int feather = 0;
  static constexpr int kMostFeather = 256;
};

struct Patches {
  std::vector<std::size_t> kept;    // which of the detections, in their order; a mask without pixels is none
  std::vector<PatchBox> boxes;      // the whole photo, then the others, each once
  std::vector<FuseObject> objects;  // of those kept; `map` is the place of its box
  std::vector<std::uint8_t> coverage;
};

// Boxes are truncated to whole pixels, right and bottom not included; a mask's pixels outside of its box do
// not count.
Patches find_patches(const Detections& detections, const PatchRule& rule);

// Error(Status::usage) that names what cannot be: another size than width x height, lists of different
// lengths, a box or a mask outside of the photo, a class that there is not.
void check_detections(const Detections& detections, std::int64_t width, std::int64_t height);

}  // namespace cuhue
