// A picture to the input of a detector: resized, less the mean, padded with zeros.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/core/photo.h"
#include "kernels/core/stream.h"

namespace cuhue {

enum class PictureSample : std::uint8_t {
  u8,  // resized as Pillow's BILINEAR: antialiased, rounded to bytes after each pass
  f32,
  f64,  // resized as torch's bilinear: no antialiasing, in double, rounded to float once
};

struct DetectorInputParams {
  const void* picture = nullptr;  // [h, w, 3] dense
  PictureSample sample = PictureSample::u8;
  std::int64_t h = 0, w = 0;
  std::int64_t out_h = 0, out_w = 0;        // to what it is resized
  std::int64_t padded_h = 0, padded_w = 0;  // no less
  float mean[3] = {};
  float* out = nullptr;          // [3, padded_h, padded_w]
  std::byte* scratch = nullptr;  // detector_input_scratch_bytes(), aligned to 64
};
// Of bytes: what lies between the two passes.
std::size_t detector_input_scratch_bytes(const DetectorInputParams& p);
// Allocates nothing.
void detector_input_cpu(const DetectorInputParams& p);
// The same bits. Two launches. Addresses are the device's.
void detector_input_cuda(const DetectorInputParams& p, Stream stream);

// A photo's lightness as the published colorizer shows it to its detector: CIE Lab without a and b, back in
// sRGB: three channels that differ by a hundredth. [h, w, 3] 0..255, not rounded. 16 bits are rounded to 8
// first. Not of video. What the two ways below are held to.
void lightness_picture(const PhotoRef& photo, double* out);
// detector_input_cpu() of lightness_picture(photo), the same bits, without that picture: 24 bytes a pixel
// that would each be made though a smaller input reads few. Of p neither picture, sample nor scratch is used.
// Allocates some rows a thread.
void lightness_input_cpu(const PhotoRef& photo, const DetectorInputParams& p);
// lightness_picture() but for the last digits of double, of video too, in one launch. Addresses are the
// device's.
void lightness_picture_cuda(const PhotoRef& photo, double* out, Stream stream);

}  // namespace cuhue
