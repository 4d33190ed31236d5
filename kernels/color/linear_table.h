// Linear light of every 8-bit sRGB sample, for CPU loops.
#pragma once

namespace cuhue {

// [256] float, correctly rounded; made once, shared by all threads.
const float* linear_from_8bit();

}  // namespace cuhue
