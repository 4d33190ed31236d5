// Picture metrics against scikit-image (tests/golden/make_metrics_golden.py).
#include "runtime/image/metrics.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/core/parallel.h"
#include "weights/status.h"

namespace {

using cuhue::ConstPixelView;
using cuhue::Metrics;
using cuhue::PixelFormat;
using Bytes = std::vector<std::uint8_t>;

nlohmann::json golden() {
  std::ifstream file(CUHUE_TEST_DATA "/metrics_golden.json");
  REQUIRE(file);
  return nlohmann::json::parse(file);
}

// As in make_metrics_golden.py.
std::vector<int> noise(std::size_t count, std::uint32_t state) {
  std::vector<int> out(count);
  for (int& v : out) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<int>(state >> 16);
  }
  return out;
}

Bytes picture(int width, int height, const std::string& pattern) {
  Bytes rgb;
  const std::vector<int> random =
      noise(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3, 7);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        int v = random[rgb.size()];
        if (pattern == "gradient") v = 3 * x + 5 * y + 40 * c;
        if (pattern == "texture") v = 7 * x + 13 * y + 31 * c + ((x * y) >> 3);
        if (pattern == "grey") v = 11 * x + 3 * y;
        if (pattern == "flat") v = 90 + 20 * c;
        rgb.push_back(static_cast<std::uint8_t>(v & 255));
      }
    }
  }
  return rgb;
}

Bytes disturbed(const Bytes& rgb, int amount) {
  const std::vector<int> random = noise(rgb.size(), 99);
  Bytes out(rgb.size());
  for (std::size_t i = 0; i < rgb.size(); ++i)
    out[i] = static_cast<std::uint8_t>(std::clamp(rgb[i] + random[i] % (2 * amount + 1) - amount, 0, 255));
  return out;
}

ConstPixelView view(const Bytes& rgb, int width, int height) {
  return {rgb.data(), width, height, width * 3, PixelFormat::rgb8};
}

bool near(double value, double expected) {
  return std::abs(value - expected) <= 1e-6 * std::max(1.0, std::abs(expected));
}

// The same colours in another format, rows `slack` bytes apart, alpha and slack filled with noise.
Bytes repacked(const Bytes& rgb, int width, int height, PixelFormat format, std::ptrdiff_t stride) {
  Bytes out(static_cast<std::size_t>(stride * height));
  const std::vector<int> random = noise(out.size(), 5);
  std::transform(random.begin(), random.end(), out.begin(),
                 [](int v) { return static_cast<std::uint8_t>(v); });
  const bool swapped = format == PixelFormat::bgr8 || format == PixelFormat::bgra8;
  const int bytes = bytes_per_sample(format);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < (is_grey(format) ? 1 : 3); ++c) {
        const std::uint8_t v = rgb[static_cast<std::size_t>(std::ptrdiff_t{3} * (y * width + x) + c)];
        std::uint8_t* to =
            out.data() + y * stride + x * bytes_per_pixel(format) + (swapped ? 2 - c : c) * bytes;
        // Up to 128 off the exact multiple still rounds to the same byte.
        const int wide = std::clamp(v * 257 + (x % 2 != 0 ? 128 : -128), 0, 65535);
        const auto sample = static_cast<std::uint16_t>(wide);
        if (bytes == 1)
          *to = v;
        else
          std::memcpy(to, &sample, sizeof sample);
      }
    }
  }
  return out;
}

bool equal(const Metrics& a, const Metrics& b) {
  return a.psnr == b.psnr && a.ssim == b.ssim && a.colorfulness_a == b.colorfulness_a &&
         a.colorfulness_b == b.colorfulness_b && a.mean_delta_e2000 == b.mean_delta_e2000 &&
         a.max_difference == b.max_difference && a.nrmse == b.nrmse && a.ssim_floats == b.ssim_floats &&
         a.naturalness_a == b.naturalness_a && a.naturalness_b == b.naturalness_b;
}

}  // namespace

TEST_CASE("all metrics agree with scikit-image to 1e-6") {
  const nlohmann::json reference = golden();
  REQUIRE(reference["pictures"].size() >= 11);
  for (const auto& c : reference["pictures"]) {
    CAPTURE(c.dump());
    const int width = c["width"], height = c["height"];
    const Bytes a = picture(width, height, c["a"]);
    const Bytes b = c["b"].is_string() ? picture(width, height, c["b"]) : disturbed(a, c["b"].get<int>());
    const Metrics m = compare_pixels(view(a, width, height), view(b, width, height));
    CHECK(near(m.psnr, c["psnr"]));
    if (!c["ssim"].is_null()) CHECK(near(m.ssim, c["ssim"]));
    CHECK(near(m.colorfulness_a, c["colorfulness_a"]));
    CHECK(near(m.colorfulness_b, c["colorfulness_b"]));
    CHECK(near(m.mean_delta_e2000, c["mean_delta_e2000"]));
    CHECK(m.max_difference == c["max_difference"].get<int>());
    CHECK(near(m.nrmse, c["nrmse"]));
    if (!c["ssim_floats"].is_null()) CHECK(near(m.ssim_floats, c["ssim_floats"]));
    CHECK(near(m.naturalness_a, c["naturalness_a"]));
    CHECK(near(m.naturalness_b, c["naturalness_b"]));
  }
}

TEST_CASE("CIEDE2000 agrees on the published pairs of Sharma, Wu and Dalal, in both directions") {
  const nlohmann::json reference = golden();
  REQUIRE(reference["delta_e2000"].size() == 34);
  for (const auto& row : reference["delta_e2000"]) {
    CAPTURE(row.dump());
    const cuhue::Lab x{row[0], row[1], row[2]}, y{row[3], row[4], row[5]};
    CHECK(near(cuhue::delta_e2000(x, y), row[6]));
    CHECK(near(cuhue::delta_e2000(y, x), row[6]));
    CHECK(cuhue::delta_e2000(x, x) == 0);
  }
}

