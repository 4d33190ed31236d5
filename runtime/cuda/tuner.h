// Which of several ways to compute the same thing is right, and which of those is the fastest.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/core/device_tensor.h"
#include "runtime/cuda/device.h"

namespace cuhue::cuda {

using TuningLog = std::function<void(const std::string& line)>;  // may be empty

struct Candidate {
  std::string name;                 // "cudnn engine 34"
  std::function<void(Stream)> run;  // writes all of the result; allocates nothing
};

struct Timed {
  std::size_t candidate = 0;  // its place in the list
  double seconds = 0;         // of one run
  double error = 0;           // largest difference from the plain result over its largest value
};

struct TuningRules {
  double most_error = 0;
  int repeats = 5;  // timings, of which the median counts
  int runs = 8;     // of a timing, at most: fewer of those that take long
};

// Runs `candidates` one after another, all of which write `out` [n, h, w, c] in device memory. The first one
// is the plain plan, our own kernel: it says what is right. Those that are right, the fastest first, the
// plain one among them; one that is wrong, or fails, is left out and named in the log. Errors of the plain
// one, and of a device that no longer works, are thrown.
std::vector<Timed> time_candidates(const std::shared_ptr<Device>& device, const DeviceTensor& out,
                                   std::span<const Candidate> candidates, const TuningRules& rules,
                                   const TuningLog& log);

}  // namespace cuhue::cuda
