// From the scores of all anchors to a few boxes: the best of every level of a pyramid, moved to what they
// found, without those that mean the same thing (Ren et al. 2015).
#pragma once

#include <cstdint>

#include "kernels/core/stream.h"
#include "kernels/proposals/boxes.h"

namespace cuhue {

constexpr int kMostLevels = 5;
constexpr int kAnchorRatios = 3;
constexpr int kMostProposals = 1000;  // of a level, and of all together

// Scores and deltas of a level's anchors. Anchor a of pixel i, i in rows, has flat index 3 i + a.
struct AnchorLevel {
  // logits[i * logit_pixel + a * logit_channel], deltas[i * delta_pixel + (4 a + {dx, dy, dw, dh}) *
  // delta_channel]: planes or channels last.
  const float* logits = nullptr;
  const float* deltas = nullptr;
  std::int64_t logit_pixel = 1, logit_channel = 0, delta_pixel = 1, delta_channel = 0;
  int h = 0, w = 0;
  float stride = 4;          // pixels of the image between neighbours
  Box cells[kAnchorRatios];  // the anchors of pixel 0
};

// The anchors of a level: `size` squared pixels, ratios h / w 0.5, 1 and 2, centred on the origin.
void fill_anchor_cells(double size, Box (&cells)[kAnchorRatios]);

struct ProposalParams {
  AnchorLevel levels[kMostLevels];
  int level_count = kMostLevels;
  int most = kMostProposals;  // of a level, and of all; no more than that
  double nms_threshold = 0.7;
  float image_w = 0, image_h = 0;  // without padding: boxes are clipped to it
  float* boxes = nullptr;          // [most, 4], by descending score; rows from *count on are 0
  std::int32_t* count = nullptr;
  // [levels] 1 where a logit is NaN or infinity: no network's; may be nullptr
  std::int32_t* not_finite = nullptr;
  std::byte* scratch = nullptr;  // proposal_scratch_bytes(), aligned to 64
};
std::size_t proposal_scratch_bytes(int level_count, int most);

// Per level the best by logit (ties: the lower flat index), decoded; none that is not finite or has no area
// in the image; none that a better one of its level overlaps by more than the threshold; then the best of
// all (ties: the lower level, then the better place in it). Allocates nothing.
void select_proposals_cpu(const ProposalParams& p);
// The same boxes in the same order. Two launches. Addresses are the device's.
void select_proposals_cuda(const ProposalParams& p, Stream stream);

// ---- from proposals to detections

constexpr int kMostDetections = 100;

struct DetectionParams {
  const float* class_logits = nullptr;  // [rows, classes + 1], the last is background
  const float* box_deltas = nullptr;    // [rows, 4 classes]
  const float* proposals = nullptr;     // [rows, 4]
  const std::int32_t* count = nullptr;  // how many of the rows there are
  int rows = kMostProposals;            // no more than that
  int classes = 80;
  float score_threshold = 0.3f;  // strictly above
  double nms_threshold = 0.3;
  float image_w = 0, image_h = 0;
  float* boxes = nullptr;   // [kMostDetections, 4]; what lies behind *found is 0
  float* scores = nullptr;  // [kMostDetections], descending
  std::int32_t* labels = nullptr;
  std::int32_t* found = nullptr;
  std::byte* scratch = nullptr;  // detection_scratch_bytes(), aligned to 64
};
std::size_t detection_scratch_bytes(int rows, int classes);

// Softmax; per class the boxes above the threshold, decoded and clipped, none that a better one of its class
// overlaps; the best of all (ties: the lower row, then the lower class). Rows with anything that is not
// finite are left out; boxes without area are not. Allocates nothing.
void select_detections_cpu(const DetectionParams& p);
// The same in the same order. Three launches. Addresses are the device's.
void select_detections_cuda(const DetectionParams& p, Stream stream);

}  // namespace cuhue
