#include "runtime/colorizers/semantic_published.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "kernels/color/yuv.h"
#include "kernels/core/math.h"

namespace cuhue::semantic_published {
namespace {

// ---- reading and resizing

constexpr int kWeightBits = 11;  // of one axis

// Taps i - 1, i, i + 1 and i + 2 of one output.
struct CubicTaps {
  std::int64_t at[4];  // inside of the picture
  std::int32_t weight[4];
};

std::vector<CubicTaps> cubic_taps(std::int64_t n_in, std::int64_t n_out) {
  constexpr float kA = -0.75f;
  std::vector<CubicTaps> taps(static_cast<std::size_t>(n_out));
  for (std::int64_t d = 0; d < n_out; ++d) {
    const auto f = static_cast<float>(
        (static_cast<double>(d) + 0.5) * static_cast<double>(n_in) / static_cast<double>(n_out) - 0.5);
    const auto first = static_cast<std::int64_t>(std::floor(f));
    const float t = f - static_cast<float>(first), back = t + 1, rest = 1 - t;
    const auto near_one = [](float x) { return ((kA + 2) * x - (kA + 3)) * x * x + 1; };
    float c[4] = {((kA * back - 5 * kA) * back + 8 * kA) * back - 4 * kA, near_one(t), near_one(rest), 0};
    c[3] = 1.0f - c[0] - c[1] - c[2];
    CubicTaps& tap = taps[static_cast<std::size_t>(d)];
    for (int k = 0; k < 4; ++k) {
      tap.at[k] = std::clamp<std::int64_t>(first - 1 + k, 0, n_in - 1);
      tap.weight[k] = round_to_int(c[k] * (1 << kWeightBits));
    }
  }
  return taps;
}

// Red, green and blue of a row, as bytes.
void read_row(const PhotoRef& photo, std::int64_t y, std::uint8_t* rgb) {
  const std::uint8_t* row = photo.data + y * photo.stride;
  if (photo.nv12()) {
    const YuvToRgb factors = yuv_to_rgb(photo.coding);
    const std::uint8_t* chroma = photo.chroma + y / 2 * photo.chroma_stride;
    for (std::int64_t x = 0; x < photo.width; ++x) {
      const cuhue::Rgb8 c = rgb_from_yuv(factors, row[x], chroma[x / 2 * 2], chroma[x / 2 * 2 + 1]);
      for (const std::int32_t v : {c.r, c.g, c.b}) *rgb++ = static_cast<std::uint8_t>(v);
    }
    return;
  }
  for (std::int64_t x = 0; x < photo.width; ++x) {
    for (const int sample : {photo.red, photo.green, photo.blue}) {
      const std::uint8_t* at = row + (x * photo.channels + sample) * photo.bytes_per_sample;
      std::uint16_t wide = 0;
      if (photo.bytes_per_sample == 2) std::memcpy(&wide, at, sizeof wide);
      *rgb++ = photo.bytes_per_sample == 2 ? static_cast<std::uint8_t>(wide >> 8) : *at;
    }
  }
}

// The horizontal pass of one row: exact sums, as the floats that the vertical one takes.
void resize_row(const std::uint8_t* rgb, const std::vector<CubicTaps>& columns, float* out) {
  for (const CubicTaps& tap : columns)
    for (int c = 0; c < 3; ++c) {
      std::int32_t sum = 0;
      for (int k = 0; k < 4; ++k) sum += tap.weight[k] * rgb[tap.at[k] * 3 + c];
      *out++ = static_cast<float>(sum);
    }
}

std::int32_t grey_of_bytes(const std::uint8_t* rgb) {
  return (9798 * rgb[0] + 19235 * rgb[1] + 3735 * rgb[2] + 16384) >> 15;
}

// ---- OpenCV's Lab of bytes

constexpr std::int32_t kBase = 1 << 14;

struct LightnessTables {
  std::array<std::int32_t, 256> y, f;
};
LightnessTables make_lightness_tables() {
  LightnessTables t{};
  for (std::size_t i = 0; i < 256; ++i) {
    const double l = static_cast<double>(i) * 100.0 / 255.0;
    const double y = i <= 20 ? l / 903.3 : std::pow((l + 16.0) / 116.0, 3.0);
    const double f = i <= 20 ? 7.787 * y + 16.0 / 116.0 : (l + 16.0) / 116.0;
    t.y[i] = static_cast<std::int32_t>(std::nearbyint(kBase * y));
    t.f[i] = static_cast<std::int32_t>(std::nearbyint(kBase * f));
  }
  return t;
}

std::array<std::uint8_t, 4096> make_gamma_table() {
  std::array<std::uint8_t, 4096> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    const double x = static_cast<double>(i) / 4096.0;
    const double s = x <= 0.0031308 ? 12.92 * x : 1.055 * std::pow(x, 1.0 / 2.4) - 0.055;
    table[i] = static_cast<std::uint8_t>(std::nearbyint(255.0 * s));
  }
  return table;
}

std::int32_t from_f(std::int32_t f) {
  return f <= 3390 ? f * 108 / 841 - 290 : f * f / kBase * f / kBase;
}

// Toward zero, keeping the low 8 bits. Numbers that no int32 holds, and NaN, are 0, as x86's conversion has
// it.
std::uint8_t wrapped(float v) {
  if (!(v > -2147483648.0f && v < 2147483648.0f)) return 0;
  return static_cast<std::uint8_t>(static_cast<std::uint32_t>(static_cast<std::int32_t>(v)));
}

void store(const MutablePhotoRef& out, std::uint8_t* pixel, int sample, std::uint8_t value) {
  if (sample < 0) return;
  const auto wide = static_cast<std::uint16_t>(value * 257);
  if (out.bytes_per_sample == 2) {
    std::memcpy(pixel + 2 * sample, &wide, sizeof wide);
  } else {
    pixel[sample] = value;
  }
}

}  // namespace

