// Masks of a few pixels to where their boxes are in the photo (He et al. 2017).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/core/hd.h"
#include "kernels/core/stream.h"

namespace cuhue {

constexpr int kMaskSize = 28;

// Pixels of the photo that a mask may cover.
struct PasteRectangle {
  std::int64_t x = 0, y = 0, w = 0, h = 0;
};

struct MaskPasteParams {
  const float* mask = nullptr;  // [28, 28] probabilities
  float box[4] = {};            // x0, y0, x1, y1 in pixels of the photo; with area
  PasteRectangle rectangle;
  std::uint8_t* out = nullptr;  // [rectangle.h, rectangle.w] 0 or 1
};
// Of the box [4], inside of a photo.
PasteRectangle paste_rectangle(const float* box, std::int64_t photo_h, std::int64_t photo_w);
void mask_paste_cpu(const MaskPasteParams& p);

// Boxes to pixels of the photo, clipped to it.
struct BoxScaleParams {
  const float* boxes = nullptr;  // [count, 4]
  int count = 0;
  float x_scale = 1, y_scale = 1, w = 0, h = 0;
  float* out = nullptr;  // [count, 4]; not boxes
};
void scale_boxes_cuda(const BoxScaleParams& p, Stream stream);

// All masks at once, as bits: word k of row y of mask i, bit b: pixel 32 k + b.
struct MaskPasteDeviceParams {
  const float* masks = nullptr;         // [most, 28, 28]
  const float* boxes = nullptr;         // [most, 4]
  const std::int32_t* found = nullptr;  // how many there are: the others' words are not written
  int most = 0;
  std::int64_t h = 0, w = 0;     // of the photo
  std::uint32_t* out = nullptr;  // [most, h, ceil(w / 32)]
};
void mask_paste_cuda(const MaskPasteDeviceParams& p, Stream stream);

// The probabilities of the predicted classes: sigmoid of [n, classes, 28, 28], of one class each.
struct MaskPickParams {
  const float* logits = nullptr;         // [count, classes, 28, 28]
  const std::int32_t* labels = nullptr;  // [count]
  int count = 0, classes = 80;
  float* out = nullptr;  // [count, 28, 28]
};
void mask_pick_cpu(const MaskPickParams& p);
void mask_pick_cuda(const MaskPickParams& p, Stream stream);

}  // namespace cuhue
