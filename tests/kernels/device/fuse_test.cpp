#include "kernels/fuse/fuse.h"

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "tests/executor/device_array.h"
#include "tests/kernels/fuse_cases.h"

using namespace cuhue;
using namespace cuhue::test;

TEST_CASE("fuse: objects in any number, hard and soft, give the bits of the CPU") {
  for (const bool soft : {false, true}) {
    for (const int count : {0, 1, 9, 32, 33, 100}) {
      for (const auto& [w, h, map_w, map_h] :
           {std::array{61, 43, 8, 8}, std::array{300, 9, 64, 16}, std::array{1, 1, 5, 3}}) {
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
