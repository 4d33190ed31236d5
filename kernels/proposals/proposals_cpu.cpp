#include "kernels/proposals/proposals.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <span>

#include "kernels/core/parallel.h"
#include "kernels/proposals/selection_math.h"

namespace cuhue {
namespace {

static_assert(kMostProposals <= 1024);

// The greatest `most` keys of [0, count), descending; absent scores have none. Returns how many there are.
// A buffer twice as long as what is wanted is cut back when it is full: most keys are never looked at again.
template <class Score>
int greatest_keys(int count, int most, std::span<std::uint64_t> buffer, Score&& score) {
  std::size_t held = 0;
  std::uint64_t least = 0;
  const auto wanted = static_cast<std::size_t>(most);
  for (int i = 0; i < count; ++i) {
    const float s = score(i);
    if (s == kAbsent) continue;
    const std::uint64_t key = rank_key(s, static_cast<std::uint32_t>(i));
    if (key < least) continue;
    if (held == buffer.size()) {
      std::nth_element(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(wanted) - 1, buffer.end(),
                       std::greater<>());
      least = buffer[wanted - 1];
      held = wanted;
      if (key < least) continue;
    }
    buffer[held++] = key;
  }
  const auto used = buffer.first(held);
  std::ranges::sort(used, std::greater<>());
  return static_cast<int>(std::min(held, wanted));
}

using KeyBuffer = std::uint64_t[2 * kMostProposals];

// Marks boxes that a better one before them rules out.
void suppress(std::span<const Box> boxes, double threshold, std::span<bool> gone) {
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (gone[i]) continue;
    for (std::size_t j = i + 1; j < boxes.size(); ++j) {
      if (!gone[j] && suppresses(boxes[i], boxes[j], threshold)) gone[j] = true;
    }
  }
}

void select_level(const ProposalParams& p, int level) {
  const AnchorLevel& l = p.levels[level];
  const ProposalScratch scratch = proposal_scratch(p);
  float* scores = scratch.scores + static_cast<std::ptrdiff_t>(level) * p.most;
  float* boxes = scratch.boxes + static_cast<std::ptrdiff_t>(level) * p.most * 4;
  KeyBuffer keys;
  const int count =
      greatest_keys(l.h * l.w * kAnchorRatios, p.most, keys, [&](int i) { return anchor_logit(l, i); });
  if (p.not_finite != nullptr)  // it would come first
    p.not_finite[level] =
        count > 0 && !is_finite(anchor_logit(l, static_cast<int>(index_of_key(keys[0])))) ? 1 : 0;
  Box box[kMostProposals];
  bool gone[kMostProposals];
  for (int i = 0; i < count; ++i) {
    const Candidate c = proposal_of(l, static_cast<int>(index_of_key(keys[i])), p.image_w, p.image_h);
    box[i] = c.box;
    scores[i] = c.score;
    gone[i] = c.score == kAbsent;
  }
  const auto n = static_cast<std::size_t>(count);
  suppress({box, n}, p.nms_threshold, {gone, n});
  for (int i = 0; i < count; ++i) {
    if (gone[i]) scores[i] = kAbsent;
    std::memcpy(boxes + 4 * i, &box[i], sizeof(Box));
  }
  std::fill(scores + count, scores + p.most, kAbsent);
}

}  // namespace

void fill_anchor_cells(double size, Box (&cells)[kAnchorRatios]) {
  constexpr double kRatios[kAnchorRatios] = {0.5, 1.0, 2.0};
  for (int a = 0; a < kAnchorRatios; ++a) {
    const double w = std::sqrt(size * size / kRatios[a]), h = kRatios[a] * w;
    const auto x = static_cast<float>(w / 2), y = static_cast<float>(h / 2);
    cells[a] = {-x, -y, x, y};
  }
}

std::size_t proposal_scratch_bytes(int level_count, int most) {
  return static_cast<std::size_t>(level_count) * static_cast<std::size_t>(most) * 5 * sizeof(float);
}

void select_proposals_cpu(const ProposalParams& p) {
  parallel_for(p.level_count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t level = begin; level < end; ++level) select_level(p, static_cast<int>(level));
  });
  const ProposalScratch scratch = proposal_scratch(p);
  KeyBuffer keys;
  const int count =
      greatest_keys(p.level_count * p.most, p.most, keys, [&](int i) { return scratch.scores[i]; });
  for (int i = 0; i < count; ++i)
    std::memcpy(p.boxes + 4 * i, scratch.boxes + 4 * static_cast<std::ptrdiff_t>(index_of_key(keys[i])),
                sizeof(Box));
  std::fill(p.boxes + 4 * count, p.boxes + 4 * p.most, 0.0f);
  *p.count = count;
}

// ---- detections
// ---------------------------------------------------------------------------------------------------

std::size_t detection_scratch_bytes(int rows, int classes) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(classes) * 2 * sizeof(float);
}

namespace {

void select_class(const DetectionParams& p, int rows, int label) {
  const DetectionScratch scratch = detection_scratch(p);
  const auto place = [&](int row) { return static_cast<std::ptrdiff_t>(row) * p.classes + label; };
  KeyBuffer keys;
  const int count = greatest_keys(rows, p.rows, keys, [&](int row) {
    const float score = scratch.probabilities[place(row)];
    return score > p.score_threshold ? score : kAbsent;
  });
  Box box[kMostProposals];
  bool gone[kMostProposals] = {};
  const auto n = static_cast<std::size_t>(count);
  const auto row_of = [&](int i) { return static_cast<int>(index_of_key(keys[i])); };
  for (int i = 0; i < count; ++i) box[i] = clip_box(class_box(p, row_of(i), label), p.image_w, p.image_h);
  suppress({box, n}, p.nms_threshold, {gone, n});
  for (int row = 0; row < rows; ++row) scratch.kept[place(row)] = kAbsent;
  for (int i = 0; i < count; ++i) {
    if (!gone[i]) scratch.kept[place(row_of(i))] = scratch.probabilities[place(row_of(i))];
  }
}

}  // namespace

void select_detections_cpu(const DetectionParams& p) {
  const int rows = std::min(static_cast<int>(*p.count), p.rows);
  parallel_for(rows, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) softmax_row(p, static_cast<int>(row));
  });
  parallel_for(p.classes, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t label = begin; label < end; ++label) select_class(p, rows, static_cast<int>(label));
  });
  const DetectionScratch scratch = detection_scratch(p);
  KeyBuffer keys;
  const int found =
      greatest_keys(rows * p.classes, kMostDetections, keys, [&](int i) { return scratch.kept[i]; });
  for (int i = 0; i < found; ++i) {
    const auto index = static_cast<int>(index_of_key(keys[i]));
    const int row = index / p.classes, label = index % p.classes;
    const Box box = clip_box(class_box(p, row, label), p.image_w, p.image_h);
    std::memcpy(p.boxes + 4 * i, &box, sizeof box);
    p.scores[i] = scratch.kept[index];
    p.labels[i] = label;
  }
  std::fill(p.boxes + 4 * found, p.boxes + 4 * kMostDetections, 0.0f);
  std::fill(p.scores + found, p.scores + kMostDetections, 0.0f);
  std::fill(p.labels + found, p.labels + kMostDetections, 0);
  *p.found = found;
}

}  // namespace cuhue
