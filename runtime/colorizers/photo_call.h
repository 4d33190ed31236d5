// A colorizer's jobs through a program.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/colorizers/colorizer.h"
#include "runtime/graph/backend.h"

namespace cuhue {

// published: how the original rounds to bytes.
PhotoOptions photo_options(const ColorizeOptions& options,
                           ByteRounding published = ByteRounding::nearest_even);

PhotoJob photo_job(const ColorizeJob& job);

// Error(Status::weights) when a value is not finite: a picture without colours must not pass for a result.
void check_colours(std::span<const float> values);

// Adds what one of a call's photos took.
ColorizeTimings& operator+=(ColorizeTimings& sum, const PhotoTimings& one);

// The progress of a call that works through its photos one after another.
class CallProgress {
 public:
  CallProgress(const Poll& poll, std::size_t photos);
  CallProgress(const CallProgress&) = delete;
  CallProgress& operator=(const CallProgress&) = delete;
  // What to ask during the part [from, from + share] of a photo's work. Valid until asked for another.
  const Poll& of(std::size_t photo, double from = 0, double share = 1);

 private:
  const Poll& poll_;
  double photos_, before_ = 0, share_ = 1;
  Poll part_;
};

class PhotoCall {
 public:
  // Sets the timings but for `compile`. A second call with as many jobs allocates nothing.
  void run(Program& program, const PhotoEnds& ends, std::span<const ColorizeJob> jobs,
           const PhotoOptions& options, const Poll& poll, ColorizeTimings& timings);

 private:
  std::vector<PhotoJob> photos_;
};

}  // namespace cuhue
