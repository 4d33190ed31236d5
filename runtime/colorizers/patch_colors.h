// The colours of a photo with those of objects in it: crops through the network in few batches, fused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/colorizers/colorizer.h"
#include "runtime/colorizers/patches.h"
#include "runtime/colorizers/program_cache.h"

namespace cuhue {

// Not thread-safe.
class PatchColors {
 public:
  // network: `eccv16`, of planes of kSize x kSize; a crop's aspect ratio is not kept.
  explicit PatchColors(LoadedNetwork network) : programs_(std::move(network), "ab", kBatchSizes) {}

  struct Call {
    const ConstPixelView& photo;  // no video
    const Patches& patches;
    double temperature = 1;
    bool kept = false;      // the photo is that of the latest call: boxes that it had are not coloured again
    double most_bytes = 0;  // that the programs of all batch sizes may take; one image is always possible
  };
  // [2, h, w] of the photo, valid until the next call. Adds to compile, prepare, network and finish.
  std::span<const float> run(const Call& call, const Poll& poll, ColorizeTimings& timings);

  const LoadedNetwork& network() const { return programs_.network(); }
  std::int64_t bytes() const;
  std::int64_t crops() const { return crops_; }  // that the latest call sent through the network

 private:
  static constexpr std::int64_t kSize = 256, kPlane = kSize * kSize;
  static constexpr std::size_t kBatchSizes = 4;  // 1, 2, 4, 8

  std::vector<std::size_t> missing(const Call& call);
  std::int64_t largest_batch(double most_bytes);
  void prepare(const ConstPixelView& photo, const PatchBox& box, float* plane);

  ProgramCache programs_;
  Settings settings_;
  std::vector<PatchBox> boxes_;  // whose maps there are
  std::vector<float> maps_;      // [boxes, 2, kSize, kSize]
  std::vector<float> before_;    // those of the call before
  std::vector<float> fused_;
  std::vector<std::byte> scratch_;
  std::int64_t crops_ = 0;
};

}  // namespace cuhue
