#include "kernels/proposals/proposals.h"

#include "kernels/proposals/selection.cuh"

namespace cuhue {
namespace {

static_assert(kMostProposals <= kSelectionThreads && kMostDetections <= kSelectionThreads);

__device__ void store_box(float* to, const Box& b) {
  to[0] = b.x0;
  to[1] = b.y0;
  to[2] = b.x1;
  to[3] = b.y1;
}

// A block a level.
__global__ void __launch_bounds__(kSelectionThreads) level_kernel(ProposalParams p) {
  __shared__ SelectionShared s;
  const auto level = static_cast<int>(blockIdx.x);
  const int thread = static_cast<int>(threadIdx.x);
  const AnchorLevel& l = p.levels[level];
  const int count =
      select_greatest(s, l.h * l.w * kAnchorRatios, p.most, [&](int i) { return anchor_logit(l, i); });
  if (p.not_finite != nullptr && thread == 0) {  // it would come first
    const bool all = count == 0 || is_finite(anchor_logit(l, static_cast<int>(index_of_key(s.keys[0]))));
    p.not_finite[level] = all ? 0 : 1;
  }
  Candidate c;
  if (thread < count)
    c = proposal_of(l, static_cast<int>(index_of_key(s.keys[thread])), p.image_w, p.image_h);
  const bool left = survives(s, c.box, c.score != kAbsent, count, p.nms_threshold);
  if (thread >= p.most) return;
  const ProposalScratch scratch = proposal_scratch(p);
  const int place = level * p.most + thread;
  scratch.scores[place] = left ? c.score : kAbsent;
  store_box(scratch.boxes + 4 * place, c.box);
}

__global__ void __launch_bounds__(kSelectionThreads) merge_levels_kernel(ProposalParams p) {
  __shared__ SelectionShared s;
  const int thread = static_cast<int>(threadIdx.x);
  const ProposalScratch scratch = proposal_scratch(p);
  const int count =
      select_greatest(s, p.level_count * p.most, p.most, [&](int i) { return scratch.scores[i]; });
  if (thread == 0) *p.count = count;
  if (thread >= p.most) return;
  Box box;
  if (thread < count) {
    const float* from = scratch.boxes + 4 * static_cast<int>(index_of_key(s.keys[thread]));
    box = {from[0], from[1], from[2], from[3]};
  }
  store_box(p.boxes + 4 * thread, box);
}

constexpr int kRowThreads = 64;

__global__ void probabilities_kernel(DetectionParams p) {
  const int row = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (row < p.rows && row < *p.count) softmax_row(p, row);
}

// A block a class.
__global__ void __launch_bounds__(kSelectionThreads) class_kernel(DetectionParams p) {
  __shared__ SelectionShared s;
  const auto label = static_cast<int>(blockIdx.x);
  const int thread = static_cast<int>(threadIdx.x);
  const int rows = *p.count < p.rows ? *p.count : p.rows;
  const DetectionScratch scratch = detection_scratch(p);
  const int count = select_greatest(s, rows, p.rows, [&](int row) {
    const float score = scratch.probabilities[row * p.classes + label];
    return score > p.score_threshold ? score : kAbsent;
  });
  const bool present = thread < count;
  const int row = present ? static_cast<int>(index_of_key(s.keys[thread])) : 0;
  Box box;
  if (present) box = clip_box(class_box(p, row, label), p.image_w, p.image_h);
  const bool left = survives(s, box, present, count, p.nms_threshold);
  if (thread < p.rows) scratch.kept[thread * p.classes + label] = kAbsent;
  __syncthreads();
  if (left) scratch.kept[row * p.classes + label] = scratch.probabilities[row * p.classes + label];
}

__global__ void __launch_bounds__(kSelectionThreads) merge_classes_kernel(DetectionParams p) {
  __shared__ SelectionShared s;
  const int thread = static_cast<int>(threadIdx.x);
  const DetectionScratch scratch = detection_scratch(p);
  const int count =
      select_greatest(s, p.rows * p.classes, kMostDetections, [&](int i) { return scratch.kept[i]; });
  if (thread == 0) *p.found = count;
  if (thread >= kMostDetections) return;
  Box box;
  float score = 0;
  int label = 0;
  if (thread < count) {
    const auto index = static_cast<int>(index_of_key(s.keys[thread]));
    label = index % p.classes;
    score = scratch.kept[index];
    box = clip_box(class_box(p, index / p.classes, label), p.image_w, p.image_h);
  }
  store_box(p.boxes + 4 * thread, box);
  p.scores[thread] = score;
  p.labels[thread] = label;
}

}  // namespace

void select_proposals_cuda(const ProposalParams& p, Stream stream) {
  for (int level = 0; level < p.level_count; ++level)
    checked_int(std::int64_t{p.levels[level].h} * p.levels[level].w * kAnchorRatios * 4);
  launch(level_kernel, {static_cast<unsigned>(p.level_count), kSelectionThreads}, stream, p);
  launch(merge_levels_kernel, {1, kSelectionThreads}, stream, p);
}

void select_detections_cuda(const DetectionParams& p, Stream stream) {
  launch(probabilities_kernel, {blocks_for(p.rows, kRowThreads), kRowThreads}, stream, p);
  launch(class_kernel, {static_cast<unsigned>(p.classes), kSelectionThreads}, stream, p);
  launch(merge_classes_kernel, {1, kSelectionThreads}, stream, p);
}

}  // namespace cuhue
