#include "runtime/graph/prepared_planes.h"

#include <algorithm>

namespace cuhue {
namespace {

// What a plane depends on beside the pixels' values. Rows may lie elsewhere the next time.
PhotoRef shape_of(PhotoRef photo) {
  photo.data = nullptr;
  photo.stride = 0;
  if (photo.nv12()) photo.chroma = reinterpret_cast<decltype(photo.chroma)>(1);
  photo.chroma_stride = 0;
  return photo;
}

PhotoEnds without_names(PhotoEnds ends) {
  ends.input = ends.output = {};
  return ends;
}

}  // namespace

bool PreparedPlanes::may_be_of(const PhotoEnds& ends, std::span<const PhotoJob> jobs) const {
  return !jobs.empty() && input_ == ends.input && ends_ == without_names(ends) &&
         std::ranges::equal(jobs, photos_, {}, [](const PhotoJob& job) { return shape_of(job.in); });
}

void PreparedPlanes::set(const PhotoEnds& ends, std::span<const PhotoJob> jobs) {
  input_ = ends.input;
  ends_ = without_names(ends);
  photos_.clear();
  for (const PhotoJob& job : jobs) photos_.push_back(shape_of(job.in));
}

}  // namespace cuhue
