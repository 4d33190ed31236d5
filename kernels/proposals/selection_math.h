// What the selections of either side share: where a candidate's numbers are, and what becomes of it.
#pragma once

#include <cstddef>

#include "kernels/proposals/proposals.h"

namespace cuhue {

// Marks what is no candidate: no finite score is as low.
constexpr float kAbsent = -__builtin_huge_valf();

// ---- proposals

CUHUE_HD float anchor_logit(const AnchorLevel& l, int index) {
  return l.logits[index / kAnchorRatios * l.logit_pixel + index % kAnchorRatios * l.logit_channel];
}

CUHUE_HD Box anchor_box(const AnchorLevel& l, int index) {
  const int pixel = index / kAnchorRatios, row = pixel / l.w;
  const Box& cell = l.cells[index % kAnchorRatios];
  const float x = static_cast<float>(pixel % l.w) * l.stride, y = static_cast<float>(row) * l.stride;
  return {cell.x0 + x, cell.y0 + y, cell.x1 + x, cell.y1 + y};
}

struct Candidate {
  Box box;
  float score = kAbsent;
};

// A level's anchor as a proposal; absent when it is none.
CUHUE_HD Candidate proposal_of(const AnchorLevel& l, int index, float image_w, float image_h) {
  const float* d =
      l.deltas + index / kAnchorRatios * l.delta_pixel + 4 * (index % kAnchorRatios) * l.delta_channel;
  const std::int64_t step = l.delta_channel;
  const float logit = anchor_logit(l, index);
  const Box box = decode_box(anchor_box(l, index), {d[0], d[step], d[2 * step], d[3 * step]}, {1.0f, 1.0f});
  Candidate c;
  c.box = clip_box(box, image_w, image_h);
  if (is_finite(box) && is_finite(logit) && has_area(c.box)) c.score = logit;
  return c;
}

// ---- detections

CUHUE_HD Box class_box(const DetectionParams& p, int row, int label) {
  const float* from = p.proposals + 4 * row;
  const float* d = p.box_deltas + (static_cast<std::int64_t>(row) * p.classes + label) * 4;
  return decode_box({from[0], from[1], from[2], from[3]}, {d[0], d[1], d[2], d[3]}, {10.0f, 5.0f});
}

struct DetectionScratch {
  float* probabilities;  // [rows, classes], absent in rows that are left out
  float* kept;           // [rows, classes], absent but for candidates that no better one overlaps
};
CUHUE_HD DetectionScratch detection_scratch(const DetectionParams& p) {
  auto* first = reinterpret_cast<float*>(p.scratch);
  return {first, first + static_cast<std::ptrdiff_t>(p.rows) * p.classes};
}

// The probabilities of one row, all absent when anything of it is not finite.
CUHUE_HD void softmax_row(const DetectionParams& p, int row) {
  const float* x = p.class_logits + static_cast<std::ptrdiff_t>(row) * (p.classes + 1);
  float* to = detection_scratch(p).probabilities + static_cast<std::ptrdiff_t>(row) * p.classes;
  float greatest = x[0];
  for (int c = 1; c <= p.classes; ++c) greatest = x[c] > greatest ? x[c] : greatest;
  float sum = 0;
  for (int c = 0; c <= p.classes; ++c) {
    const float e = exp_bounded(x[c] - greatest);
    sum += e;
    if (c < p.classes) to[c] = e;
  }
  bool good = true;
  for (int c = 0; c < p.classes; ++c) {
    to[c] /= sum;
    good = good && is_finite(to[c]) && is_finite(class_box(p, row, c));
  }
  for (int c = 0; c < p.classes && !good; ++c) to[c] = kAbsent;
}

// ---- scratch of proposals: [groups, most] scores of what is left of each level, then their boxes.

struct ProposalScratch {
  float* scores;  // [levels, most]
  float* boxes;   // [levels, most, 4]
};
CUHUE_HD ProposalScratch proposal_scratch(const ProposalParams& p) {
  auto* scores = reinterpret_cast<float*>(p.scratch);
  return {scores, scores + static_cast<std::ptrdiff_t>(p.level_count) * p.most};
}

}  // namespace cuhue