std::vector<std::uint8_t> grey_of(const PhotoRef& photo, std::int64_t out_h, std::int64_t out_w) {
  std::vector<std::uint8_t> grey(static_cast<std::size_t>(out_h * out_w));
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(photo.width * 3));
  if (photo.width == out_w && photo.height == out_h) {
    for (std::int64_t y = 0; y < out_h; ++y) {
      read_row(photo, y, rgb.data());
      for (std::int64_t x = 0; x < out_w; ++x)
        grey[static_cast<std::size_t>(y * out_w + x)] =
            static_cast<std::uint8_t>(grey_of_bytes(rgb.data() + 3 * x));
    }
    return grey;
  }
  const std::vector<CubicTaps> columns = cubic_taps(photo.width, out_w),
                               rows = cubic_taps(photo.height, out_h);
  std::array<std::vector<float>, 4> lines;  // of the taps; a line is used again by the next rows
  std::array<std::int64_t, 4> line_of{-1, -1, -1, -1};
  for (std::vector<float>& line : lines) line.resize(static_cast<std::size_t>(out_w * 3));
  for (std::int64_t y = 0; y < out_h; ++y) {
    const CubicTaps& tap = rows[static_cast<std::size_t>(y)];
    const float* r[4];
    float b[4];
    for (int k = 0; k < 4; ++k) {
      const auto slot = static_cast<std::size_t>(tap.at[k] % 4);  // neighbours never share one
      if (line_of[slot] != tap.at[k]) {
        read_row(photo, tap.at[k], rgb.data());
        resize_row(rgb.data(), columns, lines[slot].data());
        line_of[slot] = tap.at[k];
      }
      r[k] = lines[slot].data();
      b[k] = static_cast<float>(tap.weight[k]) / 4194304.0f;
    }
    for (std::int64_t x = 0; x < out_w; ++x) {
      std::uint8_t pixel[3];
      for (int c = 0; c < 3; ++c) {
        const std::int64_t i = 3 * x + c;
        const float value = r[0][i] * b[0] + (r[1][i] * b[1] + (r[2][i] * b[2] + r[3][i] * b[3]));
        pixel[c] = static_cast<std::uint8_t>(std::clamp(round_to_int(value), 0, 255));
      }
      grey[static_cast<std::size_t>(y * out_w + x)] = static_cast<std::uint8_t>(grey_of_bytes(pixel));
    }
  }
  return grey;
}

Lab8 lab_of(std::uint8_t grey, float first, float second) {
  const float seen = (static_cast<float>(grey) / 255.0f - 0.5f) / 0.5f;
  const auto byte = [](float v) { return wrapped((v * 0.5f + 0.5f) * 255.0f); };
  return {byte(seen), byte(first), byte(second)};
}

Rgb8 rgb_of(const Lab8& lab) {
  static const LightnessTables lightness = make_lightness_tables();
  static const std::array<std::uint8_t, 4096> gamma = make_gamma_table();
  constexpr std::int32_t kMatrix[3][3] = {{12615, -6296, -2223}, {-3773, 7684, 185}, {217, -836, 4715}};
  const std::int32_t f = lightness.f[lab.l];
  const std::int32_t da = ((5 * lab.a * 53687 + 128) >> 13) - 4194;
  const std::int32_t db = ((lab.b * 41943 + 16) >> 9) - 10484;
  const std::int32_t xyz[3] = {from_f(f + da), lightness.y[lab.l], from_f(f - db)};
  std::uint8_t rgb[3];
  for (int c = 0; c < 3; ++c) {
    std::int32_t sum = 8192;
    for (int k = 0; k < 3; ++k) sum += kMatrix[c][k] * xyz[k];
    rgb[c] = gamma[static_cast<std::size_t>(std::clamp(sum >> 14, 0, 4095))];
  }
  return {rgb[0], rgb[1], rgb[2]};
}

void write_picture(std::span<const std::uint8_t> grey, const float* planes, const MutablePhotoRef& out) {
  for (std::int64_t y = 0; y < kSide; ++y) {
    std::uint8_t* pixel = out.data + y * out.stride;
    for (std::int64_t x = 0; x < kSide; ++x, pixel += out.channels * out.bytes_per_sample) {
      const std::int64_t i = y * kSide + x;
      const Rgb8 c = rgb_of(lab_of(grey[static_cast<std::size_t>(i)], planes[i], planes[kSide * kSide + i]));
      store(out, pixel, out.red, c.r);
      store(out, pixel, out.green, c.g);
      store(out, pixel, out.blue, c.b);
      store(out, pixel, out.alpha, 255);
    }
  }
}

std::uint8_t label_after(std::uint8_t label) {
  const float seen = (static_cast<float>(label) / 59.0f - 0.5f) / 0.5f;
  return wrapped(59.0f * (0.5f * seen + 0.5f));
}

}  // namespace cuhue::semantic_published
