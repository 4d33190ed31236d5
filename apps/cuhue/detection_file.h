// Objects in a photo as a JSON file.
#pragma once

#include <cuhue/cuhue.h>

#include <memory>
#include <string>
#include <string_view>

#include "apps/cuhue/api.h"

namespace cuhue::app {

using DetectionsHandle = std::unique_ptr<cuhue_detections, Freer<cuhue_detections_free>>;

// The name of an object's class, "person".
std::string class_name(int class_index);

// An object a line: {"class": "person", "score": 0.98, "box": [x0, y0, x1, y1], "segmentation": {"size": [h,
// w], "counts": "..."}}, in an object that says the photo's width and height.
std::string detections_text(const cuhue_detections* detections);

// The same, or a list as COCO's results have it: category_id, bbox [x, y, w, h], score, segmentation. Counts
// may be a list of numbers or the compressed string. Throws Failure with CUHUE_INPUT that names the file and
// the object.
DetectionsHandle parse_detections(std::string_view json, const std::string& name);

}  // namespace cuhue::app
