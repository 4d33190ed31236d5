// Turning pictures upright.
#pragma once

#include "runtime/image/pixels.h"

namespace cuhue {

// Applies an EXIF orientation 1..8 to the pixels: afterwards row 0 is the top and column 0 the left of what
// the viewer should see. 5..8 swap width and height. Other values and 1 change nothing. Profiles stay
// untouched.
void apply_orientation(Image& image, int orientation);

}  // namespace cuhue
