// A pixel of a map that is stretched over a box.
#pragma once

#include <cstdint>

#include "kernels/color/yuv_planes.h"
#include "kernels/core/hd.h"
#include "kernels/resample/bilinear.h"

namespace cuhue {

struct FusedAb {
  float a, b;
};

// map: [2, h, w].
CUHUE_HD FusedAb stretched_ab(const float* map, std::int64_t h, std::int64_t w, const BilinearTap& y,
                              const BilinearTap& x) {
  const float *top = map + y.i0 * w, *bottom = map + y.i1 * w;
  const std::int64_t plane = h * w;
  return {bilinear_mix(top[x.i0], top[x.i1], bottom[x.i0], bottom[x.i1], y.w1, x.w1),
          bilinear_mix(top[plane + x.i0], top[plane + x.i1], bottom[plane + x.i0], bottom[plane + x.i1], y.w1,
                       x.w1)};
}

// All of the object where it covers a pixel wholly, whatever is below.
CUHUE_HD FusedAb covered_ab(const FusedAb& below, const FusedAb& object, std::uint8_t coverage) {
  if (coverage == 255) return object;
  const float weight = unit_of<std::uint8_t>(coverage);
  return {mix(below.a, object.a, weight), mix(below.b, object.b, weight)};
}

// Cells of a map to a pixel of what it is stretched over, rounded once as torch does.
CUHUE_HD float cells_a_pixel(std::int64_t cells, std::int64_t pixels) {
  return static_cast<float>(cells) / static_cast<float>(pixels);
}

}  // namespace cuhue
