#include "kernels/prepare/prepare.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/kernels/device/photo_pictures.h"
#include "tests/kernels/golden_picture.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

struct Size {
  std::int64_t w, h, out_w, out_h;
  std::int64_t right = 0, below = 0;  // padding
  PlaneFill fill = PlaneFill::repeat;
  std::int64_t padded_w() const { return out_w + right; }
  std::int64_t padded_h() const { return out_h + below; }
};

std::vector<float> on_cpu(const PhotoRef& photo, const Size& s, Luminance luminance) {
  const Scratch scratch(prepare_scratch_bytes(s.h, s.w, s.out_h, s.out_w));
  std::vector<float> out(static_cast<std::size_t>(s.padded_w() * s.padded_h()));
  prepare_cpu(
      {photo, s.out_h, s.out_w, luminance, out.data(), scratch.data(), s.padded_h(), s.padded_w(), s.fill});
  return out;
}

// `offset` floats before the result.
std::vector<float> on_device(const PhotoRef& photo, const Size& s, Luminance luminance, int offset = 0) {
  const std::size_t bytes = prepare_table_bytes(s.h, s.w, s.out_h, s.out_w);
  const Scratch filled(bytes);
  fill_prepare_tables(s.h, s.w, s.out_h, s.out_w, filled.data());
  const DeviceArray<std::byte> tables(std::span<const std::byte>(filled.data(), bytes));
  const DeviceArray<std::byte> scratch(prepare_device_scratch_bytes(s.h, s.w, s.out_h, s.out_w));
  const DeviceArray<float> out(static_cast<std::size_t>(s.padded_w() * s.padded_h() + offset));
  prepare_cuda({photo, s.out_h, s.out_w, luminance, out.data() + offset, tables.data(), scratch.data(),
                s.padded_h(), s.padded_w(), s.fill},
               nullptr);
  const std::vector<float> all = out.read();
  return {all.begin() + offset, all.end()};
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("prepare: every format, padding and address gives the bits of the CPU") {
  constexpr Size kSizes[] = {{1, 1, 1, 1},
                             {1, 1, 5, 3},
                             {1, 9, 4, 2},
                             {9, 1, 2, 4},
                             {3, 5, 3, 5},
                             {37, 22, 9, 7},
                             {37, 6, 37, 4},
                             {19, 9, 8, 9},
                             {5, 7, 70, 19},
                             {64, 8, 16, 16},
                             {1, 1, 1, 1, 31, 31},
                             {8, 5, 8, 5, 4, 0},
                             {8, 5, 8, 5, 0, 3},
                             {6, 5, 6, 5, 2, 2},
                             {37, 22, 9, 7, 5, 0},
                             {64, 8, 16, 4, 0, 3},
                             {5, 7, 70, 19, 26, 13},
                             {1, 1, 1, 1, 15, 9, PlaneFill::reflect},
                             {6, 5, 6, 5, 26, 11, PlaneFill::reflect},
                             {8, 5, 8, 5, 0, 3, PlaneFill::reflect},
                             {37, 22, 9, 7, 23, 1, PlaneFill::reflect},
                             {5, 1, 2, 1, 6, 7, PlaneFill::reflect}};
  int moved = 0;
  for (const PhotoFormat& format : kPhotoFormats) {
    CAPTURE(format.channels);
    CAPTURE(format.size);
    CAPTURE(format.nv12);
    for (const Size& s : kSizes) {
      CAPTURE(s.w);
      CAPTURE(s.h);
      // Every combination of the two once over the sizes and formats.
      const std::int64_t padding = moved % 3 == 0 ? 0 : moved % 7, offset = moved / 2 % 4;
      ++moved;
      const DevicePhoto photo(format, s.w, s.h, padding * format.size, offset * format.size, 7);
      for (const Luminance luminance : {Luminance::cie_l, Luminance::rec709_luma, Luminance::bt601_luma}) {
        const auto expected = on_cpu(photo.host(), s, luminance);
        for_each_order(
            [&] { CHECK(same_bits(on_device(photo.device(), s, luminance, moved % 2), expected)); });
      }
    }
  }
}

TEST_CASE("prepare: windows from a part of a word to more than a block holds give the bits of the CPU") {
  constexpr Size kSizes[] = {{1500, 5, 300, 5}, {1500, 5, 31, 2}, {2900, 4, 12, 3}, {2900, 3, 1, 1},
                             {4, 1100, 3, 6},   {3, 700, 5, 1},   {40, 5, 700, 6},  {3, 2, 3, 300}};
  for (const PhotoFormat& format : {kPhotoFormats[0], kPhotoFormats[5], kPhotoFormats[12]}) {
    CAPTURE(format.channels);
    CAPTURE(format.nv12);
    for (const Size& s : kSizes) {
      CAPTURE(s.w);
      CAPTURE(s.h);
      const DevicePhoto photo(format, s.w, s.h, 0, 0, 9);
      CHECK(same_bits(on_device(photo.device(), s, Luminance::cie_l),
                      on_cpu(photo.host(), s, Luminance::cie_l)));
    }
  }
}

TEST_CASE("prepare: crops of one photo, all at once, give the bits of the CPU for each") {
  constexpr std::int64_t kW = 150, kH = 37, kOutH = 9, kOutW = 16;
  // Even places, which NV12 has too: the whole, a pixel, strips, the far corner, one of the plane's own size.
  const std::vector<PrepareCrop> given = {{0, 0, kW, kH},  {0, 0, 1, 1},     {148, 36, 2, 1}, {6, 2, 3, 35},
                                          {4, 10, 143, 1}, {130, 28, 16, 9}, {2, 4, 31, 20}};
  for (const PhotoFormat& format : kPhotoFormats) {
    CAPTURE(format.channels);
    CAPTURE(format.size);
    CAPTURE(format.nv12);
    for (const std::int32_t odd : {0, 1}) {
      if (odd == 1 && format.nv12) continue;
      const DevicePhoto photo(format, kW + odd, kH + odd, format.size, odd * format.size, 17);
      std::vector<PrepareCrop> crops = given;
      for (PrepareCrop& c : crops) {
        c.x += odd;
        c.y += odd;
      }
      const CropsMemory bytes = place_crops(crops, kOutH, kOutW);
      const Scratch filled(bytes.tables);
      fill_crop_tables(crops, kOutH, kOutW, filled.data());
      const DeviceArray<std::byte> tables(std::span<const std::byte>(filled.data(), bytes.tables));
      const DeviceArray<std::byte> scratch(bytes.scratch);
      const DeviceArray<PrepareCrop> list{std::span<const PrepareCrop>(crops)};
      std::vector<float> expected;
      for (const PrepareCrop& c : crops) {
        const auto one =
            on_cpu(crop_of(photo.host(), c.x, c.y, c.w, c.h), {c.w, c.h, kOutW, kOutH}, Luminance::cie_l);
        expected.insert(expected.end(), one.begin(), one.end());
      }
      for_each_order([&] {
        const DeviceArray<float> out(expected.size());
        prepare_crops_cuda({photo.device(), list.data(), static_cast<int>(crops.size()), kW, kH, kOutH, kOutW,
                            Luminance::cie_l, out.data(), tables.data(), scratch.data()},
                           nullptr);
        CHECK(same_bits(out.read(), expected));
      });
    }
  }
}

TEST_CASE("prepare: resizing is bit-exact with Pillow's bicubic") {
  // The folder may be elsewhere on the machine with the GPU.
  const char* moved = std::getenv("CUHUE_TEST_DATA");
  std::ifstream file(std::string(moved != nullptr ? moved : CUHUE_TEST_DATA) + "/kernels/pillow_bicubic.txt");
  REQUIRE(file);
  Size s{};
  int channel = 0, cases = 0;
  std::string hash;
  while (file >> s.w >> s.h >> s.out_w >> s.out_h >> channel >> hash) {
    for (int i = 0, value = 0; i < 8; ++i) file >> value;
    if (s.w * s.h > 8000) continue;  // enough for one core
    CAPTURE(s.w);
    CAPTURE(s.out_w);
    const DeviceArray<std::uint8_t> rgb(golden_picture(s.w, s.h));
    const PhotoRef photo{rgb.data(), s.w,     s.h,    static_cast<std::ptrdiff_t>(3 * s.w), 3, 1,
                         channel,    channel, channel};
    // The luma of a grey pixel is its level / 255.
    Bytes plane;
    for (const float v : on_device(photo, s, Luminance::rec709_luma))
      plane.push_back(static_cast<std::uint8_t>(std::lround(v * 255.0f)));
    CHECK(fnv1a64(plane) == std::stoull(hash, nullptr, 16));
    ++cases;
  }
  CHECK(cases == 39);
}
