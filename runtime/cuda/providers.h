// Who executes an op on CUDA, and what providers are given to say it with.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/cuda/lowering.h"
#include "runtime/graph/lowering_books.h"

namespace cuhue::cuda {

ConvolutionMath math_of(Precision precision);

// A value that is not made: its one reader does `ops` to `source` on the way.
struct Chain {
  ValueId source = kNone;
  std::vector<EpilogueStep> ops;
};

struct StepFacts {
  std::string provider;
  Dims output;
  std::int64_t macs = 0;
  std::string_view op = {};  // empty = the node's
  int launches = 1;
};

class Lowering : public LoweringBooks {
 public:
  Lowering(const Graph& graph, WeightStore& weights, ConvolutionLibrary* library,
           const LoweringOptions& options);
  Lowered run();

  // ---- for providers ----
  WeightStore& weights() { return weights_; }
  ConvolutionLibrary* library() { return library_; }
  const LoweringOptions& options() const { return options_; }
  ConvolutionMath math() const { return math_of(options_.precision); }
  // Where the value stands.
  Place read(ValueId v);
  // Where the current node's output goes: its slice of a concatenation, or a new buffer. The same place
  // however often it is asked for.
  Place write();
  // The current node's output takes the memory of this input, which nothing reads later.
  bool may_overwrite(ValueId v);
  Place overwrite(ValueId v);
  // A tensor between two steps of the current node, dense.
  Place temporary(const Dims& dims, Element element);
  // What to read, and do, for value v. Its ops are the reader's from now on.
  Chain take(ValueId v);
  bool deferred(ValueId v) const { return deferred_.contains(v); }
  // Leaves the current node's output to its one reader, when that takes the chain in.
  bool defer(Chain& chain);
  // The next step of the current node. What was read, written or asked for since the last one is alive in it;
  // places of earlier steps that it touches too are named in `also`.
  void emit(std::unique_ptr<Step> step, StepFacts facts, std::initializer_list<Place> also = {});
  // The step that is emitted next makes the output from this map, and only upsamples it.
  void note_upsampling(const Place& map, AbUpsampling kind, int factor, float scale);

 private:
  struct OutputState {
    std::optional<OutputMap> map;
    std::size_t end = 0;  // steps that there were when the output was ready
  };
  void place_inputs(std::size_t begin, std::size_t end);  // of the graph's
  void lower(const Node& node);
  void place_output(std::size_t i);
  void finish();
  std::optional<OutputMap> map_of(const Binding& output) const;
  Element element_of(ValueId v) const;
  Place new_place(const Dims& dims, Element element);
  Place place_of_output(ValueId v);
  std::optional<Place> slice_place(ValueId v);
  bool takes_in(const Node& reader, ValueId v, const Chain& chain) const;
  const Place& place(ValueId v) const { return *places_[static_cast<std::size_t>(v)]; }

  WeightStore& weights_;
  ConvolutionLibrary* library_;
  const LoweringOptions& options_;
  Lowered lowered_;
  std::vector<std::optional<Place>> places_;  // of each value, once it is made
  std::vector<const Node*> only_reader_;  // of each value; nullptr: none, several, or an output of the graph
  std::vector<bool> in_float_;            // of each value: also where others are f16
  std::map<std::size_t, Place> concats_;  // buffers made before their concatenation runs, by its node
  std::map<ValueId, Chain> deferred_;
  std::map<ValueId, std::vector<ValueId>> held_;  // what a deferred value will still read
  std::vector<ValueId> releasing_;                // what the current node's chains read
  bool deferring_ = false;                        // the current node left its output to a reader
  std::map<ValueId, OutputMap> upsampled_;        // values that are an upsampled map
  std::vector<OutputState> outputs_;
};

struct Provider {
  std::string_view name;
  // Emits the steps of a node, or returns false and has emitted none.
  bool (*serve)(const Node& node, Lowering& lowering);
};

bool serve_library(const Node& node, Lowering& lowering);  // convolutions, matrix products
bool serve_own(const Node& node, Lowering& lowering);      // the same, by our kernels
bool serve_kernels(const Node& node, Lowering& lowering);  // everything else

// In the order they are asked.
inline constexpr Provider kProviders[] = {
    {"library", serve_library}, {"own", serve_own}, {"kernels", serve_kernels}};

// ---- what providers share

// A place as it will be, in a buffer at address 0: buffers are aligned.
DeviceTensor from_start(const Place& p);

ConvolutionShape shape_of(const Graph& graph, const Node& node, const Convolution& op);

// An epilogue before its addresses are known.
class PlannedEpilogue {
 public:
  PlannedEpilogue() = default;
  // At most DeviceEpilogue::kMost ops.
  PlannedEpilogue(const Node& node, Lowering& lowering, std::span<const EpilogueStep> ops);
  DeviceEpilogue bound(const Addresses& at) const;

 private:
  std::vector<std::pair<DeviceEpilogueStep, std::optional<Place>>> steps_;
};

// Elementwise steps from one place to another (may be the same) for `ops` in order, as few as can be; at
// least one when the places differ.
void emit_elementwise(const Node& node, Lowering& lowering, const Place& from, const Place& to,
                      std::span<const EpilogueStep> ops, std::string_view op = {});

// A 1x1 convolution without epilogue, by the first provider that serves it.
struct Projection {
  Place in, out;
  ParamId weight = kNone, bias = kNone;
  std::int64_t macs = 0;
};
bool emit_projection(const Node& node, Lowering& lowering, const Projection& projection);

}  // namespace cuhue::cuda
