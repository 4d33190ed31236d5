// Photos through a CPU program: prepare, run, merge.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/letterbox/letterbox.h"
#include "runtime/graph/backend.h"
#include "runtime/graph/prepared_planes.h"
#include "runtime/graph/scratch.h"

namespace cuhue::cpu {

// Scratch of the preparation; grows to the largest photo seen.
class PhotoRunner {
 public:
  void run(Program& program, const PhotoEnds& ends, std::span<const PhotoJob> jobs,
           const PhotoOptions& options, const Poll& poll, PhotoTimings& timings);
  std::int64_t bytes() const { return scratch_.bytes() + letterbox_.bytes(); }

 private:
  void prepare(const PhotoJob& job, const PhotoEnds& ends, const TensorRef& input, std::int64_t image);
  void run_companion(const PhotoCompanion& companion, const TensorRef& into, const Poll& poll);
  Scratch scratch_;
  Letterbox letterbox_;
  PreparedPlanes planes_;
};

}  // namespace cuhue::cpu
