#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

#include "kernels/color/byte_table.h"
#include "kernels/color/lab.h"
#include "kernels/color/linear_table.h"
#include "kernels/color/yuv.h"

namespace cuhue {
namespace {

double exact_gamma(double c) {
  return c > 0.0031308 ? 1.055 * std::pow(c, 1 / 2.4) - 0.055 : 12.92 * c;
}
double exact_linear(double v) {
  return v > 0.04045 ? std::pow((v + 0.055) / 1.055, 2.4) : v / 12.92;
}

TEST_CASE("the linear table is the correctly rounded curve") {
  for (int i = 0; i < 256; ++i) CHECK(linear_from_8bit()[i] == static_cast<float>(exact_linear(i / 255.0)));
}

TEST_CASE("linearization of 16-bit samples stays within 6e-7 of the curve") {
  double worst = 0;
  for (int i = 1; i < 65536; ++i) {
    const double truth = exact_linear(i / 65535.0);
    const float v = static_cast<float>(i) * static_cast<float>(1.0 / 65535.0);
    worst = std::max(worst, std::abs(srgb_to_linear(v) - truth) / truth);
  }
  CHECK(worst < 6e-7);
  CHECK(srgb_to_linear(0.0f) == 0.0f);
}

TEST_CASE("gamma encoding stays within 6e-7 of the curve, negatives and values above 1 included") {
  double worst = 0;
  for (std::int32_t bits = float_to_bits(1e-6f); bits < float_to_bits(4.0f); bits += 13) {
    const float c = bits_to_float(bits);
    worst = std::max(worst, std::abs(linear_to_srgb(c) - exact_gamma(c)) / exact_gamma(c));
  }
  CHECK(worst < 6e-7);
  CHECK(linear_to_srgb(-0.5f) == doctest::Approx(-6.46));
  CHECK(linear_to_srgb(0.0f) == 0.0f);
}

// Every float near every border between two bytes: where ours differs from the exact byte, it is within a few
// units in the last place of the border.
template <bool Truncate>
int worst_border_distance() {
  int worst = 0;
  for (int k = 1; k <= 255; ++k) {
    const double v = (Truncate ? k : k - 0.5) / 255.0;
    const auto border = static_cast<float>(exact_linear(v));
    for (int d = -3000; d <= 3000; ++d) {
      const float c = bits_to_float(float_to_bits(border) + d);
      const double scaled = 255.0 * std::clamp(exact_gamma(c), 0.0, 1.0);
      const auto truth = static_cast<int>(Truncate ? std::floor(scaled) : std::nearbyint(scaled));
      const int ours = quantize<Truncate>(linear_to_srgb(c), 255.0f);
      if (ours != truth) worst = std::max(worst, std::abs(d));
    }
  }
  return worst;
}

TEST_CASE("bytes change within 12 units in the last place of the exact border") {
  CHECK(worst_border_distance<false>() <= 12);
  CHECK(worst_border_distance<true>() <= 12);
}

TEST_CASE("the byte table is the formula, float by float around every border and beyond both ends") {
  const auto same = [](float c) {
    return static_cast<int>(byte_of_linear(kByteTable.cell, c)) == quantize<false>(linear_to_srgb(c), 255.0f);
  };
  bool all = true;
  for (const std::uint32_t border : kByteBorders)
    for (int d = -4096; d <= 4096; ++d)
      all = all && same(bits_to_float(static_cast<std::int32_t>(border) + d));
  for (std::int32_t bits = 0; bits < float_to_bits(4.0f); bits += 1009)
    all = all && same(bits_to_float(bits));
  CHECK(all);
  for (const float c : {-1.0f, -0.0f, 0.0f, 1e-30f, 1.0f, 1.00001f, 0x1p64f, std::nanf(""), -HUGE_VALF})
    CHECK(same(c));
  for (int i = 0; i < 255; ++i) {
    const auto border = static_cast<std::int32_t>(kByteBorders[i]);
    CHECK(quantize<false>(linear_to_srgb(bits_to_float(border)), 255.0f) == i + 1);
    CHECK(quantize<false>(linear_to_srgb(bits_to_float(border - 1)), 255.0f) == i);
  }
}

TEST_CASE("quantizing rounds ties to even or truncates, clips, and takes NaN for 0") {
  CHECK(quantize<false>(0.5f / 255.0f, 255.0f) == 0);
  CHECK(quantize<false>(0.50001f / 255.0f, 255.0f) == 1);
  CHECK(quantize<false>(0.5f, 255.0f) == 128);
  CHECK(quantize<false>(0.5f, 65535.0f) == 32768);
  CHECK(quantize<false>(0.25f, 10.0f) == 2);
  CHECK(quantize<false>(0.75f, 10.0f) == 8);
  CHECK(quantize<true>(0.999f, 255.0f) == 254);
  CHECK(quantize<true>(1.5f, 255.0f) == 255);
  CHECK(quantize<false>(7.0f, 65535.0f) == 65535);
  CHECK(quantize<false>(-3.0f, 255.0f) == 0);
  CHECK(quantize<true>(std::nanf(""), 255.0f) == 0);
  CHECK(quantize<false>(std::nanf(""), 255.0f) == 0);
}

// The standards' own equations, in double.
double worst_yuv_distance(YuvCoding coding, double kr, double kb, bool full) {
  const YuvToRgb factors = yuv_to_rgb(coding);
  const double kg = 1 - kr - kb;
  double worst = 0;
  for (int y = 0; y < 256; ++y) {
    for (int u = 0; u < 256; ++u) {
      for (int v = 0; v < 256; ++v) {
        const double luma = full ? y / 255.0 : (y - 16) / 219.0;
        const double cb = (u - 128) / (full ? 255.0 : 224.0), cr = (v - 128) / (full ? 255.0 : 224.0);
        const double r = luma + cr * (2 - 2 * kr), b = luma + cb * (2 - 2 * kb);
        const double g = (luma - kr * r - kb * b) / kg;
        const Rgb8 ours = rgb_from_yuv(factors, y, u, v);
        worst = std::max({worst, std::abs(ours.r - 255 * std::clamp(r, 0.0, 1.0)),
                          std::abs(ours.g - 255 * std::clamp(g, 0.0, 1.0)),
                          std::abs(ours.b - 255 * std::clamp(b, 0.0, 1.0))});
      }
    }
  }
  return worst;
}

TEST_CASE("video samples become their nearest bytes of RGB, for every Y, U and V") {
  CHECK(worst_yuv_distance(YuvCoding::bt601_limited, 0.299, 0.114, false) < 0.5004);
  CHECK(worst_yuv_distance(YuvCoding::bt601_full, 0.299, 0.114, true) < 0.5004);
  CHECK(worst_yuv_distance(YuvCoding::bt709_limited, 0.2126, 0.0722, false) < 0.5004);
  CHECK(worst_yuv_distance(YuvCoding::bt709_full, 0.2126, 0.0722, true) < 0.5004);
  const Rgb8 red =
      rgb_from_yuv(yuv_to_rgb(YuvCoding::bt601_limited), 81, 90, 240);  // of the standard colour bars
  CHECK(red.r == 254);
  CHECK(red.g == 0);
  CHECK(red.b == 0);
}

TEST_CASE("16-bit samples become their nearest 8-bit ones") {
  for (int v = 0; v < 65536; ++v) REQUIRE(sample_16_to_8(v) == static_cast<int>(std::lround(v / 257.0)));
}

TEST_CASE("colours agree with scikit-image") {
  std::ifstream file(std::string(CUHUE_TEST_DATA) + "/kernels/skimage_lab.txt");
  REQUIRE(file);
  std::string kind;
  double in[3], out[3];
  int rgb_count = 0, lab_count = 0;
  double worst_l = 0, worst_rgb = 0;
  while (file >> kind >> in[0] >> in[1] >> in[2] >> out[0] >> out[1] >> out[2]) {
    if (kind == "rgb") {
      const float* table = linear_from_8bit();
      const float y = luminance_y(table[static_cast<int>(in[0])], table[static_cast<int>(in[1])],
                                  table[static_cast<int>(in[2])]);
      worst_l = std::max(worst_l, std::abs(lab_lightness(lab_f(y)) - out[0]));
      ++rgb_count;
    } else {
      const double fy = (in[0] + 16) / 116;
      const double y = fy > 0.2068966 ? fy * fy * fy : (fy - 16.0 / 116) / 7.787;
      const LinearRgb c = lab_to_linear(static_cast<float>(y), static_cast<float>(fy),
                                        static_cast<float>(in[1]), static_cast<float>(in[2]));
      const float channel[3] = {c.r, c.g, c.b};
      for (int k = 0; k < 3; ++k) {
        const double v = std::clamp<double>(linear_to_srgb(channel[k]), 0.0, 1.0);
        worst_rgb = std::max(worst_rgb, std::abs(v - out[k]));
      }
      ++lab_count;
    }
  }
  CHECK(rgb_count == 1331);
  CHECK(lab_count == 441);
  CHECK(worst_l < 1.3e-5);
  CHECK(worst_rgb < 1e-6);
}

TEST_CASE("a grey pixel without chroma comes back at its own level") {
  for (int i = 0; i < 256; ++i) {
    const float linear = linear_from_8bit()[i];
    const float y = luminance_y(linear, linear, linear);
    const LinearRgb c = lab_to_linear(y, lab_f(y), 0.0f, 0.0f);
    CHECK(quantize<false>(linear_to_srgb(c.r), 255.0f) == i);
    CHECK(quantize<false>(linear_to_srgb(c.g), 255.0f) == i);
    CHECK(quantize<false>(linear_to_srgb(c.b), 255.0f) == i);
  }
}

}  // namespace
}  // namespace cuhue
