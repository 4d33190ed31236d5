// A lowered network in its arena: addresses of its inputs and outputs, and the order of all that runs in it.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/cuda/convolution_library.h"
#include "runtime/cuda/dense_library.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/step.h"
#include "runtime/cuda/weights.h"
#include "runtime/graph/backend.h"
#include "runtime/graph/plan.h"

namespace cuhue::cuda {

// What the steps hold addresses of, or call.
struct NetworkParts {
  std::shared_ptr<Device> device;
  std::shared_ptr<ConvolutionLibrary> library;  // nullptr = none
  std::shared_ptr<DenseLibrary> dense;          // nullptr = none
  std::shared_ptr<CudaWeights> weights;
};

// Not thread-safe.
class BoundNetwork {
 public:
  BoundNetwork(NetworkParts parts, Lowered lowered);
  ~BoundNetwork();  // waits
  BoundNetwork(const BoundNetwork&) = delete;
  BoundNetwork& operator=(const BoundNetwork&) = delete;

  Device& device() const { return *parts_.device; }
  const std::shared_ptr<Device>& shared_device() const { return parts_.device; }
  const Lowered& lowered() const { return lowered_; }
  std::size_t input(std::string_view name) const;  // index; Error(Status::usage) lists the names
  std::size_t output(std::string_view name) const;
  // [n, c, h, w] float, dense, in the arena; of an output after the last step that writes it.
  float* planes(const Port& port) const;
  DeviceTensor tensor(const Place& place) const;
  std::int64_t arena_bytes() const { return arena_.bytes(); }
  // An input's planes stay as they are until the next run writes them.
  bool keeps_inputs() const { return lowered_.keeps_inputs; }

  // The caller's side of a port in pinned memory, as Program::input() has it. Made when first needed.
  void make_staging();
  TensorRef staged_input(std::size_t index);
  TensorRef staged_output(std::size_t index);

  // ---- within Device::launch, record or seconds
  void run_steps(std::size_t begin, std::size_t end, Stream stream) const;
  // Staging to arena, all inputs but those `without`; nothing when staging was never asked for.
  void upload_inputs(Stream stream, std::initializer_list<std::size_t> without = {}) const;
  void download_outputs(Stream stream) const;
  void download_output(std::size_t index, Stream stream) const;

  // ---- the arena serves one run at a time, whatever their streams
  Stream own_stream() const { return stream_.get(); }
  // Calls `work`, which puts a run on the stream, behind all runs before.
  template <class Work>
  void put(Stream stream, Work&& work) {
    if (pending_) latest_->hold(stream);
    pending_ = true;
    try {
      work();
    } catch (...) {
      mark_failed(stream);
      throw;
    }
    latest_->record(stream);
  }
  void wait();  // until all runs are done
  // Launches a run that was recorded.
  void launch(Recording& recording, Stream stream) {
    recording.launch(stream);
    ++launches_;
    latest_nodes_ = recording.nodes();
  }
  ProgramCounts counts() const {
    return {device().allocations(), device().free_bytes(), launches_, latest_nodes_};
  }

 private:
  void mark_failed(Stream stream) noexcept;

  NetworkParts parts_;
  Lowered lowered_;
  MemoryPlan plan_;
  Memory arena_;
  PinnedMemory staging_;
  std::vector<std::int64_t> input_offsets_, output_offsets_;  // in staging
  OwnedStream stream_;
  std::unique_ptr<Event> latest_;
  bool pending_ = false;  // a run may still be under way
  std::int64_t launches_ = 0;
  int latest_nodes_ = 0;
};

}  // namespace cuhue::cuda
