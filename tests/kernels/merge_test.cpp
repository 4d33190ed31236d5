#include "kernels/merge/merge.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/color/yuv.h"
#include "tests/kernels/support.h"

namespace cuhue {
namespace {

using test::Random;

// Pixels of one case, and the whole pipeline of the specification in double, written out naively.
struct Case {
  std::int64_t w, h, ab_w, ab_h;
  int bytes_per_sample, channels;  // of the photo
  ByteRounding rounding = ByteRounding::nearest_even;
  float chroma = 1.0f;
  double ab_range = 60;
  ColorSpace space = ColorSpace::lab;
  bool gated = false;
  Saturation saturation = Saturation::kept;
};

struct Picture {
  std::vector<std::uint8_t> bytes;
  PhotoRef ref() const {
    return {bytes.data(), w, h, stride, channels, size, place[0], place[1], place[2], alpha};
  }
  MutablePhotoRef ref() {
    return {bytes.data(), w, h, stride, channels, size, place[0], place[1], place[2], alpha};
  }
  int sample(std::int64_t x, std::int64_t y, int index) const {
    const std::uint8_t* p = bytes.data() + y * stride + (x * channels + index) * size;
    if (size == 1) return *p;
    std::uint16_t v;
    std::memcpy(&v, p, 2);
    return v;
  }
  int full() const { return size == 1 ? 255 : 65535; }

  std::int64_t w = 0, h = 0;
  std::ptrdiff_t stride = 0;
  int channels = 3, size = 1, place[3] = {0, 1, 2}, alpha = -1;
};

Picture make_picture(std::int64_t w, std::int64_t h, int channels, int size, bool bgr = false) {
  Picture p;
  p.w = w;
  p.h = h;
  p.channels = channels;
  p.size = size;
  p.stride = static_cast<std::ptrdiff_t>(w * channels * size + 2);  // rows do not touch
  p.alpha = channels == 2 ? 1 : channels == 4 ? 3 : -1;
  if (channels <= 2) p.place[1] = p.place[2] = 0;
  if (bgr) std::swap(p.place[0], p.place[2]);
  p.bytes.assign(static_cast<std::size_t>(p.stride * h), 0x5A);
  return p;
}

Picture random_picture(const Case& c, std::uint64_t seed) {
  Picture p = make_picture(c.w, c.h, c.channels, c.bytes_per_sample);
  Random random(seed);
  for (std::int64_t y = 0; y < c.h; ++y)
    for (std::int64_t i = 0; i < c.w * c.channels * c.bytes_per_sample; ++i)
      p.bytes[static_cast<std::size_t>(y * p.stride + i)] = static_cast<std::uint8_t>(random.next() >> 56);
  return p;
}

std::vector<float> random_ab(const Case& c, std::uint64_t seed) {
  std::vector<float> ab(static_cast<std::size_t>(color_planes(c.space) * c.ab_w * c.ab_h));
  Random random(seed);
  for (float& v : ab) v = static_cast<float>(random.uniform(-c.ab_range, c.ab_range));
  return ab;
}

double bilinear(const float* plane, std::int64_t ab_w, std::int64_t ab_h, const Case& c, std::int64_t x,
                std::int64_t y) {
  const auto place = [](std::int64_t i, std::int64_t n_in, std::int64_t n_out, std::int64_t& i0,
                        std::int64_t& i1) {
    const float scale = static_cast<float>(n_in) / static_cast<float>(n_out);
    const double src = std::max((static_cast<double>(i) + 0.5) * static_cast<double>(scale) - 0.5, 0.0);
    i0 = static_cast<std::int64_t>(src);
    i1 = i0 < n_in - 1 ? i0 + 1 : i0;
    return src - static_cast<double>(i0);
  };
  std::int64_t x0, x1, y0, y1;
  const double wx = place(x, ab_w, c.w, x0, x1), wy = place(y, ab_h, c.h, y0, y1);
  const double top = plane[y0 * ab_w + x0] * (1 - wx) + plane[y0 * ab_w + x1] * wx;
  const double bottom = plane[y1 * ab_w + x0] * (1 - wx) + plane[y1 * ab_w + x1] * wx;
  return top * (1 - wy) + bottom * wy;
}

// A level of gate for each pixel, all of them, the ends oftener.
std::uint8_t gate_level(std::int64_t x, std::int64_t y) {
  const std::int64_t v = (x * 37 + y * 101) % 400;
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(v - 72, 0, 255));
}

struct Gate {
  explicit Gate(const Case& c) : stride(static_cast<std::ptrdiff_t>(c.w + 3)) {
    bytes.assign(static_cast<std::size_t>(stride * c.h), 0);
    for (std::int64_t y = 0; y < c.h; ++y)
      for (std::int64_t x = 0; x < c.w; ++x)
        bytes[static_cast<std::size_t>(y * stride + x)] = gate_level(x, y);
  }
  GateRef ref() const { return {bytes.data(), stride}; }
  std::vector<std::uint8_t> bytes;
  std::ptrdiff_t stride;
};

// The matrix of the specification and its inverse by Cramer's rule.
void rgb_from_exact_yuv(double y, double u, double v, double* rgb) {
  constexpr double m[3][3] = {
      {0.299, 0.587, 0.114}, {-0.14714119, -0.28886916, 0.43601035}, {0.61497538, -0.51496512, -0.10001026}};
  const auto determinant = [](const double(&a)[3][3]) {
    return a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) -
           a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0]) +
           a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]);
  };
  const double yuv[3] = {y, u, v};
  for (int k = 0; k < 3; ++k) {
    double replaced[3][3];
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j) replaced[i][j] = j == k ? yuv[i] : m[i][j];
    rgb[k] = determinant(replaced) / determinant(m);
  }
}

