#include "kernels/core/parallel.h"
#include "kernels/fuse/fuse.h"
#include "kernels/fuse/fuse_math.h"

namespace cuhue {
namespace {

// One row of a map that is stretched over `width` pixels.
struct MapRow {
  const float* map;
  std::int64_t h, w;
  BilinearTap y;
  float step;

  MapRow(const FuseParams& p, std::int64_t index, std::int64_t row, std::int64_t height, std::int64_t width)
      : map(p.maps + index * 2 * p.map_h * p.map_w),
        h(p.map_h),
        w(p.map_w),
        y(bilinear_tap(row, cells_a_pixel(p.map_h, height), p.map_h)),
        step(cells_a_pixel(p.map_w, width)) {}
  FusedAb at(std::int64_t x) const { return stretched_ab(map, h, w, y, bilinear_tap(x, step, w)); }
};

void fuse_row(const FuseParams& p, std::int64_t row) {
  float *const a = p.out + row * p.w, *const b = a + p.h * p.w;
  const auto set = [&](std::int64_t x, const FusedAb& ab) {
    a[x] = ab.a;
    b[x] = ab.b;
  };
  const MapRow whole(p, 0, row, p.h, p.w);
  for (std::int64_t x = 0; x < p.w; ++x) set(x, whole.at(x));
  for (const FuseObject& o : p.objects) {
    if (row < o.mask_y || row >= o.mask_y + o.mask_h) continue;
    const std::uint8_t* coverage = p.coverage + o.coverage + (row - o.mask_y) * o.mask_w;
    const MapRow own(p, o.map, row - o.y, o.h, o.w);
    for (std::int64_t x = o.mask_x; x < o.mask_x + o.mask_w; ++x, ++coverage) {
      if (*coverage != 0) set(x, covered_ab({a[x], b[x]}, own.at(x - o.x), *coverage));
    }
  }
}

}  // namespace

void fuse_cpu(const FuseParams& p) {
  parallel_for(p.h, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) fuse_row(p, row);
  });
}

}  // namespace cuhue
