#include "runtime/colorizers/mask.h"

#include <algorithm>
#include <cstddef>

#include "kernels/color/lab.h"
#include "kernels/prepare/prepare.h"
#include "runtime/graph/scratch.h"
#include "runtime/image/photo_ref.h"
#include "weights/status.h"

namespace cuhue {
namespace {

constexpr std::int64_t kBand = 64;  // rows at a time

}  // namespace

Mask::Mask(const ConstPixelView& picture) : width_(picture.width), height_(picture.height) {
  if (is_video(picture.format))
    throw Error(Status::usage, "the mask is video; give a grey picture, or one in colour for its luma");
  levels_.resize(static_cast<std::size_t>(width_ * height_));
  const std::int64_t rows = std::min(kBand, height_);
  std::vector<float> luma(static_cast<std::size_t>(rows * width_));
  Scratch scratch;
  PrepareParams p;
  p.photo = photo_ref(picture);
  p.out_w = width_;
  p.luminance = Luminance::bt601_luma;
  p.out = luma.data();
  p.scratch = scratch.get(prepare_scratch_bytes(rows, width_, rows, width_));
  for (std::int64_t row = 0; row < height_; row += p.out_h) {
    p.out_h = p.photo.height = std::min(rows, height_ - row);
    p.photo.data = picture.data + row * picture.stride;
    prepare_cpu(p);
    std::transform(luma.data(), luma.data() + p.out_h * width_, levels_.data() + row * width_,
                   [](float v) { return static_cast<std::uint8_t>(quantize<false>(v, 255.0f)); });
  }
}

PhotoRef Mask::photo() const {
  return photo_ref(ConstPixelView(levels_.data(), width_, height_, static_cast<std::ptrdiff_t>(width_),
                                  PixelFormat::grey8));
}

}  // namespace cuhue