// The largest number before rounding.
double steps(const Case& c, const Picture& photo) {
  return photo.full() + (c.rounding == ByteRounding::in_steps ? 1 : 0);
}

// By way of HSV, S times what the specification gives for the photo's own luma; rgb and the photo in 0..1.
void adjust_by_hsv(const double* photo, double* rgb) {
  const double g = 0.2125 * photo[0] + 0.7154 * photo[1] + 0.0721 * photo[2];
  const double value = std::max({rgb[0], rgb[1], rgb[2]}), delta = value - std::min({rgb[0], rgb[1], rgb[2]});
  if (delta == 0) return;
  double hue = rgb[2] == value   ? 4 + (rgb[0] - rgb[1]) / delta
               : rgb[1] == value ? 2 + (rgb[2] - rgb[0]) / delta
                                 : (rgb[1] - rgb[2]) / delta;
  if (hue < 0) hue += 6;
  const double saturation = delta / value * (-2.5 * g * g + 2.5 * g + 0.375);
  const int sector = static_cast<int>(hue) % 6;
  const double f = hue - std::floor(hue), p = value * (1 - saturation), q = value * (1 - f * saturation),
               t = value * (1 - (1 - f) * saturation);
  const double sectors[6][3] = {{value, t, p}, {q, value, p}, {p, value, t},
                                {p, q, value}, {t, p, value}, {value, p, q}};
  std::copy_n(sectors[sector], 3, rgb);
}

double inverse_f(double f) {
  return f > 0.2068966 ? f * f * f : (f - 16.0 / 116) / 7.787;
}

// A map of RGB as a and b, cell by cell.
std::vector<float> lab_map(const std::vector<float>& rgb) {
  constexpr double kToXyz[3][3] = {{0.412453 / 0.95047, 0.357580 / 0.95047, 0.180423 / 0.95047},
                                   {0.212671, 0.715160, 0.072169},
                                   {0.019334 / 1.08883, 0.119193 / 1.08883, 0.950227 / 1.08883}};
  const std::size_t cells = rgb.size() / 3;
  std::vector<float> ab(2 * cells);
  for (std::size_t i = 0; i < cells; ++i) {
    double f[3];
    for (int k = 0; k < 3; ++k) {
      double sum = 0;
      for (std::size_t c = 0; c < 3; ++c) {
        const double v = std::clamp(static_cast<double>(rgb[c * cells + i]), 0.0, 1.0);
        sum += kToXyz[k][c] * (v > 0.04045 ? std::pow((v + 0.055) / 1.055, 2.4) : v / 12.92);
      }
      f[k] = sum > 0.008856 ? std::cbrt(sum) : 7.787 * sum + 16.0 / 116;
    }
    ab[i] = static_cast<float>(500 * (f[0] - f[1]));
    ab[cells + i] = static_cast<float>(200 * (f[1] - f[2]));
  }
  return ab;
}

