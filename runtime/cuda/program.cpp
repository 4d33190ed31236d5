#include "runtime/cuda/program.h"

#include <utility>

#include "kernels/core/parallel.h"
#include "weights/status.h"

namespace cuhue::cuda {

CudaProgram::CudaProgram(NetworkParts parts, Lowered lowered, int threads)
    : network_(std::move(parts), std::move(lowered)), photos_(network_), threads_(threads) {
  for (const PlannedStep& step : network_.lowered().steps) profile_.push_back(step.about);
}

TensorRef CudaProgram::input(std::string_view name) {
  network_.wait();
  return network_.staged_input(network_.input(name));
}
TensorRef CudaProgram::output(std::string_view name) {
  network_.wait();
  return network_.staged_output(network_.output(name));
}

std::int64_t CudaProgram::arena_bytes() const {
  return network_.arena_bytes() + photos_.bytes();
}

void CudaProgram::enqueue(std::size_t first_step, Stream stream) const {
  network_.upload_inputs(stream);
  network_.run_steps(first_step, network_.lowered().steps.size(), stream);
  network_.download_outputs(stream);
}

void CudaProgram::run(const Poll& poll, bool kept) {
  ask(poll, 0.0);
  const std::size_t first_step = kept && kept_ ? network_.lowered().kept_steps : 0;
  std::unique_ptr<Recording>& recording = first_step > 0 ? behind_kept_ : recording_;
  kept_ = false;
  network_.make_staging();
  photos_.forget_planes();
  const Stream stream = network_.own_stream();
  network_.put(stream, [&] {
    if (recording) {
      network_.launch(*recording, stream);
    } else {
      // Step by step first: a library loads its code at the first launch, which a capture does not allow.
      network_.device().launch([&] { enqueue(first_step, stream); });
    }
  });
  if (!recording) recording = network_.device().record([&](Stream s) { enqueue(first_step, s); });
  network_.wait();
  kept_ = true;
  ask(poll, 1.0);
}

std::span<const StepProfile> CudaProgram::profile() {
  network_.make_staging();
  photos_.forget_planes();
  kept_ = false;
  const std::size_t steps = profile_.size();
  const auto clock = network_.device().create_clock(steps + 1);
  const Stream stream = network_.own_stream();
  // Unmarked first: a library loads its code at the first launch, which a capture does not allow.
  network_.put(stream, [&] { network_.device().launch([&] { enqueue(0, stream); }); });
  const auto recording = network_.device().record([&](Stream s) {
    network_.upload_inputs(s);
    for (std::size_t i = 0; i < steps; ++i) {
      clock->mark(i, s);
      network_.run_steps(i, i + 1, s);
    }
    clock->mark(steps, s);
    network_.download_outputs(s);
  });
  network_.put(stream, [&] { recording->launch(stream); });
  network_.wait();
  for (std::size_t i = 0; i < steps; ++i) profile_[i].seconds = clock->seconds(i, i + 1);
  return profile_;
}

std::vector<double> CudaProgram::device_seconds(int runs) {
  const auto clock = network_.device().create_clock(2);
  const auto recording = network_.device().record([&](Stream s) {
    clock->mark(0, s);
    network_.run_steps(0, network_.lowered().steps.size(), s);
    clock->mark(1, s);
  });
  const Stream stream = network_.own_stream();
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    network_.put(stream, [&] { recording->launch(stream); });
    network_.wait();
    seconds.push_back(clock->seconds(0, 1));
  }
  return seconds;
}

CudaProgram* CudaProgram::companion_of(const PhotoEnds& ends) {
  if (ends.companion.program == nullptr) return nullptr;
  auto* companion = dynamic_cast<CudaProgram*>(ends.companion.program);
  if (companion == nullptr || companion == this || &companion->network_.device() != &network_.device())
    throw Error(Status::usage, "a companion must be another program of the same CUDA device");
  return companion;
}

void CudaProgram::run_photos(const PhotoEnds& ends, std::span<const PhotoJob> jobs,
                             const PhotoOptions& options, const Poll& poll, PhotoTimings& timings) {
  const ThreadScope scope(threads_);
  kept_ = false;
  CudaProgram* companion = companion_of(ends);
  if (companion != nullptr) {
    companion->kept_ = false;
    companion->photos_.forget_planes();
  }
  photos_.run(ends, jobs, options, poll, companion != nullptr ? &companion->network_ : nullptr, timings);
}

}  // namespace cuhue::cuda
