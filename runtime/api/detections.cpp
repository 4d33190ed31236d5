// Objects in photos: found by a detector, or given.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "runtime/api/boundary.h"
#include "runtime/api/handles.h"
#include "runtime/colorizers/patches.h"

using namespace cuhue;
using namespace cuhue::api;

namespace {

constexpr std::int64_t kMostSide = std::int64_t{1} << 30;
constexpr std::size_t kLeast = offsetof(cuhue_detection, mask) + sizeof(const std::uint8_t*);

const Detections& given(const cuhue_detections* detections) {
  require(detections != nullptr, "detections is NULL");
  return detections->found;
}

// The object alone.
Detections alone(const cuhue_detection& o, std::int64_t width, std::int64_t height) {
  Detections d;
  d.width = width;
  d.height = height;
  d.boxes = {o.x0, o.y0, o.x1, o.y1};
  d.scores = {o.score};
  d.classes = {o.class_index};
  const ObjectMask mask{o.mask_x, o.mask_y, o.mask_width, o.mask_height, 0};
  require(mask.w >= 0 && mask.h >= 0 && mask.w <= width && mask.h <= height,
          "the object's mask is larger than the photo");
  require(o.mask != nullptr || mask.w == 0 || mask.h == 0, "the object's mask is NULL");
  d.masks = {mask};
  if (mask.w > 0) d.mask_bytes.assign(o.mask, o.mask + mask.w * mask.h);
  for (std::uint8_t& v : d.mask_bytes) v = v != 0 ? 1 : 0;
  return d;
}

}  // namespace

extern "C" {

cuhue_status cuhue_detections_create(int64_t width, int64_t height, cuhue_detections** detections,
                                     cuhue_error* error) {
  return guard(error, [&] {
    require(detections != nullptr, "detections is NULL");
    require(width > 0 && height > 0 && width <= kMostSide && height <= kMostSide,
            "width and height must be at least 1, and at most 2^30");
    auto made = std::make_unique<cuhue_detections>();
    made->found.width = width;
    made->found.height = height;
    *detections = made.release();
  });
}

cuhue_status cuhue_detections_add(cuhue_detections* detections, const cuhue_detection* detection,
                                  cuhue_error* error) {
  return guard(error, [&] {
    const Detections& before = given(detections);
    require(detection != nullptr, "detection is NULL");
    require(detection->struct_size >= kLeast, "struct_size of the detection is not sizeof the struct");
    Detections one = alone(read_struct(detection), before.width, before.height);
    check_detections(one, before.width, before.height);
    Detections& all = detections->found;
    const std::size_t count = all.count();
    one.masks[0].first = all.mask_bytes.size();
    // Whole or not at all: what may fail comes first, bytes that no mask points to do no harm.
    all.boxes.reserve(4 * count + 4);
    all.scores.reserve(count + 1);
    all.classes.reserve(count + 1);
    all.masks.reserve(count + 1);
    all.mask_bytes.insert(all.mask_bytes.end(), one.mask_bytes.begin(), one.mask_bytes.end());
    all.boxes.insert(all.boxes.end(), one.boxes.begin(), one.boxes.end());
    all.classes.push_back(one.classes[0]);
    all.masks.push_back(one.masks[0]);
    all.scores.push_back(one.scores[0]);
  });
}

cuhue_status cuhue_detections_size(const cuhue_detections* detections, int64_t* width, int64_t* height,
                                   cuhue_error* error) {
  return guard(error, [&] {
    require(width != nullptr && height != nullptr, "width or height is NULL");
    *width = given(detections).width;
    *height = given(detections).height;
  });
}

cuhue_status cuhue_colorizer_set_detections(cuhue_colorizer* colorizer, size_t photo,
                                            const cuhue_detections* detections, cuhue_error* error) {
  return guard(error, [&] {
    require(colorizer != nullptr, "colorizer is NULL");
    colorizer->colorizer->set_detections(photo, given(detections));
  });
}

cuhue_status cuhue_colorizer_clear_detections(cuhue_colorizer* colorizer, cuhue_error* error) {
  return guard(error, [&] {
    require(colorizer != nullptr, "colorizer is NULL");
    colorizer->colorizer->clear_detections();
  });
}

cuhue_status cuhue_colorizer_detections(const cuhue_colorizer* colorizer, size_t photo,
                                        cuhue_detections** detections, cuhue_error* error) {
  return guard(error, [&] {
    require(colorizer != nullptr && detections != nullptr, "colorizer or detections is NULL");
    auto made = std::make_unique<cuhue_detections>();
    made->found = colorizer->colorizer->detections_of(photo);
    *detections = made.release();
  });
}

}  // extern "C"
