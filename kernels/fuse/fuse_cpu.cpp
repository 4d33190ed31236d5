#include <algorithm>

#include "kernels/core/parallel.h"
#include "kernels/fuse/fuse.h"
#include "kernels/fuse/fuse_math.h"

namespace cuhue {
namespace {

constexpr std::int64_t kTile = 256;  // pixels of a row whose places in a map are found at a time

struct Row {
  float *a, *b;  // [w], of the result
};

// A map's pixels [begin, begin + count) of one row of the `width` it is stretched over.
struct MapRow {
  const float* map;
  std::int64_t map_h, map_w, width;
  BilinearTap y;

  FusedAb at(std::int64_t x) const {
    return stretched_ab(map, map_h, map_w, y, bilinear_tap(x, cells_a_pixel(map_w, width), map_w));
  }
};

// The photo's own colours: columns are mixed first, once for all pixels between them.
void paint_whole(const FuseParams& p, std::int64_t row, const Row& to) {
  const MapRow map{p.maps, p.map_h, p.map_w, p.w,
                   bilinear_tap(row, cells_a_pixel(p.map_h, p.h), p.map_h)};
  for (std::int64_t x = 0; x < p.w; ++x) {
    const FusedAb ab = map.at(x);
    to.a[x] = ab.a;
    to.b[x] = ab.b;
  }
}

void paint_object(const FuseParams& p, const FuseObject& object, std::int64_t row, const Row& to) {
  const std::uint8_t* coverage = p.coverage + object.coverage + (row - object.first_row) * object.w;
  const MapRow map{p.maps + object.map * 2 * p.map_h * p.map_w, p.map_h, p.map_w, object.w,
                   bilinear_tap(row - object.y, cells_a_pixel(p.map_h, object.h), p.map_h)};
  float *a = to.a + object.x, *b = to.b + object.x;
  for (std::int64_t x = 0; x < object.w; ++x) {
    if (coverage[x] == 0) continue;
    const FusedAb ab = covered_ab({a[x], b[x]}, map.at(x), coverage[x]);
    a[x] = ab.a;
    b[x] = ab.b;
  }
}

}  // namespace

void fuse_cpu(const FuseParams& p) {
  parallel_for(p.rows, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = p.first_row + begin; row < p.first_row + end; ++row) {
      const Row to{p.out + row * p.w, p.out + (p.h + row) * p.w};
      paint_whole(p, row, to);
      for (const FuseObject& object : p.objects) {
        if (row >= object.first_row && row < object.first_row + object.rows) paint_object(p, object, row, to);
      }
    }
  });
}

}  // namespace cuhue
