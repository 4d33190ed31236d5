// What a program runs: prepared steps over places in one arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/core/tensor.h"
#include "runtime/graph/backend.h"
#include "runtime/graph/plan.h"

namespace cuhue::cpu {

// Where a tensor lives before the arena exists: a buffer of the plan, or a channel slice of one.
struct Place {
  int buffer = -1;
  std::int64_t offset = 0;  // floats from the buffer's start
  Dims dims;
  std::int64_t block = 1;
  std::int64_t batch_stride = 0;

  TensorRef at(float* buffer_start) const {
    return {buffer_start == nullptr ? nullptr : buffer_start + offset, dims, block, batch_stride};
  }
  std::int64_t image() const { return at(nullptr).image(); }
  bool dense() const { return dims.n == 1 || batch_stride == image(); }
};

// The planned arena: turns places into addresses.
class Memory {
 public:
  Memory(std::byte* base, std::span<const std::int64_t> offsets) : base_(base), offsets_(offsets) {}
  std::byte* bytes(int buffer) const { return base_ + offsets_[static_cast<std::size_t>(buffer)]; }
  TensorRef tensor(const Place& p) const { return p.at(reinterpret_cast<float*>(bytes(p.buffer))); }

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
  virtual void bind(const Memory& memory) = 0;  // once, before the first run
  virtual void run() = 0;                       // allocates nothing
};

struct PlannedStep {
  std::unique_ptr<Step> step;
  StepProfile about;
};

// A graph as steps. `buffers` are the arena's, liveness counted in steps.
struct Lowered {
  std::vector<PlannedStep> steps;
  std::vector<BufferLife> buffers;
  std::vector<std::pair<std::string, Place>> inputs, outputs;
  std::size_t kept_steps = 0;  // the first of them, of the nodes that the graph keeps
};

}  // namespace cuhue::cpu
