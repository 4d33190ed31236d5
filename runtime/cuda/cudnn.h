// Convolutions by cuDNN: its graph API, opened at run time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/cuda/convolution_library.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/plan_cache.h"

namespace cuhue::cuda {

struct CudnnOptions {
  std::shared_ptr<Device> device;    // a real GPU
  std::shared_ptr<PlanCache> cache;  // may be nullptr
  // Also engines that compile their kernel when a plan is built: seconds of start-up each, but every
  // epilogue.
  bool runtime_compilation = false;
  std::int64_t workspace_limit = std::int64_t{256} << 20;  // bytes of one plan
};

// Error(Status::device) when cuDNN is missing, too old, or does not work with the device; it names the
// remedy.
std::shared_ptr<ConvolutionLibrary> make_cudnn_library(CudnnOptions options);

// "9.19.0"; Error(Status::device) as above.
std::string cudnn_version();

// Asks what cuDNN has for a device that need not be here (cuDNN 9.8 or newer; libcuda may be the toolkit's
// stub). Not thread-safe.
class CudnnSurvey {
 public:
  // cuDNN's own JSON of a device's properties. Error(Status::device) when cuDNN is missing or refuses it.
  explicit CudnnSurvey(std::string_view device_json);
  ~CudnnSurvey();
  CudnnSurvey(const CudnnSurvey&) = delete;
  CudnnSurvey& operator=(const CudnnSurvey&) = delete;

  struct Answer {
    int ready = 0;               // engine configurations that the library would use
    int compiled = 0;            // further ones that compile their kernel when a plan is built
    bool generic = false;        // the first of them is the engine that runs everything, and nothing fast
    bool built = false;          // one of the ready ones became a plan
    std::string choice;          // of that one
    std::int64_t workspace = 0;  // bytes, of that one
    std::string why_not;         // what cuDNN said where it has no such operation
  };
  Answer ask(const ConvolutionProblem& problem) const;
  // Whether the choice's text makes the same plan again.
  bool restores(const ConvolutionProblem& problem, std::string_view choice) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cuhue::cuda