TEST_CASE("equal pictures: infinite PSNR, SSIM 1, no difference; a flat grey has no colour") {
  const Bytes a = picture(20, 17, "texture");
  const Metrics m = compare_pixels(view(a, 20, 17), view(a, 20, 17));
  CHECK(m.psnr == std::numeric_limits<double>::infinity());
  CHECK(m.ssim == doctest::Approx(1.0).epsilon(1e-12));
  CHECK(m.mean_delta_e2000 == 0);
  CHECK(m.max_difference == 0);
  CHECK(m.colorfulness_a > 50);

  const Bytes grey(20 * 17, 77);
  const ConstPixelView flat(grey.data(), 20, 17, 20, PixelFormat::grey8);
  CHECK(compare_pixels(flat, flat).colorfulness_a == 0);
}

TEST_CASE(
    "naturalness: borders of hue, saturation and lightness belong as specified; nothing that counts is 0") {
  const auto of = [](std::uint8_t r, std::uint8_t g, std::uint8_t b) {
    const Bytes rgb = {r, g, b};
    return compare_pixels(view(rgb, 1, 1), view(rgb, 1, 1)).naturalness_a;
  };
  const auto n = [](double s, double mean, double spread) {
    return std::exp(-0.5 * (s - mean) / spread * (s - mean) / spread);
  };
  CHECK(near(of(180, 120, 60), n(120.0 / 240, 0.76, 0.52)));           // 30 degrees
  CHECK(near(of(60, 180, 60), n(120.0 / 240, 0.81, 0.53)));            // 120
  CHECK(near(of(60, 120, 180), n(120.0 / 240, 0.43, 0.22)));           // 210
  CHECK(near(of(130, 80, 10), n(120.0 / 140, 0.76, 0.52)));            // 35
  CHECK(of(194, 134, 98) == doctest::Approx(0));                       // 22.5
  CHECK(near(of(204, 135, 60), n(144.0 / 246, 0.76, 0.52)));           // 31.25
  CHECK(near(of(172, 122, 52), n(120.0 / 224, 0.76, 0.52)));           // 35
  CHECK(near(of(132, 110, 108), n(24.0 / 240, 0.76, 0.52)) == false);  // saturation 0.1 is not above 0.1
  CHECK(of(200, 200, 200) == 0);
  CHECK(of(84, 44, 18) == 0);  // lightness 0.2
  CHECK(of(85, 50, 18) > 0);
  CHECK(of(184, 124, 40) > 0);  // 35 degrees
  CHECK(of(172, 102, 52) > 0);  // 25 degrees, the first of skin
  CHECK(of(172, 101, 52) == 0);
}

TEST_CASE("every pixel format, stride and depth gives the same numbers; alpha does not matter") {
  const int width = 31, height = 23;
  const Bytes a = picture(width, height, "texture"), b = disturbed(a, 9);
  const Metrics expected = compare_pixels(view(a, width, height), view(b, width, height));
  for (const PixelFormat f : {PixelFormat::rgb8, PixelFormat::rgba8, PixelFormat::bgr8, PixelFormat::bgra8,
                              PixelFormat::rgb16, PixelFormat::rgba16}) {
    CAPTURE(static_cast<int>(f));
    const std::ptrdiff_t stride = width * bytes_per_pixel(f) + 6;
    const Bytes packed = repacked(b, width, height, f, stride);
    const ConstPixelView other(packed.data(), width, height, stride, f);
    CHECK(equal(compare_pixels(view(a, width, height), other), expected));
  }

  const Bytes grey = picture(width, height, "grey");
  const Metrics of_grey = compare_pixels(view(a, width, height), view(grey, width, height));
  for (const PixelFormat f :
       {PixelFormat::grey8, PixelFormat::grey_alpha8, PixelFormat::grey16, PixelFormat::grey_alpha16}) {
    CAPTURE(static_cast<int>(f));
    const std::ptrdiff_t stride = width * bytes_per_pixel(f) + 2;
    const Bytes packed = repacked(grey, width, height, f, stride);
    const ConstPixelView other(packed.data(), width, height, stride, f);
    CHECK(equal(compare_pixels(view(a, width, height), other), of_grey));
  }
}

TEST_CASE("the numbers have the same bits for any number of threads") {
  const Bytes a = picture(50, 41, "noise"), b = disturbed(a, 30);
  const auto with_threads = [&](int threads) {
    const cuhue::ThreadScope scope(threads);
    return compare_pixels(view(a, 50, 41), view(b, 50, 41));
  };
  const Metrics one = with_threads(1);
  for (const int threads : {2, 3, 8}) CHECK(equal(with_threads(threads), one));
}

TEST_CASE("pictures of one pixel compare; empty ones and different sizes are refused with both sizes") {
  const Bytes a{10, 20, 30}, b{10, 20, 40};
  const Metrics m = compare_pixels(view(a, 1, 1), view(b, 1, 1));
  CHECK(m.max_difference == 10);
  CHECK(m.ssim > 0.9);
  CHECK(m.ssim < 1);

  const Bytes wide = picture(4, 2, "noise");
  CHECK_THROWS_WITH_AS(compare_pixels(view(wide, 4, 2), view(wide, 2, 4)),
                       "compare: the pictures are 4x2 and 2x4; resize one so that the sizes are equal",
                       cuhue::Error);
  CHECK_THROWS_AS(compare_pixels(view(wide, 0, 2), view(wide, 0, 2)), cuhue::Error);
}
