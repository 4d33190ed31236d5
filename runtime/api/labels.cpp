// Labels of what is in a photo.
#include <cstring>
#include <string>

#include "runtime/api/boundary.h"
#include "runtime/api/handles.h"
#include "runtime/colorizers/labels.h"

using namespace cuhue;
using namespace cuhue::api;

namespace {

Colorizer& given(const cuhue_colorizer* colorizer) {
  require(colorizer != nullptr, "colorizer is NULL");
  return *colorizer->colorizer;
}

}  // namespace

extern "C" {

size_t cuhue_label_count(void) {
  return kLabelCount;
}

cuhue_status cuhue_label_at(size_t index, cuhue_label_info* info, cuhue_error* error) {
  return guard(error, [&] {
    require(index < kLabelCount, "there is no label of this number");
    const Label& label = labels()[index];
    cuhue_label_info i{};
    i.name = label.name.data();
    std::memcpy(i.rgb, label.rgb, sizeof i.rgb);
    write_struct(info, i);
  });
}

cuhue_status cuhue_label_view(const cuhue_pixels* map, const cuhue_pixels* view, cuhue_error* error) {
  return guard(error, [&] {
    const LabelMap labels(picture_given(map, "the label map"));
    const PixelView to = picture_given(view, "the view");
    require(to.format == PixelFormat::rgb8, "the view's format is not CUHUE_RGB8");
    require(to.width == labels.width() && to.height == labels.height(),
            "the view and the label map differ in size");
    view_labels_cpu({labels.ref(), to.data, to.stride, label_palette()});
  });
}

cuhue_status cuhue_colorizer_set_labels(cuhue_colorizer* colorizer, size_t photo, const cuhue_pixels* map,
                                        cuhue_error* error) {
  return guard(error, [&] { given(colorizer).set_labels(photo, picture_given(map, "the label map")); });
}

cuhue_status cuhue_colorizer_clear_labels(cuhue_colorizer* colorizer, cuhue_error* error) {
  return guard(error, [&] { given(colorizer).clear_labels(); });
}

cuhue_status cuhue_colorizer_labels(const cuhue_colorizer* colorizer, size_t photo, const cuhue_pixels* map,
                                    cuhue_error* error) {
  return guard(error, [&] { given(colorizer).labels_of(photo, picture_given(map, "the label map")); });
}

cuhue_status cuhue_colorizer_find_labels(cuhue_colorizer* colorizer, const cuhue_pixels* picture,
                                         const cuhue_colorize_options* options, const cuhue_pixels* map,
                                         cuhue_error* error) {
  return guard(error, [&] {
    const ConstPixelView photo = picture_given(picture, "the photo");
    given(colorizer).find_labels(photo, to_options(read_struct(options)),
                                 picture_given(map, "the label map"));
  });
}

}  // extern "C"
