// The books that every lowering keeps, whatever its tensors look like: who still reads a value, which values
// are slices of a concatenation, and from which step to which each buffer of the arena is alive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/graph/backend.h"
#include "runtime/graph/graph.h"
#include "runtime/graph/layer_params.h"
#include "runtime/graph/plan.h"

namespace cuhue {

class LoweringBooks {
 public:
  // Providers named in `without` are never asked.
  LoweringBooks(const Graph& graph, std::span<const std::string> without);

  const Graph& graph() const { return graph_; }
  const Dims& dims(ValueId v) const { return graph_.values[static_cast<std::size_t>(v)].dims; }
  LayerParams layer_params(const std::string& name, ParamId weight, ParamId bias,
                           const std::optional<BatchNormParams>& norm, bool transposed = false) const {
    return cuhue::layer_params(graph_, name, weight, bias, norm, transposed);
  }
  LayerParams layer_params(const std::string& name, const Convolution& op) const {
    return cuhue::layer_params(graph_, name, op);
  }
  bool allowed(std::string_view provider) const;
  // Memory of the step that is emitted next only.
  int scratch(std::int64_t bytes);

 protected:
  struct ConcatSlice {
    std::size_t node = 0;      // index of the concatenation
    std::int64_t channel = 0;  // where the slice begins
  };

  // The first concatenation that v is a part of.
  const std::optional<ConcatSlice>& slice(ValueId v) const { return slices_[static_cast<std::size_t>(v)]; }
  // Reads that are still to come; being an output of the graph is one that never does.
  int& uses_left(ValueId v) { return uses_left_[static_cast<std::size_t>(v)]; }
  int uses_left(ValueId v) const { return uses_left_[static_cast<std::size_t>(v)]; }

  // Where node() is lowered; nullptr = none.
  void begin(const Node* node) { node_ = node; }
  const Node* node() const { return node_; }
  [[noreturn]] void not_served() const;
  // Bytes of a tensor. Error(Status::usage) when kernels, which index with 32 bits, could not address it.
  std::int64_t tensor_bytes(const Dims& dims, std::int64_t block, std::int64_t element_bytes) const;

  // What is touched is alive in the step that is recorded next.
  void touch(int buffer) { touched_.push_back(buffer); }
  std::vector<int>& touched() { return touched_; }
  void record(std::size_t step);
  BufferLife& life(int buffer) { return lives_[static_cast<std::size_t>(buffer)]; }
  std::vector<BufferLife> take_lives() { return std::move(lives_); }
  // Never written over: its memory is somebody else's too.
  void share(int buffer) { shared_[static_cast<std::size_t>(buffer)] = true; }
  bool shared(int buffer) const {
    return shared_[static_cast<std::size_t>(buffer)] || (keeping_ && made_before(buffer, kept_steps_));
  }
  // All nodes that the graph keeps are lowered, as this many steps: what they made is not written over any
  // more. keep_to() then lets it live as long as the program's last step.
  void keep(std::size_t steps);
  void keep_to(int last_step);
  std::size_t kept_steps() const { return kept_steps_; }
  StepProfile profile(std::string provider, const Dims& output, std::int64_t macs) const;

 private:
  const Graph& graph_;
  std::span<const std::string> without_;
  const Node* node_ = nullptr;
  std::vector<int> uses_left_;                      // by value
  std::vector<std::optional<ConcatSlice>> slices_;  // by value
  std::vector<BufferLife> lives_;
  std::vector<bool> shared_;  // by buffer
  bool made_before(int buffer, std::size_t step) const {
    return lives_[static_cast<std::size_t>(buffer)].first_step < static_cast<int>(step);
  }

  std::vector<int> touched_;
  std::size_t kept_steps_ = 0;
  bool keeping_ = false;
};

}  // namespace cuhue
