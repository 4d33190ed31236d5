// Copies of photos, in another format or smaller.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/graph/scratch.h"
#include "runtime/image/pixels.h"

namespace cuhue {

// Grows to the largest photo seen; the view is valid until the next call.
class PhotoCopy {
 public:
  // The photo as Pillow resizes it (bicubic, antialiased), bit-exact; alpha like a colour. Of 16 bits a
  // sample the 8 bits that it sees, in 16. Blue is last; of NV12 it is RGB.
  ConstPixelView resized(const ConstPixelView& photo, std::int64_t width, std::int64_t height);
  std::int64_t bytes() const;

 private:
  std::vector<std::uint8_t> pixels_;
  std::vector<float> plane_;
  Scratch scratch_;
};

}  // namespace cuhue
