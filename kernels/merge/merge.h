// The end of a colorization in one op: upsample planes of colour to the photo, take the photo's own
// luminance, back to RGB, bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/core/device_tensor.h"
#include "kernels/core/hd.h"
#include "kernels/core/photo.h"
#include "kernels/core/stream.h"

namespace cuhue {

enum class ByteRounding : std::uint8_t {
  nearest_even,
  truncate,
  in_steps  // the nearest of one more step: min(255, rint(256 v)), brighter by up to a level
};

// What the planes are, beside the photo's luminance.
enum class ColorSpace : std::uint8_t {
  lab,  // a and b of CIE Lab
  yuv,  // u and v in -1..1 of kernels/color/yuv_planes.h; the luminance is the photo's BT.601 luma
  rgb   // red, green and blue of sRGB in 0..1, clipped: of each cell of the map, a and b of CIE Lab
};
constexpr int color_planes(ColorSpace space) {
  return space == ColorSpace::rgb ? 3 : 2;
}

// What is done to the colours beside.
enum class Saturation : std::uint8_t {
  kept,
  by_luma  // kernels/color/saturation.h, by the photo's own luma; in ColorSpace::lab
};

// How much colour each pixel of the photo gets: bytes [h, w], 255 = all, 0 = none at all: its grey.
struct GateRef {
  const std::uint8_t* data = nullptr;  // nullptr = all everywhere
  std::ptrdiff_t stride = 0;
  friend bool operator==(const GateRef&, const GateRef&) = default;
};

// A map's numbers may be anything: those beyond +-limit count as that.
inline constexpr float kNoLimit = std::numeric_limits<float>::infinity();
CUHUE_HD float limited(float v, float limit) {
  const float low = v > -limit ? v : -limit;
  return low < limit ? low : limit;
}

struct MergeParams {
  PhotoRef photo;  // the luminance comes from here, at full resolution and full depth
  // Same width, height and sample size, interleaved; 3 or 4 channels; may be the photo itself (in place).
  MutablePhotoRef out;
  // [color_planes(), ab_h, ab_w] in the units of `space`, dense; torch bilinear (align_corners=False) to the
  // photo
  const float* ab = nullptr;
  std::int64_t ab_h = 0, ab_w = 0;
  float chroma = 1.0f;  // ab times this
  ByteRounding rounding = ByteRounding::nearest_even;
  ColorSpace space = ColorSpace::lab;
  // The part of ab that is the photo, from its top left; the rest is padding. 0 = all of it.
  std::int64_t used_h = 0, used_w = 0;
  GateRef gate = {};
  Saturation saturation = Saturation::kept;
  float limit = kNoLimit;  // of ab, before anything else
};

// Alpha is copied (opaque where the photo has none). Allocates nothing.
void merge_cpu(const MergeParams& p);

// On CUDA the network's own last upsampling may be left to this kernel: the map it reads is then `ab`
// upsampled by `factor` (as kernels/upsample does it, with its scale), which is never stored.
enum class AbUpsampling : std::uint8_t { none, nearest, bilinear };

struct MergeDeviceParams {
  PhotoRef photo;
  MutablePhotoRef out;  // may be the photo itself
  DeviceTensor ab;      // [1, h, w, color_planes()], any element and pitch
  AbUpsampling upsampling = AbUpsampling::none;
  int factor = 1;
  float scale = 1.0f;
  float chroma = 1.0f;
  ByteRounding rounding = ByteRounding::nearest_even;
  int* not_finite = nullptr;  // set to 1 when ab holds NaN or infinity; never cleared here; may be nullptr
  ColorSpace space = ColorSpace::lab;
  std::int64_t used_h = 0, used_w = 0;  // of the upsampled map, as in MergeParams
  GateRef gate = {};                    // address of the device
  Saturation saturation = Saturation::kept;
  float limit = kNoLimit;  // of the upsampled map
};
// One launch, any size.
void merge_cuda(const MergeDeviceParams& p, Stream stream);

}  // namespace cuhue
