// A colorizer's jobs through a program.
#pragma once

#include <span>
#include <vector>

#include "runtime/colorizers/colorizer.h"
#include "runtime/graph/backend.h"

namespace cuhue {

// published: how the original rounds to bytes.
PhotoOptions photo_options(const ColorizeOptions& options,
                           ByteRounding published = ByteRounding::nearest_even);

PhotoJob photo_job(const ColorizeJob& job);

// Adds what one of a call's photos took.
ColorizeTimings& operator+=(ColorizeTimings& sum, const PhotoTimings& one);

class PhotoCall {
 public:
  // Sets the timings but for `compile`. A second call with as many jobs allocates nothing.
  void run(Program& program, const PhotoEnds& ends, std::span<const ColorizeJob> jobs,
           const PhotoOptions& options, const Poll& poll, ColorizeTimings& timings);

 private:
  std::vector<PhotoJob> photos_;
};

}  // namespace cuhue
