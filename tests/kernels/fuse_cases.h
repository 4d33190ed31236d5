// Photos with objects in them: what the tests of fusion share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/fuse/fuse.h"
#include "tests/kernels/support.h"

namespace cuhue::test {

struct FuseCase {
  std::int64_t w = 0, h = 0, map_w = 0, map_h = 0;
  std::vector<FuseObject> objects;
  std::vector<float> maps;
  std::vector<std::uint8_t> coverage;

  FuseParams params(float* out) const {
    return {maps.data(), map_h, map_w, h, w, objects, coverage.data(), out};
  }
};

// `count` objects anywhere in a photo, overlapping, over its borders' whole length and down to single pixels.
// soft: coverage between all and nothing, too.
inline FuseCase make_fuse_case(std::int64_t w, std::int64_t h, std::int64_t map_w, std::int64_t map_h,
                               int count, bool soft, std::uint64_t seed) {
  FuseCase c{w, h, map_w, map_h, {}, {}, {}};
  Random random(seed);
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int32_t>(random.next() % static_cast<std::uint64_t>(n));
  };
  for (int i = 0; i < count; ++i) {
    FuseObject o;
    o.x = i % 3 == 0 ? 0 : below(w);
    o.y = i % 4 == 0 ? 0 : below(h);
    o.w = i % 5 == 0 ? static_cast<std::int32_t>(w) - o.x : 1 + below(w - o.x);
    o.h = i % 7 == 0 ? static_cast<std::int32_t>(h) - o.y : 1 + below(h - o.y);
    o.map = 1 + (i * 7 + 3) % count;
    o.mask_x = o.x + (i % 2 == 0 ? 0 : below(o.w));
    o.mask_y = o.y + (i % 2 == 0 ? 0 : below(o.h));
    o.mask_w = i % 6 == 5 ? 0 : o.x + o.w - o.mask_x;
    o.mask_h = o.y + o.h - o.mask_y;
    o.coverage = static_cast<std::int64_t>(c.coverage.size());
    for (std::int64_t k = 0; k < std::int64_t{o.mask_w} * o.mask_h; ++k) {
      const auto any = static_cast<std::uint8_t>(random.next() >> 56);
      c.coverage.push_back(any < 100 ? 0 : any < 200 || !soft ? 255 : any);
    }
    c.objects.push_back(o);
  }
  c.maps.resize(static_cast<std::size_t>((count + 1) * 2 * map_h * map_w));
  for (float& v : c.maps) v = static_cast<float>(random.uniform(-110, 110));
  return c;
}

}  // namespace cuhue::test
