#include "runtime/graph/prepared_planes.h"

#include <algorithm>

namespace cuhue {
namespace {

// What a plane depends on beside the pixels' values. Rows may lie elsewhere the next time.
PhotoJob shape_of(const PhotoJob& job) {
  PhotoJob shape;
  shape.in = job.in;
  shape.in.data = nullptr;
  shape.in.stride = 0;
  if (job.in.nv12()) shape.in.chroma = reinterpret_cast<decltype(job.in.chroma)>(1);
  shape.in.chroma_stride = 0;
  shape.used_h = job.used_h;
  shape.used_w = job.used_w;
  return shape;
}

PhotoEnds without_names(PhotoEnds ends) {
  ends.input = ends.output = ends.also = {};
  Program* const companion = ends.companion.program;
  ends.companion = {};
  ends.companion.program = companion;
  return ends;
}

}  // namespace

bool PreparedPlanes::may_be_of(const PhotoEnds& ends, std::span<const PhotoJob> jobs) const {
  return !jobs.empty() && input_ == ends.input && ends_ == without_names(ends) &&
         std::ranges::equal(jobs, photos_, {}, shape_of);
}

void PreparedPlanes::set(const PhotoEnds& ends, std::span<const PhotoJob> jobs) {
  input_ = ends.input;
  ends_ = without_names(ends);
  photos_.clear();
  for (const PhotoJob& job : jobs) photos_.push_back(shape_of(job));
}

}  // namespace cuhue
