// Colours that the user wants at places of a photo.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/image/pixels.h"

namespace cuhue {

struct PhotoPoint {
  std::int64_t x = 0, y = 0;  // a pixel of the photo
};

struct Ab {
  float a = 0, b = 0;  // of CIE Lab
};

// One point is a square, several are a scribble: squares along the lines between them.
struct Hint {
  std::vector<PhotoPoint> points;
  // Squares have 2 * radius + 1 pixels of the network's planes a side, wherever the photo's size.
  int radius = 3;
  Ab color;
};

}  // namespace cuhue
