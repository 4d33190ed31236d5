#include "kernels/letterbox/letterbox.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/kernels/device/photo_pictures.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

std::vector<float> on_cpu(const PhotoRef& photo, std::int64_t side, std::int64_t planes) {
  std::vector<float> out(static_cast<std::size_t>(planes * side * side));
  Letterbox memory;
  letterbox_cpu(photo, dense_tensor(out.data(), {1, planes, side, side}), memory);
  return out;
}

std::vector<float> on_device(const PhotoRef& photo, std::int64_t side, std::int64_t planes) {
  const std::size_t bytes = letterbox_table_bytes(photo.height, photo.width, side);
  const Scratch filled(bytes);
  fill_letterbox_tables(photo.height, photo.width, side, filled.data());
  const DeviceArray<std::byte> tables(std::span<const std::byte>(filled.data(), bytes));
  const DeviceArray<std::byte> scratch(letterbox_scratch_bytes(photo.height, photo.width, side));
  const DeviceArray<float> out(static_cast<std::size_t>(planes * side * side));
  letterbox_cuda({photo, side, planes, out.data(), tables.data(), scratch.data()}, nullptr);
  return out.read();
}

}  // namespace

TEST_CASE("letterbox: every format, padding and address gives the bits of the CPU") {
  struct Size {
    std::int64_t w, h, side;
  };
  constexpr Size kSizes[] = {{1, 1, 5},   {5, 3, 17},   {16, 17, 17}, {17, 17, 17}, {17, 5, 17}, {3, 17, 17},
                             {37, 22, 9}, {18, 40, 17}, {1, 50, 7},   {90, 2, 13},  {70, 60, 8}};
  int moved = 0;
  for (const PhotoFormat& format : kPhotoFormats) {
    CAPTURE(format.channels);
    CAPTURE(format.size);
    CAPTURE(format.nv12);
    for (const Size& s : kSizes) {
      CAPTURE(s.w);
      CAPTURE(s.h);
      const std::int64_t padding = moved % 3 == 0 ? 0 : moved % 7, offset = moved / 2 % 4;
      ++moved;
      const DevicePhoto photo(format, s.w, s.h, padding * format.size, offset * format.size, 7);
      const std::int64_t planes = 1 + moved % 3;
      const std::vector<float> expected = on_cpu(photo.host(), s.side, planes);
      for_each_order([&] { CHECK(on_device(photo.device(), s.side, planes) == expected); });
    }
  }
}

TEST_CASE("letterbox: windows and rows of more than a block holds give the bits of the CPU") {
  struct Size {
    std::int64_t w, h, side;
  };
  for (const PhotoFormat& format : {kPhotoFormats[0], kPhotoFormats[5], kPhotoFormats[12]}) {
    CAPTURE(format.channels);
    for (const Size& s : {Size{9000, 3, 2}, {5001, 2, 130}, {3, 900, 5}, {700, 300, 299}, {40, 20, 299}}) {
      CAPTURE(s.w);
      CAPTURE(s.h);
      const DevicePhoto photo(format, s.w, s.h, 0, 0, 9);
      CHECK(on_device(photo.device(), s.side, 3) == on_cpu(photo.host(), s.side, 3));
    }
  }
}
