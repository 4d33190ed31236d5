// What a CUDA program runs: prepared steps over places in one arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/core/device_tensor.h"
#include "kernels/core/stream.h"
#include "kernels/merge/merge.h"
#include "runtime/graph/backend.h"
#include "runtime/graph/plan.h"

namespace cuhue::cuda {

// Where a tensor lives before the arena exists: a buffer of the plan, or a channel slice of one.
struct Place {
  int buffer = -1;
  std::int64_t offset = 0;  // elements from the buffer's start
  Dims dims;
  Element element = Element::f32;
  std::int64_t pitch = 1;  // as DeviceTensor's

  bool dense() const { return pitch == dims.c; }
};

// The planned arena: turns places into addresses.
class Addresses {
 public:
  Addresses(std::byte* base, std::span<const std::int64_t> offsets) : base_(base), offsets_(offsets) {}
  std::byte* bytes(int buffer) const { return base_ + offsets_[static_cast<std::size_t>(buffer)]; }
  DeviceTensor tensor(const Place& p) const {
    return {bytes(p.buffer) + p.offset * element_bytes(p.element), p.dims, p.element, p.pitch};
  }

 private:
  std::byte* base_;
  std::span<const std::int64_t> offsets_;
};

class Step {
 public:
  Step() = default;
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  virtual ~Step() = default;
  virtual void bind(const Addresses& at) = 0;  // once, before the first run
  virtual void run(Stream stream) = 0;         // puts its work on the stream; allocates nothing, never waits
};

struct PlannedStep {
  std::unique_ptr<Step> step;
  StepProfile about;
  int launches = 1;  // kernels, copies and fills it puts on the stream; a library's plan counts as one
};

// The caller's side of an input or output: dense float32 planes [n, c, h, w] in the arena.
struct Port {
  std::string name;
  Dims dims;
  int buffer = -1;
  std::optional<Place> made = {};  // of an output that is wanted as made: where it is, beside the planes
};

// An output that is an upsampling of a two-channel map: the merge with a photo reads the map itself, and the
// steps from `first_step` on are left out.
struct OutputMap {
  Place map;
  AbUpsampling upsampling = AbUpsampling::none;
  int factor = 1;
  float scale = 1.0f;
  std::size_t first_step = 0;
};

// Of the arena's buffers: scratch of kernels and workspaces of libraries are aligned to this.
constexpr std::int64_t kDeviceAlignment = 256;

// A graph as steps. `buffers` are the arena's, liveness counted in steps, to be planned at multiples of
// kDeviceAlignment. Inputs live from the start to their last reader, so they are filled before every run;
// outputs and output maps live to the end.
struct Lowered {
  std::vector<PlannedStep> steps;
  std::vector<BufferLife> buffers;
  std::vector<Port> inputs, outputs;
  std::vector<std::optional<OutputMap>> maps;  // one an output
  // Nothing takes the inputs' memory before the next run: one of several may stay while others change.
  bool keeps_inputs = false;
  // The first steps, of the nodes that the graph keeps: they read none but the first inputs.
  std::size_t kept_steps = 0, kept_inputs = 0;
};

}  // namespace cuhue::cuda
