// Finds the objects in a photo: an instance segmentation network by parts, and the selection between them.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "runtime/colorizers/detections.h"
#include "runtime/image/pixels.h"
#include "runtime/networks/loaded_network.h"

namespace cuhue {

// [h, w, 3] dense, channels in the order the network is fed, values 0..255. Bytes are resized in the way of
// Pillow, floats without antialiasing, as the original does it.
struct DetectorImage {
  enum class Type : std::uint8_t { u8, f32, f64 };
  const void* data = nullptr;
  Type type = Type::u8;
  std::int64_t h = 0, w = 0;
};

// What a picture is resized to, and that padded to multiples of 32.
struct DetectorSize {
  std::int64_t h = 0, w = 0, padded_h = 0, padded_w = 0;
  friend bool operator==(const DetectorSize&, const DetectorSize&) = default;
};
// The shorter side becomes min_size, but the longer one no more than max_size.
DetectorSize detector_size(std::int64_t h, std::int64_t w, double min_size, double max_size);

struct DetectTimings {  // seconds
  double compile = 0;   // preparing the network for this size, the first time only
  double prepare = 0;   // resize, mean
  double features = 0;  // backbone, pyramid and the scores of all anchors
  double proposals = 0;
  double boxes = 0;  // crops, box head, detections
  double masks = 0;  // crops, mask head, pasting
};

// Where the pixels of a photo are.
struct PhotoPlace {
  bool on_device = false;   // of the backend
  Stream stream = nullptr;  // on which they become what they are; nullptr = they are
};

// Not thread-safe; detectors over the same LoadedNetwork may work at the same time.
class Detector {
 public:
  virtual ~Detector() = default;
  // Settings of the network, for the calls to come: score_threshold, nms_threshold, min_size, max_size.
  virtual void set(std::string_view setting, double value) = 0;
  // `out` is written whole or, when an error is thrown, left empty.
  virtual void run(const DetectorImage& image, const Poll& poll, Detections& out, DetectTimings& timings) = 0;
  // A photo, as the published colorizer shows it to the detector: its lightness as grey of three nearly equal
  // channels, not rounded. Alpha is not looked at. In host memory no video.
  virtual void run_photo(const ConstPixelView& photo, const PhotoPlace& place, const Poll& poll,
                         Detections& out, DetectTimings& timings) = 0;
  virtual std::int64_t weight_bytes() const = 0;
  virtual std::int64_t arena_bytes() const = 0;  // of all programs and scratch held now
  // Prepares the network for pictures of this size, as the first run() of one does: arena_bytes() is then
  // what they need beside the weights.
  virtual void prepare(std::int64_t h, std::int64_t w) = 0;
  // One pass of every part for a picture of this size with a clock around each layer. Heads run as many rows
  // at a time as StepProfile::output.n tells.
  virtual std::vector<StepProfile> profile(std::int64_t h, std::int64_t w) = 0;
};

// network: `mask-rcnn`.
std::unique_ptr<Detector> make_detector(LoadedNetwork network);

}  // namespace cuhue
