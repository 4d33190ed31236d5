// What a colorizer tells of a photo beside its colours.
#include "runtime/colorizers/saliency.h"

#include "runtime/api/boundary.h"
#include "runtime/api/handles.h"

using namespace cuhue;
using namespace cuhue::api;

namespace {

Colorizer& given(const cuhue_colorizer* colorizer) {
  require(colorizer != nullptr, "colorizer is NULL");
  return *colorizer->colorizer;
}

}  // namespace

extern "C" {

cuhue_status cuhue_colorizer_keep_saliency(cuhue_colorizer* colorizer, int keep, cuhue_error* error) {
  return guard(error, [&] { given(colorizer).keep_saliency(keep != 0); });
}

cuhue_status cuhue_colorizer_saliency(const cuhue_colorizer* colorizer, size_t photo, int64_t width,
                                      int64_t height, float* values, cuhue_error* error) {
  return guard(error, [&] {
    require(values != nullptr, "values is NULL");
    require(width > 0 && height > 0, "width and height must be at least 1");
    resize_saliency(given(colorizer).saliency(photo), height, width, values);
  });
}

cuhue_status cuhue_colorizer_saliency_view(const cuhue_colorizer* colorizer, size_t photo,
                                           const cuhue_pixels* picture, const cuhue_pixels* out,
                                           cuhue_error* error) {
  return guard(error, [&] {
    const ConstPixelView from = picture_given(picture, "the photo");
    picture_given(out, "the result");
    view_saliency(given(colorizer).saliency(photo), from, to_view(read_struct(out)));
  });
}

}  // extern "C"
