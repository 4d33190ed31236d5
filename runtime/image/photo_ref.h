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
  ref.red = is_grey(view.format) || !bgr ? 0 : 2;
  ref.green = is_grey(view.format) ? 0 : 1;
  ref.blue = is_grey(view.format) || bgr ? 0 : 2;
  ref.alpha = has_alpha(view.format) ? ref.channels - 1 : -1;
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
