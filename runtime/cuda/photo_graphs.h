// Photos through a network on CUDA, as one graph launch a call.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/cuda/bound_network.h"
#include "runtime/cuda/companion.h"
#include "runtime/cuda/device.h"
#include "runtime/graph/backend.h"
#include "runtime/graph/prepared_planes.h"

namespace cuhue::cuda {

// Error(Status::cancelled) when the answer is yes.
void ask(const Poll& poll, double fraction);

// A graph for each kind of call: sizes, formats, options, and the addresses of photos on the device. The
// latest few are kept. Photos in host memory pass through pinned memory, which grows to the largest call and
// is the device's own memory where both are one.
//
// Colours that are not finite are found when a call's work is done: by that call, or, where it returns before
// the work is done (all photos on the device and a stream of the caller's), by a later one.
//
// Not thread-safe.
class PhotoGraphs {
 public:
  explicit PhotoGraphs(BoundNetwork& network);
  ~PhotoGraphs();
  // companion: of the ends' companion; nullptr where they have none.
  void run(const PhotoEnds& ends, std::span<const PhotoJob> jobs, const PhotoOptions& options,
           const Poll& poll, BoundNetwork* companion, PhotoTimings& timings);
  std::int64_t bytes() const;                 // of device memory
  void forget_planes() { planes_.forget(); }  // other work has written the network's inputs

 private:
  // Everything a graph depends on. Addresses of photos that pass through pinned memory are offsets from
  // their start, their strides are those in there. A gate is only its stride there.
  struct Kind {
    std::size_t input = 0;
    std::optional<std::size_t> output;  // none: all outputs to their staging
    Luminance luminance = Luminance::cie_l;
    ColorSpace space = ColorSpace::lab;
    PlaneFill fill = PlaneFill::repeat;
    std::optional<std::size_t> also;  // an output that the caller reads
    CompanionEnds companion;
    float chroma = 1.0f, limit = kNoLimit;
    ByteRounding rounding = ByteRounding::nearest_even;
    bool prepared = false;  // the luminance planes are in the arena, and what depends on them alone
    std::vector<PhotoJob> jobs;
    friend bool operator==(const Kind&, const Kind&) = default;
  };
  struct Extent;
  struct Tables;
  struct Image;
  struct Graph;

  void describe(const PhotoEnds& ends, std::span<const PhotoJob> jobs, const PhotoOptions& options,
                BoundNetwork* companion);
  Graph* find();
  std::unique_ptr<Graph> make();
  std::shared_ptr<const Tables> tables_for(const PhotoRef& photo, const Extent& plane);
  void reserve(std::int64_t device_bytes, std::int64_t pinned_bytes);
  void keep(std::unique_ptr<Graph> graph);
  void launch(Graph& graph, Stream stream);
  void enqueue(const Graph& graph, Stream stream) const;
  void enqueue_network(const Graph& graph, Stream stream) const;
  void prepare(const Graph& graph, const Port& input, Stream stream) const;
  const OutputMap* left_out(const Kind& kind) const;
  void merge(const Graph& graph, Stream stream) const;
  static void copy_in(const PhotoJob& job, const Graph& graph, std::size_t index);
  void check_finite();

  BoundNetwork& network_;
  PreparedPlanes planes_;
  Kind asked_;                                  // of the present call; kept so that none allocates
  std::vector<std::unique_ptr<Graph>> graphs_;  // most recently used first
  Memory device_memory_;                        // photos, scratch of the preparation
  PinnedMemory pinned_;                         // photos
  PinnedMemory not_finite_;                     // int, set by kernels, reset here
  std::unique_ptr<Branch> branch_;              // of companions; made with the first
};

}  // namespace cuhue::cuda
