#include "kernels/prepare/prepare.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "kernels/color/yuv.h"
#include "tests/kernels/golden_picture.h"

namespace cuhue {
namespace {

using test::fnv1a64;
using test::golden_picture;
using test::Scratch;
using Bytes = std::vector<std::uint8_t>;

PhotoRef rgb_ref(const Bytes& rgb, std::int64_t w, std::int64_t h) {
  return {rgb.data(), w, h, static_cast<std::ptrdiff_t>(w * 3), 3, 1, 0, 1, 2, -1};
}

std::vector<float> prepare(const PhotoRef& photo, std::int64_t out_w, std::int64_t out_h,
                           Luminance luminance) {
  const Scratch scratch(prepare_scratch_bytes(photo.height, photo.width, out_h, out_w));
  std::vector<float> out(static_cast<std::size_t>(out_w * out_h), -1.0f);
  prepare_cpu({photo, out_h, out_w, luminance, out.data(), scratch.data()});
  return out;
}

// One sample of the photo, resized, as bytes: luma of a grey picture is its level / 255.
Bytes resized_plane(PhotoRef photo, int sample, std::int64_t out_w, std::int64_t out_h) {
  photo.red = photo.green = photo.blue = sample;
  Bytes bytes;
  for (float v : prepare(photo, out_w, out_h, Luminance::rec709_luma)) {
    const float level = v * 255.0f;
    REQUIRE(std::abs(level - std::nearbyint(level)) < 1e-3f);
    bytes.push_back(static_cast<std::uint8_t>(std::nearbyint(level)));
  }
  return bytes;
}

double exact_lightness(const Bytes* planes, std::size_t i) {
  constexpr double kRow[3] = {0.212671, 0.715160, 0.072169};
  double y = 0;
  for (int k = 0; k < 3; ++k) {
    const double v = planes[k][i] / 255.0;
    y += kRow[k] * (v > 0.04045 ? std::pow((v + 0.055) / 1.055, 2.4) : v / 12.92);
  }
  return 116 * (y > 0.008856 ? std::cbrt(y) : 7.787 * y + 16.0 / 116) - 16;
}

TEST_CASE("resizing is bit-exact with Pillow's bicubic") {
  std::ifstream file(std::string(CUHUE_TEST_DATA) + "/kernels/pillow_bicubic.txt");
  REQUIRE(file);
  std::int64_t w, h, out_w, out_h;
  int channel, cases = 0;
  std::string hash;
  while (file >> w >> h >> out_w >> out_h >> channel >> hash) {
    CAPTURE(w);
    CAPTURE(h);
    CAPTURE(out_w);
    CAPTURE(out_h);
    const Bytes rgb = golden_picture(w, h);
    const Bytes plane = resized_plane(rgb_ref(rgb, w, h), channel, out_w, out_h);
    for (std::size_t i = 0; i < 8; ++i) {
      int expected = 0;
      file >> expected;
      if (i < plane.size()) CHECK(plane[i] == expected);
    }
    char ours[17];
    std::snprintf(ours, sizeof ours, "%016llx", static_cast<unsigned long long>(fnv1a64(plane)));
    CHECK(std::string(ours) == hash);
    ++cases;
  }
  CHECK(cases == 66);
}

struct Size {
  std::int64_t w, h, out_w, out_h;
};
constexpr Size kSizes[] = {{300, 200, 256, 256}, {17, 31, 64, 40}, {7, 500, 9, 33}, {64, 48, 64, 48},
                           {64, 90, 64, 31},     {90, 48, 31, 48}, {1, 1, 5, 3},    {333, 5, 70, 70}};

TEST_CASE("luminance is that of the resized 8-bit picture") {
  for (const Size& s : kSizes) {
    const Bytes rgb = golden_picture(s.w, s.h);
    const PhotoRef photo = rgb_ref(rgb, s.w, s.h);
    Bytes planes[3];
    for (int k = 0; k < 3; ++k) planes[k] = resized_plane(photo, k, s.out_w, s.out_h);
    const auto lightness = prepare(photo, s.out_w, s.out_h, Luminance::cie_l);
    const auto luma = prepare(photo, s.out_w, s.out_h, Luminance::rec709_luma);
    const auto luma_601 = prepare(photo, s.out_w, s.out_h, Luminance::bt601_luma);
    double worst_lightness = 0, worst_luma = 0, worst_601 = 0;
    for (std::size_t i = 0; i < lightness.size(); ++i) {
      worst_lightness = std::max(worst_lightness, std::abs(lightness[i] - exact_lightness(planes, i)));
      const double expected = (0.2125 * planes[0][i] + 0.7154 * planes[1][i] + 0.0721 * planes[2][i]) / 255;
      worst_luma = std::max(worst_luma, std::abs(luma[i] - expected));
      const double expected_601 = (0.299 * planes[0][i] + 0.587 * planes[1][i] + 0.114 * planes[2][i]) / 255;
      worst_601 = std::max(worst_601, std::abs(luma_601[i] - expected_601));
    }
    CHECK(worst_lightness < 2e-5);
    CHECK(worst_luma < 1.5e-7);
    CHECK(worst_601 < 2e-7);  // three roundings near 1
  }
}

TEST_CASE("padding repeats the last row and column of what is prepared without it") {
  for (const Size& s : kSizes) {
    const Bytes rgb = golden_picture(s.w, s.h);
    const PhotoRef photo = rgb_ref(rgb, s.w, s.h);
    const auto expected = prepare(photo, s.out_w, s.out_h, Luminance::bt601_luma);
    const Scratch scratch(prepare_scratch_bytes(s.h, s.w, s.out_h, s.out_w));
    for (const std::int64_t right : {0, 1, 31}) {
      for (const std::int64_t below : {0, 5}) {
        const std::int64_t w = s.out_w + right, h = s.out_h + below;
        std::vector<float> out(static_cast<std::size_t>(w * h) + 1, -1.0f);
        prepare_cpu({photo, s.out_h, s.out_w, Luminance::bt601_luma, out.data(), scratch.data(), h, w});
        bool same = true;
        for (std::int64_t y = 0; y < h; ++y)
          for (std::int64_t x = 0; x < w; ++x)
            same = same && out[static_cast<std::size_t>(y * w + x)] ==
                               expected[static_cast<std::size_t>(std::min(y, s.out_h - 1) * s.out_w +
                                                                 std::min(x, s.out_w - 1))];
        CHECK(same);
        CHECK(out.back() == -1.0f);
      }
    }
  }
}

// The same picture in another pixel format: `order` are the places of red, green and blue.
struct Format {
  int channels, bytes_per_sample, order[3], alpha;
};
constexpr Format kFormats[] = {{3, 1, {2, 1, 0}, -1},
                               {4, 1, {0, 1, 2}, 3},
                               {4, 1, {2, 1, 0}, 3},
                               {3, 2, {0, 1, 2}, -1},
                               {4, 2, {0, 1, 2}, 3}};

Bytes reformat(const Bytes& rgb, std::int64_t w, std::int64_t h, const Format& f, std::ptrdiff_t stride) {
  Bytes out(static_cast<std::size_t>(stride * h), 0xAB);
  for (std::int64_t y = 0; y < h; ++y) {
    for (std::int64_t x = 0; x < w; ++x) {
      for (int k = 0; k < 3; ++k) {
        const std::uint8_t v = rgb[static_cast<std::size_t>((y * w + x) * 3 + k)];
        std::uint8_t* to = out.data() + y * stride + (x * f.channels + f.order[k]) * f.bytes_per_sample;
        const auto wide = static_cast<std::uint16_t>(v * 257 + (x * 7 + y * 3 + k) % 257 - 128);
        const std::uint16_t safe = v == 0 ? 100 : v == 255 ? 65500 : wide;  // stays nearest to v
        if (f.bytes_per_sample == 1) *to = v;
        if (f.bytes_per_sample == 2) std::memcpy(to, &safe, 2);
      }
    }
  }
  return out;
}

TEST_CASE("every pixel format of a picture, rows padded or not, gives the same luminance") {
  for (const Size& s : kSizes) {
    const Bytes rgb = golden_picture(s.w, s.h);
    const auto expected = prepare(rgb_ref(rgb, s.w, s.h), s.out_w, s.out_h, Luminance::cie_l);
    for (const Format& f : kFormats) {
      CAPTURE(f.channels);
      CAPTURE(f.bytes_per_sample);
      const auto stride = static_cast<std::ptrdiff_t>(s.w * f.channels * f.bytes_per_sample + 6);
      const Bytes pixels = reformat(rgb, s.w, s.h, f, stride);
      const PhotoRef photo{pixels.data(),      s.w,        s.h,        stride,     f.channels,
                           f.bytes_per_sample, f.order[0], f.order[1], f.order[2], f.alpha};
      CHECK(prepare(photo, s.out_w, s.out_h, Luminance::cie_l) == expected);
    }
  }
}

TEST_CASE("a grey picture, with alpha or without, is its replicated RGB picture") {
  for (const Size& s : kSizes) {
    const Bytes rgb = golden_picture(s.w, s.h);
    Bytes grey, grey_alpha, replicated;
    for (std::size_t i = 0; i < rgb.size(); i += 3) {
      grey.push_back(rgb[i]);
      grey_alpha.insert(grey_alpha.end(), {rgb[i], rgb[i + 1]});
      replicated.insert(replicated.end(), {rgb[i], rgb[i], rgb[i]});
    }
    const auto expected = prepare(rgb_ref(replicated, s.w, s.h), s.out_w, s.out_h, Luminance::cie_l);
    const PhotoRef one{grey.data(), s.w, s.h, static_cast<std::ptrdiff_t>(s.w), 1, 1, 0, 0, 0, -1};
    const PhotoRef two{grey_alpha.data(), s.w, s.h, static_cast<std::ptrdiff_t>(2 * s.w), 2, 1, 0, 0, 0, 1};
    CHECK(prepare(one, s.out_w, s.out_h, Luminance::cie_l) == expected);
    CHECK(prepare(two, s.out_w, s.out_h, Luminance::cie_l) == expected);
  }
}

// An NV12 picture of noise, both planes padded, and what it means: each pixel converted by itself.
struct VideoPicture {
  VideoPicture(std::int64_t w, std::int64_t h, YuvCoding coding) {
    const std::int64_t stride = w + 5, chroma_stride = (w + 1) / 2 * 2 + 3;
    luma = golden_picture(stride, h);
    chroma = golden_picture(chroma_stride, (h + 1) / 2 + 7);
    ref = {luma.data(), w, h, static_cast<std::ptrdiff_t>(stride), 1};
    ref.chroma = chroma.data();
    ref.chroma_stride = static_cast<std::ptrdiff_t>(chroma_stride);
    ref.coding = coding;
    for (std::int64_t y = 0; y < h; ++y) {
      for (std::int64_t x = 0; x < w; ++x) {
        const std::uint8_t* uv = chroma.data() + y / 2 * chroma_stride + x / 2 * 2;
        const Rgb8 c =
            rgb_from_yuv(yuv_to_rgb(coding), luma[static_cast<std::size_t>(y * stride + x)], uv[0], uv[1]);
        for (const std::int32_t v : {c.r, c.g, c.b}) rgb.push_back(static_cast<std::uint8_t>(v));
      }
    }
  }
  Bytes luma, chroma, rgb;
  PhotoRef ref;
};

TEST_CASE("an NV12 picture is the RGB picture that its pixels mean") {
  const Size sizes[] = {{1, 1, 5, 3},      {1, 7, 3, 4},     {3, 5, 3, 5},   {333, 21, 64, 40},
                        {21, 333, 21, 40}, {64, 33, 31, 33}, {40, 9, 90, 9}, {5000, 3, 4, 5}};
  for (const Size& s : sizes) {
    CAPTURE(s.w);
    for (const YuvCoding coding : {YuvCoding::bt601_full, YuvCoding::bt709_limited}) {
      const VideoPicture picture(s.w, s.h, coding);
      for (const Luminance luminance : {Luminance::cie_l, Luminance::rec709_luma, Luminance::bt601_luma})
        CHECK(prepare(picture.ref, s.out_w, s.out_h, luminance) ==
              prepare(rgb_ref(picture.rgb, s.w, s.h), s.out_w, s.out_h, luminance));
    }
  }
}

TEST_CASE("the thread count changes no bit of a prepared picture") {
  const Bytes rgb = golden_picture(333, 251);
  std::vector<float> results[3];
  for (int threads = 1; threads <= 3; ++threads) {
    const ThreadScope scope(threads);
    results[threads - 1] = prepare(rgb_ref(rgb, 333, 251), 101, 67, Luminance::cie_l);
  }
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("beyond a photo stands its reflection, over and over, or its last row and column") {
  constexpr std::int64_t kW = 4, kH = 3, kFull = 13;
  std::vector<std::uint8_t> grey;
  for (int i = 0; i < kW * kH; ++i) grey.push_back(static_cast<std::uint8_t>(10 * i));
  const PhotoRef photo{grey.data(), kW, kH, kW, 1, 1, 0, 0, 0};
  const auto prepared = [&](PlaneFill fill) {
    const Scratch scratch(prepare_scratch_bytes(kH, kW, kH, kW));
    std::vector<float> out(static_cast<std::size_t>(kFull * kFull));
    prepare_cpu({photo, kH, kW, Luminance::bt601_luma, out.data(), scratch.data(), kFull, kFull, fill});
    return out;
  };
  const auto reflected = prepared(PlaneFill::reflect), repeated = prepared(PlaneFill::repeat);
  constexpr int kColumns[] = {0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0};
  constexpr int kRows[] = {0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0};
  for (std::int64_t y = 0; y < kFull; ++y) {
    for (std::int64_t x = 0; x < kFull; ++x) {
      const auto at = static_cast<std::size_t>(y * kFull + x);
      CHECK(std::lround(reflected[at] * 255) == 10 * (kRows[y] * kW + kColumns[x]));
      CHECK(std::lround(repeated[at] * 255) == 10 * (std::min(y, kH - 1) * kW + std::min(x, kW - 1)));
    }
  }
}

}  // namespace
}  // namespace cuhue