// The exact samples of one pixel, in 0..steps(), before rounding.
void exact_pixel(const Picture& photo, const std::vector<float>& ab, const Case& c, std::int64_t x,
                 std::int64_t y, double* out) {
  constexpr double kToY[3] = {0.212671, 0.715160, 0.072169};
  constexpr double kToRgb[3][3] = {{3.240481343200527, -1.5371515162713185, -0.4985363261688879},
                                   {-0.9692549499965684, 1.8759900014898907, 0.04155592655829285},
                                   {0.05564663913517715, -0.20404133836651123, 1.0573110696453443}};
  const double gate = static_cast<double>(c.chroma) * (c.gated ? gate_level(x, y) / 255.0 : 1.0);
  const double a = bilinear(ab.data(), c.ab_w, c.ab_h, c, x, y) * gate;
  const double b = bilinear(ab.data() + c.ab_w * c.ab_h, c.ab_w, c.ab_h, c, x, y) * gate;
  double value[3];
  for (int k = 0; k < 3; ++k)
    value[k] = static_cast<double>(photo.sample(x, y, photo.place[k])) / photo.full();
  if (c.space == ColorSpace::yuv) {
    const double luma = 0.299 * value[0] + 0.587 * value[1] + 0.114 * value[2];
    rgb_from_exact_yuv(luma, 0.436 * a, 0.615 * b, out);
    for (int k = 0; k < 3; ++k) out[k] = std::clamp(out[k], 0.0, 1.0) * steps(c, photo);
    return;
  }
  double luminance = 0;
  for (int k = 0; k < 3; ++k)
    luminance +=
        kToY[k] * (value[k] > 0.04045 ? std::pow((value[k] + 0.055) / 1.055, 2.4) : value[k] / 12.92);
  const double l = 116 * (luminance > 0.008856 ? std::cbrt(luminance) : 7.787 * luminance + 16.0 / 116) - 16;
  const double fy = (l + 16) / 116;
  const double xyz[3] = {0.95047 * inverse_f(a / 500 + fy), inverse_f(fy),
                         1.08883 * inverse_f(std::max(fy - b / 200, 0.0))};
  for (int k = 0; k < 3; ++k) {
    const double v = kToRgb[k][0] * xyz[0] + kToRgb[k][1] * xyz[1] + kToRgb[k][2] * xyz[2];
    const double gamma = v > 0.0031308 ? 1.055 * std::pow(v, 1 / 2.4) - 0.055 : 12.92 * v;
    out[k] = std::clamp(gamma, 0.0, 1.0);
  }
  if (c.saturation == Saturation::by_luma) adjust_by_hsv(value, out);
  for (int k = 0; k < 3; ++k) out[k] *= steps(c, photo);
}

MergeParams params(const Case& c, const Picture& photo, Picture& out, const std::vector<float>& ab) {
  MergeParams p{photo.ref(), out.ref(), ab.data(), c.ab_h, c.ab_w, c.chroma, c.rounding, c.space};
  p.saturation = c.saturation;
  return p;
}

constexpr Case kCases[] = {
    {300, 211, 256, 256, 1, 3},                                 //
    {257, 64, 16, 16, 1, 3, ByteRounding::truncate},            //
    {1000, 97, 64, 96, 1, 4},                                   //
    {64, 64, 64, 64, 1, 1},                                     //
    {33, 500, 7, 300, 1, 2, ByteRounding::nearest_even, 1.5f},  //
    {5, 3, 700, 9, 1, 3},                                       // the ab map is wider than a tile's reach
    {100, 10, 1301, 40, 1, 3, ByteRounding::truncate},          //
    {1, 1, 1, 1, 1, 3},                                         //
    {1, 400, 3, 1, 1, 3},                                       //
    {300, 211, 256, 256, 1, 3, ByteRounding::nearest_even, 1.0f, 200},  // far outside the gamut
    {300, 111, 256, 256, 2, 3},                                         //
    {257, 64, 16, 16, 2, 4, ByteRounding::truncate, 0.5f},              //
    {65, 31, 16, 16, 2, 1},                                             //
    {300, 111, 256, 256, 2, 3, ByteRounding::nearest_even, 1.0f, 200},  //
    {70, 41, 16, 16, 1, 3, ByteRounding::in_steps},                     //
    {70, 41, 16, 16, 1, 3, ByteRounding::nearest_even, 1.0f, 60, ColorSpace::lab, true},
    {300, 111, 64, 64, 1, 3, ByteRounding::nearest_even, 1.0f, 1, ColorSpace::yuv},
    {257, 64, 16, 16, 1, 4, ByteRounding::in_steps, 1.0f, 1, ColorSpace::yuv},
    {257, 64, 16, 16, 1, 3, ByteRounding::truncate, 0.7f, 1, ColorSpace::yuv, true},
    {300, 31, 64, 64, 2, 3, ByteRounding::nearest_even, 1.0f, 1, ColorSpace::yuv, true},
    {65, 31, 16, 16, 2, 2, ByteRounding::in_steps, 1.0f, 0.3, ColorSpace::yuv},
    {1, 1, 32, 32, 1, 3, ByteRounding::nearest_even, 1.0f, 1, ColorSpace::yuv, true},
    {300, 111, 256, 256, 1, 3, ByteRounding::nearest_even, 1.0f, 60, ColorSpace::lab, false,
     Saturation::by_luma},
    {257, 64, 16, 16, 1, 4, ByteRounding::truncate, 1.0f, 200, ColorSpace::lab, false, Saturation::by_luma},
    {300, 111, 256, 256, 2, 3, ByteRounding::nearest_even, 1.0f, 60, ColorSpace::lab, true,
     Saturation::by_luma},
    {300, 111, 64, 64, 1, 3, ByteRounding::nearest_even, 1.0f, 1, ColorSpace::rgb},
    {257, 64, 16, 16, 1, 4, ByteRounding::truncate, 0.7f, 1.2, ColorSpace::rgb, true},
    {70, 41, 300, 90, 1, 3, ByteRounding::nearest_even, 1.0f, 1, ColorSpace::rgb},
    {100, 10, 1301, 40, 1, 3, ByteRounding::nearest_even, 1.0f, 1, ColorSpace::rgb},
    {300, 31, 64, 64, 2, 3, ByteRounding::nearest_even, 1.0f, 1, ColorSpace::rgb},
    {1, 400, 3, 1, 1, 3, ByteRounding::nearest_even, 1.0f, 1, ColorSpace::rgb},
};

