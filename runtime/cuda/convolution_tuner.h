// Measured choices of how convolutions run: from the plan cache, or, when asked to tune, from timing them
// once.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "runtime/cuda/choices.h"
#include "runtime/cuda/convolution_library.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/plan_cache.h"
#include "runtime/cuda/tuner.h"

namespace cuhue::cuda {

struct ConvolutionTunerParts {
  std::shared_ptr<Device> device;
  std::shared_ptr<ConvolutionLibrary> library;
  std::shared_ptr<PlanCache> cache;
  bool tune = false;  // time what the cache does not know, and keep the answer in it
  TuningLog log;
};

// In the cache a problem's value is "own", "library" (bias and ReLU by the library, whose plan is the value
// of that smaller problem; the rest by a step of ours), or the choice of a plan with all of the epilogue.
// Thread-safe; timings never overlap.
class ConvolutionTuner {
 public:
  explicit ConvolutionTuner(ConvolutionTunerParts parts);

  // What a lowering asks. by_rule where nothing is known and nothing is to be timed, and where timing failed
  // for want of memory, which the log says.
  ConvolutionChoice choose(const ConvolutionProblem& problem);

 private:
  ConvolutionChoice tune(const ConvolutionProblem& problem, const std::string& key);

  ConvolutionTunerParts parts_;
  std::string prefix_;
  std::mutex mutex_;
};

}  // namespace cuhue::cuda
