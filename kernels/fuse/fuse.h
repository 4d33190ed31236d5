// Maps of colours of a photo and of objects in it become one map of the photo's size: where an object's mask
// covers a pixel, that object's own colours; the last object wins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/core/stream.h"

namespace cuhue {

// A box of the photo with colours of its own. Its map is stretched over the box (torch bilinear,
// align_corners=False).
struct FuseObject {
  std::int32_t x = 0, y = 0, w = 0, h = 0;  // inside of the photo, not empty
  std::int32_t map = 0;                     // of FuseParams::maps
  // The rectangle of the photo, within the box, that may have its colours; may be empty.
  std::int32_t mask_x = 0, mask_y = 0, mask_w = 0, mask_h = 0;
  // Where in FuseParams::coverage the rectangle's bytes [mask_h, mask_w] begin: 255 = the object's colour, 0
  // = what is below it, between them a mix.
  std::int64_t coverage = 0;
};

struct FuseParams {
  const float* maps = nullptr;  // [count, 2, map_h, map_w]; the first is of the whole photo
  std::int64_t map_h = 0, map_w = 0;
  std::int64_t h = 0, w = 0;            // the photo
  std::span<const FuseObject> objects;  // later ones cover earlier ones
  const std::uint8_t* coverage = nullptr;
  float* out = nullptr;  // [2, h, w], as merge_cpu takes it
};
// Allocates nothing.
void fuse_cpu(const FuseParams& p);

struct FuseDeviceParams {
  const float* maps = nullptr;  // as above, all in device memory
  std::int64_t map_h = 0, map_w = 0;
  std::int64_t h = 0, w = 0;
  const FuseObject* objects = nullptr;
  int object_count = 0;
  const std::uint8_t* coverage = nullptr;
  float* out = nullptr;  // [h, w, 2], aligned to 8 bytes: as merge_cuda takes it
};
// The values of fuse_cpu, in one launch: of the objects at a pixel only those are evaluated that are seen.
void fuse_cuda(const FuseDeviceParams& p, Stream stream);

// Maps as a network leaves them to where fuse_cuda finds them.
struct KeepMapsParams {
  const float* from = nullptr;  // [count, floats]; all in device memory
  std::int64_t floats = 0;      // of a map
  int count = 0;
  const std::int32_t* places = nullptr;  // [count]: which of `maps` each becomes
  float* maps = nullptr;                 // [any, floats]
  int* not_finite = nullptr;  // set to 1 when one of them holds NaN or infinity; never cleared here
};
void keep_maps_cuda(const KeepMapsParams& p, Stream stream);

}  // namespace cuhue
