// Pixel views as kernels take them.
#pragma once

#include "kernels/core/photo.h"
#include "runtime/image/pixels.h"

namespace cuhue {
namespace detail {

template <class Ref, class View>
Ref photo_ref_of(const View& view) {
  Ref ref;
  ref.data = view.data;
  ref.width = view.width;
  ref.height = view.height;
  ref.stride = view.stride;
  ref.channels = channels(view.format);
  ref.bytes_per_sample = bytes_per_sample(view.format);
  const bool bgr = view.format == PixelFormat::bgr8 || view.format == PixelFormat::bgra8;
  const bool one = ref.channels <= 2;  // grey, or a video's Y
  ref.red = one || !bgr ? 0 : 2;
  ref.green = one ? 0 : 1;
  ref.blue = one || bgr ? 0 : 2;
  ref.alpha = has_alpha(view.format) ? ref.channels - 1 : -1;
  if (is_video(view.format)) {
    ref.chroma = view.data + view.stride * view.height;
    ref.chroma_stride = view.stride;
    ref.coding = view.format == PixelFormat::nv12 ? YuvCoding::bt709_limited : YuvCoding::bt601_limited;
  }
  return ref;
}

}  // namespace detail

// The same pixels, not owned; valid as long as the view's.
inline PhotoRef photo_ref(const ConstPixelView& view) {
  return detail::photo_ref_of<PhotoRef>(view);
}
inline MutablePhotoRef photo_ref(const PixelView& view) {
  return detail::photo_ref_of<MutablePhotoRef>(view);
}

}  // namespace cuhue