TEST_CASE(
    "a merged picture is the specified pipeline: never a level off, and exact but for ties within 1e-3") {
  for (const Case& c : kCases) {
    CAPTURE(c.w);
    CAPTURE(c.h);
    CAPTURE(c.bytes_per_sample);
    const Picture photo = random_picture(c, 11);
    const auto map = random_ab(c, 12);
    const auto ab = c.space == ColorSpace::rgb ? lab_map(map) : map;
    for (int out_channels : {3, 4}) {
      Picture out = make_picture(c.w, c.h, out_channels, c.bytes_per_sample, out_channels == 4);
      const Gate gate(c);
      MergeParams p = params(c, photo, out, map);
      if (c.gated) p.gate = gate.ref();
      merge_cpu(p);
      double worst = 0;
      std::int64_t inexact = 0;
      bool alpha = true;
      for (std::int64_t y = 0; y < c.h; ++y) {
        for (std::int64_t x = 0; x < c.w; ++x) {
          double exact[3];
          exact_pixel(photo, ab, c, x, y, exact);
          for (int k = 0; k < 3; ++k) {
            const int ours = out.sample(x, y, out.place[k]);
            const bool truncate = c.rounding == ByteRounding::truncate;
            const double rounded = truncate ? std::floor(exact[k]) : std::nearbyint(exact[k]);
            const double nearest = std::min<double>(exact[k], photo.full());
            worst = std::max(worst, truncate ? std::abs(ours + 0.5 - exact[k]) : std::abs(ours - nearest));
            if (truncate && exact[k] == photo.full()) worst = std::max(0.5, std::abs(ours - exact[k]));
            inexact += ours != std::min(static_cast<int>(rounded), photo.full()) ? 1 : 0;
          }
          const int opaque = photo.full();
          if (out_channels == 4)
            alpha =
                alpha && out.sample(x, y, 3) == (photo.alpha < 0 ? opaque : photo.sample(x, y, photo.alpha));
        }
      }
      const double full = photo.full();
      CHECK(worst < 0.5 + 4e-6 * full);
      CHECK(static_cast<double>(inexact) <=
            3.0 * static_cast<double>(c.w * c.h) * (c.bytes_per_sample == 1 ? 2e-4 : 5e-2) + 0.5);
      CHECK(alpha);
      bool untouched = true;  // between the rows
      for (std::int64_t y = 0; y < c.h; ++y)
        for (int i = 1; i <= 2; ++i)
          untouched = untouched && out.bytes[static_cast<std::size_t>((y + 1) * out.stride - i)] == 0x5A;
      CHECK(untouched);
    }
  }
}

