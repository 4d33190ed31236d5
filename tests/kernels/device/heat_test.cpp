#include "kernels/heat/heat.h"

#include <doctest/doctest.h>

#include "tests/kernels/device/photo_pictures.h"

using namespace cuhue;
using namespace cuhue::test;

TEST_CASE(
    "heat: every format, result, padding and address gives the bytes of the CPU and touches no others") {
  struct Size {
    std::int64_t w, h, map_w, map_h;
  };
  constexpr Size kSizes[] = {{1, 1, 1, 1}, {1, 9, 3, 2}, {9, 1, 4, 4}, {3, 5, 20, 3}, {135, 6, 16, 8}};
  struct Result {
    int channels, alpha;
    bool bgr;
  };
  constexpr Result kResults[] = {{3, -1, false}, {3, -1, true}, {4, 3, true}, {4, -1, false}};
  int moved = 0;
  for (const PhotoFormat& format : kPhotoFormats) {
    CAPTURE(format.channels);
    CAPTURE(format.size);
    CAPTURE(format.nv12);
    for (const Size& s : kSizes) {
      for (const Result& result : kResults) {
        CAPTURE(s.w);
        ++moved;
        const std::int64_t padding = moved % 5 * format.size, offset = moved % 4 * format.size;
        const DevicePhoto photo(format, s.w, s.h, padding, offset, 3);
        const std::int64_t pitch = s.map_w + moved % 3;
        std::vector<float> map(static_cast<std::size_t>(pitch * s.map_h));
        Random random(static_cast<std::uint64_t>(moved));
        for (float& v : map) v = static_cast<float>(random.uniform(-0.2, 1.2));
        const DeviceArray<float> device_map(map);
        MutablePhotoRef out;
        out.width = s.w;
        out.height = s.h;
        out.channels = result.channels;
        out.bytes_per_sample = format.size;
        out.stride =
            static_cast<std::ptrdiff_t>(s.w * result.channels * format.size + moved % 7 * format.size);
        out.red = result.bgr ? 2 : 0;
        out.blue = result.bgr ? 0 : 2;
        out.alpha = result.alpha;
        const std::int64_t out_offset = moved / 4 % 4 * format.size;
        Bytes expected(static_cast<std::size_t>(out.stride * s.h + out_offset), 0x5A);
        const Bytes before = expected;
        out.data = expected.data() + out_offset;
        heat_cpu({photo.host(), out, map.data(), s.map_h, s.map_w, pitch});
        DeviceArray<std::uint8_t> memory(before.size());
        for_each_order([&] {
          memory.write(before);
          out.data = memory.data() + out_offset;
          heat_cuda({photo.device(), out, device_map.data(), s.map_h, s.map_w, pitch}, nullptr);
          CHECK(memory.read() == expected);
        });
      }
    }
  }
}
