// Graph to steps: places every value in a layout its producer chose, asks providers for steps, and keeps the
// books of liveness. No step runs here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/cpu/step.h"
#include "runtime/cpu/weights.h"
#include "runtime/graph/graph.h"
#include "runtime/graph/lowering_books.h"

namespace cuhue::cpu {

class Lowering : public LoweringBooks {
 public:
  Lowering(const Graph& graph, CpuWeights& weights, std::span<const std::string> without);
  Lowered run();

  // ---- for providers ----
  CpuWeights& weights() { return weights_; }
  // The layout the value stands in now; read() may have another made.
  const Place& place(ValueId v) const { return *places_[static_cast<std::size_t>(v)]; }
  // The value in this layout (block) for the step that is emitted next; a copy is emitted first when it
  // stands in another one. `dense`: oneDNN sees no batch stride.
  Place read(ValueId v, std::int64_t block, bool dense = false);
  // Where the current node's output goes, in this layout: a new buffer, or its slice of a concatenation.
  Place write(std::int64_t block, bool dense = false);
  // Is the current node's output a part of a concatenation?
  bool writes_slice() const { return slice(node()->output).has_value(); }
  // The current node's output takes the memory of this input, which nothing reads later.
  bool may_overwrite(ValueId v) const;
  Place overwrite(ValueId v);
  // A tensor between two steps of the current node.
  Place temporary(const Dims& dims, std::int64_t block);
  // The next step of the current node. What was read, written or asked for since the last one is alive in it;
  // places of earlier steps that it touches too are named in `also`.
  void emit(std::unique_ptr<Step> step, std::string provider, const Dims& output, std::int64_t macs,
            std::initializer_list<Place> also = {});

 private:
  void place_inputs();
  void place_outputs();
  void lower(const Node& node);
  Place new_buffer(const Dims& dims, std::int64_t block);
  Place place_of_output(ValueId v, std::int64_t block, bool dense);
  std::optional<Place> slice_place(ValueId v, std::int64_t block, bool dense);
  Place copied(const Place& from, std::int64_t block, const std::string& name);

  CpuWeights& weights_;
  Lowered lowered_;
  std::vector<std::optional<Place>> places_;           // of each value, once it is made
  std::vector<std::map<std::int64_t, Place>> copies_;  // of each value, by block
  std::map<std::size_t, Place> concats_;               // buffers made before their concatenation runs
};

}  // namespace cuhue::cpu
