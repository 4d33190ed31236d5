#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "runtime/api/boundary.h"
#include "runtime/api/handles.h"
#include "runtime/stopwatch.h"

using namespace cuhue;
using namespace cuhue::api;

namespace {

Detector& given(const cuhue_detector* detector) {
  require(detector != nullptr, "detector is NULL");
  return *detector->detector;
}

const Detections& given(const cuhue_detections* detections) {
  require(detections != nullptr, "detections is NULL");
  return detections->found;
}

DetectorImage image_of(const cuhue_picture_array* picture) {
  require(picture != nullptr, "picture is NULL");
  const cuhue_picture_array p = read_struct(picture);
  DetectorImage image;
  image.data = p.data;
  image.h = p.height;
  image.w = p.width;
  switch (p.dtype) {
    case CUHUE_U8: image.type = DetectorImage::Type::u8; break;
    case CUHUE_F32: image.type = DetectorImage::Type::f32; break;
    case CUHUE_F64: image.type = DetectorImage::Type::f64; break;
    default:
      throw Error(Status::usage, "a picture is of CUHUE_U8, CUHUE_F32 or CUHUE_F64; convert its values");
  }
  return image;
}

Poll poll_of(const cuhue_detect_options* options) {
  const cuhue_detect_options o = read_struct(options);
  if (o.progress == nullptr) return {};
  return [o](double fraction) { return o.progress(o.progress_user, fraction) != 0; };
}

// find(poll, detections, timings)
template <class Find>
void detect(const cuhue_detect_options* options, cuhue_detections** detections, cuhue_detect_timings* timings,
            Find&& find) {
  require(detections != nullptr, "detections is NULL");
  Stopwatch watch;
  auto made = std::make_unique<cuhue_detections>();
  DetectTimings t;
  find(poll_of(options), made->found, t);
  if (timings != nullptr) {
    cuhue_detect_timings c{};
    c.compile = t.compile;
    c.prepare = t.prepare;
    c.features = t.features;
    c.proposals = t.proposals;
    c.boxes = t.boxes;
    c.masks = t.masks;
    c.total = watch.lap();
    write_struct(timings, c);
  }
  *detections = made.release();
}

}  // namespace

