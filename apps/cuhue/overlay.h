// A picture with what was found in it drawn over it.
#pragma once

#include <cuhue/cuhue.h>

#include "apps/cuhue/api.h"

namespace cuhue::app {

// 8-bit RGB of the photo's size: masks as a veil, boxes, names with scores; one colour an object. Alpha is
// not looked at.
Picture draw_overlay(const cuhue_pixels& photo, const cuhue_detections* detections);

}  // namespace cuhue::app