TEST_CASE("a picture merged in place is the same picture") {
  for (const Case& c : kCases) {
    if (c.channels < 3) continue;
    Picture photo = random_picture(c, 21);
    const auto ab = random_ab(c, 22);
    Picture out = make_picture(c.w, c.h, c.channels, c.bytes_per_sample);
    merge_cpu(params(c, photo, out, ab));
    MergeParams in_place = params(c, photo, photo, ab);
    merge_cpu(in_place);
    bool same = true;
    for (std::int64_t y = 0; y < c.h; ++y)
      for (std::int64_t x = 0; x < c.w; ++x)
        for (int k = 0; k < c.channels; ++k) same = same && photo.sample(x, y, k) == out.sample(x, y, k);
    CHECK(same);
  }
}

TEST_CASE("the thread count changes no byte of a merged picture") {
  for (const Case& c : kCases) {
    const Picture photo = random_picture(c, 31);
    const auto ab = random_ab(c, 32);
    Picture out[3] = {make_picture(c.w, c.h, 3, c.bytes_per_sample),
                      make_picture(c.w, c.h, 3, c.bytes_per_sample),
                      make_picture(c.w, c.h, 3, c.bytes_per_sample)};
    for (int threads = 1; threads <= 3; ++threads) {
      const ThreadScope scope(threads);
      merge_cpu(params(c, photo, out[threads - 1], ab));
    }
    CHECK(out[0].bytes == out[1].bytes);
    CHECK(out[0].bytes == out[2].bytes);
  }
}

TEST_CASE("an NV12 picture merges as the RGB picture that its pixels mean") {
  for (const Case& c : {Case{301, 33, 16, 16, 1, 1}, Case{1, 1, 1, 1, 1, 1}, Case{3, 5, 7, 2, 1, 1}}) {
    const Picture luma = random_picture(c, 51);
    Case half = c;
    half.w = (c.w + 1) / 2 * 2;
    half.h = (c.h + 1) / 2;
    const Picture chroma = random_picture(half, 52);
    for (const YuvCoding coding : {YuvCoding::bt601_limited, YuvCoding::bt709_full}) {
      Picture rgb = make_picture(c.w, c.h, 3, 1);
      for (std::int64_t y = 0; y < c.h; ++y) {
        for (std::int64_t x = 0; x < c.w; ++x) {
          const Rgb8 pixel =
              rgb_from_yuv(yuv_to_rgb(coding), luma.sample(x, y, 0), chroma.sample(x / 2 * 2, y / 2, 0),
                           chroma.sample(x / 2 * 2 + 1, y / 2, 0));
          std::uint8_t* to = rgb.bytes.data() + y * rgb.stride + 3 * x;
          to[0] = static_cast<std::uint8_t>(pixel.r);
          to[1] = static_cast<std::uint8_t>(pixel.g);
          to[2] = static_cast<std::uint8_t>(pixel.b);
        }
      }
      const auto ab = random_ab(c, 53);
      Picture expected = make_picture(c.w, c.h, 4, 1), out = make_picture(c.w, c.h, 4, 1);
      merge_cpu(params(c, rgb, expected, ab));
      MergeParams p = params(c, luma, out, ab);
      p.photo.chroma = chroma.bytes.data();
      p.photo.chroma_stride = chroma.stride;
      p.photo.coding = coding;
      merge_cpu(p);
      CHECK(out.bytes == expected.bytes);
    }
  }
}

TEST_CASE("without chroma every grey level comes back as itself") {
  for (const ColorSpace space : {ColorSpace::lab, ColorSpace::yuv, ColorSpace::rgb}) {
    for (const int size : {1, 2}) {
      if (size == 2 && space != ColorSpace::yuv) continue;  // whose roots cost a level of 16 bits
      CAPTURE(size);
      const Case c{256, size == 1 ? 3 : 256, 4, 4, size, 1, ByteRounding::nearest_even, 0.0f, 60, space};
      Picture photo = make_picture(c.w, c.h, 1, size);
      const auto level = [&](std::int64_t x, std::int64_t y) { return static_cast<int>(x + y % 256 * 256); };
      for (std::int64_t y = 0; y < c.h; ++y) {
        for (std::int64_t x = 0; x < c.w; ++x) {
          std::uint8_t* to = photo.bytes.data() + y * photo.stride + x * size;
          const auto wide = static_cast<std::uint16_t>(level(x, y));
          const auto narrow = static_cast<std::uint8_t>(x);
          std::memcpy(to, size == 1 ? static_cast<const void*>(&narrow) : &wide,
                      static_cast<std::size_t>(size));
        }
      }
      Picture out = make_picture(c.w, c.h, 3, size);
      merge_cpu(params(c, photo, out, random_ab(c, 41)));
      for (std::int64_t y = 0; y < c.h; ++y)
        for (std::int64_t x = 0; x < c.w; ++x)
          for (int k = 0; k < 3; ++k) REQUIRE(out.sample(x, y, k) == (size == 1 ? x : level(x, y)));
    }
  }
}