extern "C" {

cuhue_status cuhue_detector_create(cuhue_engine* engine, cuhue_weights* weights, cuhue_detector** detector,
                                   cuhue_error* error) {
  return guard(error, [&] {
    require(engine != nullptr && weights != nullptr && detector != nullptr,
            "engine, weights or detector is NULL");
    if (weights->data->network->parts.empty())
      throw Error(Status::usage, std::string(weights->data->network->name) +
                                     " finds no objects; give the weights of a detector (mask-rcnn)");
    auto made = std::make_unique<cuhue_detector>();
    made->weights = weights->data;
    made->detector = make_detector(engine->load(*weights));
    *detector = made.release();
  });
}

void cuhue_detector_free(cuhue_detector* detector) {
  delete detector;
}

cuhue_status cuhue_detector_set(cuhue_detector* detector, const char* setting, double value,
                                cuhue_error* error) {
  return guard(error, [&] {
    require(setting != nullptr, "setting is NULL");
    given(detector).set(setting, value);
  });
}

cuhue_status cuhue_detector_prepare(cuhue_detector* detector, int64_t height, int64_t width,
                                    cuhue_error* error) {
  return guard(error, [&] { given(detector).prepare(height, width); });
}

cuhue_status cuhue_detector_profile(cuhue_detector* detector, int64_t height, int64_t width,
                                    cuhue_error* error) {
  return guard(error, [&] { detector->profile = given(detector).profile(height, width); });
}

size_t cuhue_detector_layer_count(const cuhue_detector* detector) {
  return detector == nullptr ? 0 : detector->profile.size();
}

cuhue_status cuhue_detector_layer(const cuhue_detector* detector, size_t index, cuhue_layer* layer,
                                  cuhue_error* error) {
  return guard(error, [&] {
    given(detector);
    write_layer(layer, detector->profile, index, "cuhue_detector_profile");
  });
}

cuhue_status cuhue_detector_memory(const cuhue_detector* detector, cuhue_memory* memory, cuhue_error* error) {
  return guard(error, [&] {
    cuhue_memory m{};
    m.weight_bytes = given(detector).weight_bytes();
    m.arena_bytes = given(detector).arena_bytes();
    write_struct(memory, m);
  });
}

cuhue_status cuhue_detect(cuhue_detector* detector, const cuhue_pixels* photo,
                          const cuhue_detect_options* options, cuhue_detections** detections,
                          cuhue_detect_timings* timings, cuhue_error* error) {
  return guard(error, [&] {
    Detector& d = given(detector);
    const ConstPixelView view = picture_given(photo, "the photo");
    detect(options, detections, timings, [&](const Poll& poll, Detections& found, DetectTimings& t) {
      d.run_photo(view, {}, poll, found, t);
    });
  });
}

cuhue_status cuhue_detect_array(cuhue_detector* detector, const cuhue_picture_array* picture,
                                const cuhue_detect_options* options, cuhue_detections** detections,
                                cuhue_detect_timings* timings, cuhue_error* error) {
  return guard(error, [&] {
    Detector& d = given(detector);
    const DetectorImage image = image_of(picture);
    detect(options, detections, timings,
           [&](const Poll& poll, Detections& found, DetectTimings& t) { d.run(image, poll, found, t); });
  });
}

void cuhue_detections_free(cuhue_detections* detections) {
  delete detections;
}

size_t cuhue_detections_count(const cuhue_detections* detections) {
  return detections == nullptr ? 0 : detections->found.count();
}

cuhue_status cuhue_detections_at(const cuhue_detections* detections, size_t index, cuhue_detection* detection,
                                 cuhue_error* error) {
  return guard(error, [&] {
    const Detections& d = given(detections);
    require(index < d.count(), "there is no detection of this index");
    const ObjectMask& m = d.masks[index];
    cuhue_detection c{};
    c.x0 = d.boxes[4 * index];
    c.y0 = d.boxes[4 * index + 1];
    c.x1 = d.boxes[4 * index + 2];
    c.y1 = d.boxes[4 * index + 3];
    c.score = d.scores[index];
    c.class_index = d.classes[index];
    c.class_name = detection_classes()[static_cast<std::size_t>(d.classes[index])].name.data();
    c.mask_x = m.x;
    c.mask_y = m.y;
    c.mask_width = m.w;
    c.mask_height = m.h;
    c.mask = d.mask(index).data();
    write_struct(detection, c);
  });
}

cuhue_status cuhue_detections_mask(const cuhue_detections* detections, size_t index, uint8_t* mask,
                                   size_t size, cuhue_error* error) {
  return guard(error, [&] {
    const Detections& d = given(detections);
    require(index < d.count(), "there is no detection of this index");
    require(mask != nullptr && size == static_cast<size_t>(d.width * d.height),
            "mask is NULL, or size is not the picture's width times its height");
    const ObjectMask& m = d.masks[index];
    std::fill_n(mask, size, uint8_t{0});
    for (int64_t y = 0; y < m.h; ++y)
      std::copy_n(d.mask(index).begin() + y * m.w, m.w, mask + (m.y + y) * d.width + m.x);
  });
}

size_t cuhue_detection_class_count(void) {
  return detection_classes().size();
}

cuhue_status cuhue_detection_class(size_t index, const char** name, int* coco_id, cuhue_error* error) {
  return guard(error, [&] {
    require(name != nullptr, "name is NULL");
    require(index < detection_classes().size(), "there is no class of this index");
    *name = detection_classes()[index].name.data();
    if (coco_id != nullptr) *coco_id = detection_classes()[index].coco_id;
  });
}

}  // extern "C"
