// A network prepared for one set of sizes on a CUDA device.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/cuda/bound_network.h"
#include "runtime/cuda/photo_graphs.h"
#include "runtime/graph/backend.h"

namespace cuhue::cuda {

// Everything a call does is one graph: recorded once behind the first call of its kind, which runs step by
// step; launched once a call from then on, without an allocation on host or device. `poll` is asked before
// and after the launch only.
class CudaProgram final : public Program {
 public:
  // threads: of copies between the caller's photos and pinned memory; 0 = the machine's.
  CudaProgram(NetworkParts parts, Lowered lowered, int threads);

  TensorRef input(std::string_view name) override;
  TensorRef output(std::string_view name) override;
  void run(const Poll& poll, bool kept) override;
  std::span<const StepProfile> profile() override;
  std::int64_t arena_bytes() const override;
  void run_photos(const PhotoEnds& ends, std::span<const PhotoJob> jobs, const PhotoOptions& options,
                  const Poll& poll, PhotoTimings& timings) override;
  ProgramCounts counts() const override { return network_.counts(); }
  // Of `runs` forward passes one after another, from inputs to outputs on the device, on its own clock. The
  // inputs are what the latest run left there.
  std::vector<double> device_seconds(int runs);

 private:
  void enqueue(std::size_t first_step, Stream stream) const;
  CudaProgram* companion_of(const PhotoEnds& ends);  // nullptr = none

  BoundNetwork network_;
  PhotoGraphs photos_;
  std::unique_ptr<Recording> recording_, behind_kept_;  // of run(): of all steps, of those behind the kept
  bool kept_ = false;                                   // what kept steps made is of the latest run()
  std::vector<StepProfile> profile_;
  int threads_;
};

}  // namespace cuhue::cuda
