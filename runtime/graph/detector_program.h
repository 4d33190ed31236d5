// A detector's parts and the selection between them as one run on one device.
#pragma once

#include <cstdint>

#include "kernels/core/photo.h"
#include "kernels/core/stream.h"
#include "kernels/detector_input/detector_input.h"
#include "kernels/proposals/proposals.h"
#include "runtime/graph/graph.h"

namespace cuhue {

// The parts by the names of their inputs and outputs, each of as many rows as there can be:
//   features: image [1, 3, h, w] -> p2 .. p5 (as made), logits2 .. logits6, deltas2 .. deltas6
//   box_head: box_crops [proposals, c 7 7, 1, 1] -> class_logits, box_deltas
//   mask_head: mask_crops [kMostDetections, c, 14, 14] -> mask_logits
struct DetectorGraphs {
  Graph features, box_head, mask_head;
};

constexpr int kBoxCrop = 7, kMaskCrop = 14;

struct DetectorRequest {
  const void* picture = nullptr;  // [h, w, 3] in host memory
  PictureSample sample = PictureSample::u8;
  std::int64_t h = 0, w = 0;
  // In place of `picture`: a photo of any format, seen as lightness_picture() shows it; its sample is f64.
  PhotoRef photo = {};
  bool photo_on_device = false;
  // What was put on it comes first; nullptr: nothing does. Done on return either way.
  Stream stream = nullptr;
  std::int64_t out_h = 0, out_w = 0;  // to what it is resized; features' image is that padded
  float mean[3] = {};
  float score_threshold = 0.3f;
  double proposal_nms = 0.7, nms_threshold = 0.3;
};

// In host memory, until the next run. In pixels of the picture; boxes without area are among them.
struct DetectorResult {
  int found = 0;
  bool finite = true;                    // all scores of anchors are numbers
  const float* boxes = nullptr;          // [found, 4]
  const float* scores = nullptr;         // [found]
  const std::int32_t* labels = nullptr;  // [found]
  const std::uint32_t* masks = nullptr;  // [found, h, ceil(w / 32)] bits
};

// Not thread-safe. A repeated run with the same sizes and thresholds allocates nothing.
class DetectorProgram {
 public:
  virtual ~DetectorProgram() = default;
  virtual DetectorResult run(const DetectorRequest& request) = 0;
  virtual std::int64_t arena_bytes() const = 0;
  virtual int graph_nodes() const = 0;  // of the latest run: kernels, copies and fills of its one launch
};

}  // namespace cuhue
