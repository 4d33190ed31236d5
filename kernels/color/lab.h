// sRGB, linear RGB and CIE Lab (D65, 2 degrees) with the constants of scikit-image, pixel by pixel.
// Formulas: IEC 61966-2-1 and CIE 15, as skimage.color.rgb2lab / lab2rgb evaluate them.
#pragma once

#include "kernels/core/hd.h"
#include "kernels/core/math.h"

namespace cuhue {

constexpr double kWhiteX = 0.95047, kWhiteZ = 1.08883;  // Y of white is 1

// Gamma-encoded [0, 1] to linear [0, 1]; relative error below 6e-7.
CUHUE_HD float srgb_to_linear(float v) {
  const float base = (v + 0.055f) * static_cast<float>(1.0 / 1.055);
  const float root = nth_root<5>(base);
  const float power = base * base * root * root;  // base^2.4
  return v > 0.04045f ? power : v * static_cast<float>(1.0 / 12.92);
}

// Linear to gamma-encoded, not clipped: values above 1 stay above 1, negative ones negative.
CUHUE_HD float linear_to_srgb(float c) {
  const float base = c > 0.0031308f ? c : 0.0031308f;
  const float root = nth_root<3>(base);
  const float power = root * square_root(square_root(root));  // c^(1/3 + 1/12) = c^(1/2.4)
  return c > 0.0031308f ? 1.055f * power - 0.055f : 12.92f * c;
}

// CIE Y of linear RGB.
CUHUE_HD float luminance_y(float r, float g, float b) {
  return 0.212671f * r + 0.715160f * g + 0.072169f * b;
}

// Lab's f: a cube root with a linear foot.
CUHUE_HD float lab_f(float t) {
  const float root = nth_root<3>(t > 0.008856f ? t : 0.008856f);
  return t > 0.008856f ? root : 7.787f * t + static_cast<float>(16.0 / 116.0);
}

// L* in 0..100 of f(Y).
CUHUE_HD float lab_lightness(float fy) {
  return 116.0f * fy - 16.0f;
}

// Luma of gamma-encoded sRGB: the weights of skimage.color.rgb2gray.
CUHUE_HD float rec709_luma(float r, float g, float b) {
  return 0.2125f * r + 0.7154f * g + 0.0721f * b;
}

struct LabColor {
  float a, b;
};

// a and b of linear RGB. Grey does not give exactly 0: the matrix's rows sum to the white point's digits.
CUHUE_HD LabColor lab_color(float r, float g, float b) {
  const float x = 0.412453f * r + 0.357580f * g + 0.180423f * b;
  const float z = 0.019334f * r + 0.119193f * g + 0.950227f * b;
  const float fx = lab_f(x * static_cast<float>(1.0 / kWhiteX));
  const float fy = lab_f(luminance_y(r, g, b));
  const float fz = lab_f(z * static_cast<float>(1.0 / kWhiteZ));
  return {500.0f * (fx - fy), 200.0f * (fy - fz)};
}

// The same of gamma-encoded sRGB, clipped to 0..1 (NaN counts as 0).
CUHUE_HD LabColor lab_color_of_srgb(float r, float g, float b) {
  const float v[3] = {r, g, b};
  float linear[3];
  for (int i = 0; i < 3; ++i) {
    const float positive = v[i] > 0.0f ? v[i] : 0.0f;
    linear[i] = srgb_to_linear(positive < 1.0f ? positive : 1.0f);
  }
  return lab_color(linear[0], linear[1], linear[2]);
}

struct LinearRgb {
  float r, g, b;
};

// Lab to linear RGB where L* is that of a known Y: takes Y and fy = lab_f(Y) in place of L*, so that a grey
// pixel comes back as it went in. Not clipped; only f(Z) < 0 is set to 0, as scikit-image does.
CUHUE_HD LinearRgb lab_to_linear(float y, float fy, float a, float b) {
  constexpr float kKnee = 0.2068966f;  // f above it is a cube root
  constexpr float kFoot = static_cast<float>(-16.0 / 116.0 / 7.787);
  const float fx = fy + a * 0.002f;
  const float fz = fy - b * 0.005f;
  // The linear foot, (f - 16/116) / 7.787, without its cancellation: below the knee that of fy is Y itself.
  const float foot =
      y > 0.008856f ? (fy - static_cast<float>(16.0 / 116.0)) * static_cast<float>(1.0 / 7.787) : y;
  const float foot_x = foot + a * static_cast<float>(0.002 / 7.787);
  const float foot_z_free = foot - b * static_cast<float>(0.005 / 7.787);
  const float foot_z = fz < 0.0f ? kFoot : foot_z_free;
  const float x = fx > kKnee ? fx * fx * fx : foot_x;
  const float z = fz > kKnee ? fz * fz * fz : foot_z;
  // Inverse of the RGB to XYZ matrix with the white point multiplied in.
  LinearRgb c;
  c.r = static_cast<float>(3.240481343200527 * kWhiteX) * x - 1.5371515162713185f * y -
        static_cast<float>(0.4985363261688879 * kWhiteZ) * z;
  c.g = static_cast<float>(-0.9692549499965684 * kWhiteX) * x + 1.8759900014898907f * y +
        static_cast<float>(0.04155592655829285 * kWhiteZ) * z;
  c.b = static_cast<float>(0.05564663913517715 * kWhiteX) * x - 0.20404133836651123f * y +
        static_cast<float>(1.0573110696453443 * kWhiteZ) * z;
  return c;
}

// A sample in 0..full from v in 0..1 (clipped; NaN gives 0): nearest, ties to even, or truncated.
template <bool Truncate>
CUHUE_HD std::int32_t quantize(float v, float full) {
  const float positive = v > 0.0f ? v : 0.0f;
  const float clipped = positive < 1.0f ? positive : 1.0f;
  if constexpr (Truncate) return static_cast<std::int32_t>(clipped * full);
  return round_to_int(clipped * full);
}

// What inference code of the masks GAN writes: the nearest of full + 1 steps, the last of which is the one
// below it. For a byte min(255, rint(256 v)).
CUHUE_HD std::int32_t quantize_in_steps(float v, float full) {
  const float positive = v > 0.0f ? v : 0.0f;
  const float scaled = (positive < 1.0f ? positive : 1.0f) * (full + 1.0f);
  return round_to_int(scaled < full ? scaled : full);
}

// A 16-bit sample as its nearest 8-bit one: round(v / 257), exact for every v.
CUHUE_HD std::int32_t sample_16_to_8(std::int32_t v) {
  return (v * 255 + 32895) >> 16;
}

}  // namespace cuhue