TEST_CASE("where a gate is shut a pixel is its grey, where it is open it has all its colour") {
  for (const ColorSpace space : {ColorSpace::lab, ColorSpace::yuv, ColorSpace::rgb}) {
    Case c{67, 33, 16, 16, 1, 3};
    c.space = space;
    c.ab_range = space == ColorSpace::lab ? 60 : 1;
    const Picture photo = random_picture(c, 61);
    const auto ab = random_ab(c, 62);
    const Gate gate(c);
    Picture open = make_picture(c.w, c.h, 3, 1), grey = open, gated = open;
    merge_cpu(params(c, photo, open, ab));
    MergeParams p = params(c, photo, grey, ab);
    p.chroma = 0;
    merge_cpu(p);
    p = params(c, photo, gated, ab);
    p.gate = gate.ref();
    merge_cpu(p);
    int shut = 0, wide = 0, between = 0;
    for (std::int64_t y = 0; y < c.h; ++y) {
      for (std::int64_t x = 0; x < c.w; ++x) {
        const int level = gate_level(x, y);
        ++(level == 0 ? shut : level == 255 ? wide : between);
        if (level > 0 && level < 255) continue;
        const Picture& expected = level == 0 ? grey : open;
        for (int k = 0; k < 3; ++k) REQUIRE(gated.sample(x, y, k) == expected.sample(x, y, k));
      }
    }
    CHECK(std::min({shut, wide, between}) > 100);
    CHECK(open.bytes != grey.bytes);
  }
}

TEST_CASE("a map beyond its limit counts as at it, before it is interpolated") {
  for (const ColorSpace space : {ColorSpace::lab, ColorSpace::yuv}) {
    Case c{67, 33, 16, 9, 1, 3};
    c.space = space;
    c.ab_range = 3;
    const Picture photo = random_picture(c, 81);
    auto ab = random_ab(c, 82);
    Picture out = make_picture(c.w, c.h, 3, 1), expected = out, open = out;
    MergeParams p = params(c, photo, out, ab);
    p.chroma = space == ColorSpace::lab ? 40.0f : 0.5f;
    p.limit = 1;
    merge_cpu(p);
    p.limit = kNoLimit;
    p.out = params(c, photo, open, ab).out;
    merge_cpu(p);
    for (float& v : ab) v = std::clamp(v, -1.0f, 1.0f);
    p.out = params(c, photo, expected, ab).out;
    merge_cpu(p);
    CHECK(out.bytes == expected.bytes);
    CHECK(open.bytes != expected.bytes);
  }
}

TEST_CASE("the padding of a map colours nothing") {
  constexpr Case kRgb{67, 33, 32, 32, 1, 3, ByteRounding::nearest_even, 1.0f, 1, ColorSpace::rgb};
  for (const Case& size :
       {Case{67, 33, 32, 32, 1, 3}, Case{9, 5, 64, 32, 1, 3}, Case{1, 1, 32, 32, 1, 3}, kRgb}) {
    for (const std::int64_t used_w : {std::int64_t{1}, std::int64_t{7}, size.ab_w}) {
      for (const std::int64_t used_h : {std::int64_t{1}, std::int64_t{11}, size.ab_h}) {
        Case cropped = size;
        cropped.ab_w = used_w;
        cropped.ab_h = used_h;
        const Picture photo = random_picture(size, 71);
        const auto map = random_ab(size, 72);
        CAPTURE(static_cast<int>(size.space));
        std::vector<float> inside;
        for (int k = 0; k < color_planes(size.space); ++k)
          for (std::int64_t y = 0; y < used_h; ++y)
            for (std::int64_t x = 0; x < used_w; ++x)
              inside.push_back(map[static_cast<std::size_t>((k * size.ab_h + y) * size.ab_w + x)]);
        Picture expected = make_picture(size.w, size.h, 3, 1), out = expected;
        merge_cpu(params(cropped, photo, expected, inside));
        MergeParams p = params(size, photo, out, map);
        p.used_w = used_w;
        p.used_h = used_h;
        merge_cpu(p);
        CHECK(out.bytes == expected.bytes);
      }
    }
  }
}

}  // namespace
}  // namespace cuhue
