// The colours of a photo with those of objects in it: crops through the network in few batches, fused, merged
// with the photo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/merge/merge.h"
#include "runtime/colorizers/colorizer.h"
#include "runtime/colorizers/patches.h"
#include "runtime/colorizers/program_cache.h"
#include "runtime/graph/scratch.h"

namespace cuhue {

// Where the backend has programs for patches, all of it is one of those, and nothing but the photo and its
// result passes through host memory. Not thread-safe.
class PatchColors {
 public:
  // network: `eccv16`, of planes of side x side; a crop's aspect ratio is not kept.
  explicit PatchColors(LoadedNetwork network, std::int64_t side = kPublishedSide);

  static constexpr std::int64_t kPublishedSide = 256;

  struct Call {
    ConstPixelView photo;  // video on a device only
    PixelView out;
    bool in_on_device = false, out_on_device = false;  // where on_device()
    const Patches& patches;
    double temperature = 1;
    float chroma = 1;
    Saturation saturation = Saturation::kept;
    bool kept = false;      // the photo is that of the latest call: boxes that it had are not coloured again
    double most_bytes = 0;  // that the programs of all batch sizes may take; one image is always possible
    Stream stream = nullptr;  // as PatchRequest::stream
  };
  // Adds to compile, prepare, network and finish.
  void run(const Call& call, const Poll& poll, ColorizeTimings& timings);

  bool on_device() const { return whole_ != nullptr; }
  const LoadedNetwork& network() const { return programs_.network(); }
  std::int64_t bytes() const;
  std::int64_t crops() const { return crops_; }  // that the latest call sent through the network
  // [2, h, w] of the latest call's photo; empty where on_device().
  std::span<const float> fused() const { return fused_; }
  // Of the programs on a device; zeros without.
  PatchCounts counts() const { return whole_ ? whole_->counts() : PatchCounts{}; }

 private:
  static constexpr std::size_t kBatchSizes = 4;  // 1, 2, 4, 8

  std::unique_ptr<PatchProgram> compile_whole(const Settings& settings) const;
  void run_whole(const Call& call, const Poll& poll, ColorizeTimings& timings);
  void colour_missing(const Call& call, const Poll& poll, ColorizeTimings& timings);
  std::vector<std::size_t> missing(const Call& call, const Settings& settings);
  std::size_t map_floats() const { return static_cast<std::size_t>(2 * side_ * side_); }
  void prepare(const ConstPixelView& photo, const PatchBox& box, float* plane);

  ProgramCache programs_;
  std::int64_t side_;
  Settings settings_;
  std::unique_ptr<PatchProgram> whole_;  // for settings_; nullptr = step by step, by what is below
  std::vector<PatchBox> boxes_;          // whose maps there are
  std::vector<float> maps_;              // [boxes, 2, side, side]
  std::vector<float> before_;            // those of the call before
  std::vector<float> fused_;
  Scratch scratch_;
  std::int64_t crops_ = 0;
};

}  // namespace cuhue
