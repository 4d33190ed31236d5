#include "kernels/fuse/fuse.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/executor/device_array.h"
#include "tests/kernels/fuse_cases.h"

using namespace cuhue;
using namespace cuhue::test;

TEST_CASE("fuse: objects in any number, hard and soft, give the bits of the CPU") {
  for (const bool soft : {false, true}) {
    for (const int count : {0, 1, 9, 32, 33, 100}) {
      for (const auto& size :
           {std::array{61, 43, 8, 8}, std::array{300, 9, 64, 16}, std::array{1, 1, 5, 3}}) {
        const int w = size[0], h = size[1], map_w = size[2], map_h = size[3];
        CAPTURE(count);
        CAPTURE(w);
        CAPTURE(soft);
        const FuseCase c = make_fuse_case(w, h, map_w, map_h, count, soft, 7);
        std::vector<float> planes(static_cast<std::size_t>(2 * h * w));
        fuse_cpu(c.params(planes.data()));
        std::vector<float> expected;
        for (std::size_t i = 0; i < planes.size() / 2; ++i) {
          expected.push_back(planes[i]);
          expected.push_back(planes[planes.size() / 2 + i]);
        }
        const DeviceArray<float> maps{std::span<const float>(c.maps)};
        const DeviceArray<FuseObject> objects{std::span<const FuseObject>(c.objects)};
        const DeviceArray<std::uint8_t> coverage{std::span<const std::uint8_t>(c.coverage)};
        const auto out = same_in_every_order([&] {
          const DeviceArray<float> result(expected.size());
          fuse_cuda({maps.data(), c.map_h, c.map_w, c.h, c.w, objects.data(), count, coverage.data(),
                     result.data()},
                    nullptr);
          return result.read();
        });
        CHECK(out == expected);
      }
    }
  }
}

TEST_CASE("keep_maps: each map to its place, of any size; one number that is none is told") {
  for (const std::int64_t floats : {std::int64_t{2 * 8 * 8}, std::int64_t{2 * 5 * 3}}) {
    constexpr int kCount = 3, kPlaces = 5;
    const std::array<std::int32_t, kCount> to{4, 0, 2};
    std::vector<float> from(static_cast<std::size_t>(kCount * floats));
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i) - 7.5f;
    for (const float last : {1.0f, std::numeric_limits<float>::infinity(), std::nanf("")}) {
      from.back() = last;
      const DeviceArray<float> maps{std::span<const float>(from)};
      const DeviceArray<std::int32_t> places{std::span<const std::int32_t>(to)};
      const std::vector<std::int32_t> zero{0};
      for_each_order([&] {
        const DeviceArray<float> kept(static_cast<std::size_t>(kPlaces * floats));
        const DeviceArray<std::int32_t> flag{std::span<const std::int32_t>(zero)};
        keep_maps_cuda({maps.data(), floats, kCount, places.data(), kept.data(), flag.data()}, nullptr);
        CHECK(flag.read()[0] == (last == 1.0f ? 0 : 1));
        const std::vector<float> found = kept.read();
        for (int m = 0; m < kCount; ++m)
          CHECK(std::memcmp(found.data() + to[static_cast<std::size_t>(m)] * floats, from.data() + m * floats,
                            static_cast<std::size_t>(floats) * 4) == 0);
      });
    }
  }
}
