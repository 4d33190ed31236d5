// What stands between the layers of a detector, at 800x1088: 1000 proposals, 100 masks in a photo of
// 1280x960.
#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "bench/gpu/gpu_bench.h"
#include "kernels/detector_input/detector_input.h"
#include "kernels/mask_paste/mask_paste.h"
#include "kernels/proposals/proposals.h"
#include "kernels/roi_align/roi_align.h"
#include "kernels/roi_align/roi_align_math.h"

namespace cuhue::bench {
namespace {

constexpr std::int64_t kPhotoH = 960, kPhotoW = 1280;
constexpr std::int64_t kImageH = 800, kImageW = 1067, kPaddedH = 800, kPaddedW = 1088;
constexpr std::int64_t kChannels = 256;
constexpr int kClasses = 80;

template <class T>
T* upload(Set& set, const std::vector<T>& values) {
  return reinterpret_cast<T*>(
      set.upload(values.data(), static_cast<std::int64_t>(values.size() * sizeof(T))));
}

// Boxes of all sizes and shapes anywhere in the image.
std::vector<float> random_boxes(int count) {
  std::mt19937 random(11);
  const auto unit = [&] { return static_cast<float>(random() >> 8) / static_cast<float>(1 << 24); };
  std::vector<float> boxes;
  for (int i = 0; i < count; ++i) {
    const float side = 16.0f * std::exp2(5.5f * unit()), ratio = std::exp2(2.0f * unit() - 1.0f);
    const float w = std::min(side * ratio, static_cast<float>(kImageW)),
                h = std::min(side / ratio, static_cast<float>(kImageH));
    const float x = unit() * (static_cast<float>(kImageW) - w),
                y = unit() * (static_cast<float>(kImageH) - h);
    boxes.insert(boxes.end(), {x, y, x + w, y + h});
  }
  return boxes;
}

// ---- the picture

Case lightness_case() {
  Case c;
  // Bound by arithmetic in double, of which there is no ceiling: the share is of the copy's.
  c.name = "detector_input/lightness 1280x960 rgb";
  c.bytes = static_cast<double>(kPhotoH * kPhotoW * 3 * (1 + 8));
  c.make = [](Set& set) {
    const PhotoRef photo =
        rgb_photo<const std::uint8_t>(set.random_bytes(kPhotoH * kPhotoW * 3), kPhotoW, kPhotoH);
    auto* out = reinterpret_cast<double*>(set.bytes(kPhotoH * kPhotoW * 3 * 8));
    return [=](Stream stream) { lightness_picture_cuda(photo, out, stream); };
  };
  return c;
}

Case input_case(PictureSample sample) {
  const std::int64_t size = sample == PictureSample::u8 ? 1 : 8;
  DetectorInputParams params;
  params.sample = sample;
  params.h = kPhotoH;
  params.w = kPhotoW;
  params.out_h = kImageH;
  params.out_w = kImageW;
  params.padded_h = kPaddedH;
  params.padded_w = kPaddedW;
  Case c;
  c.name = std::string("detector_input/1280x960 ") + (size == 1 ? "u8" : "f64");
  // Bytes go through memory once more between their passes.
  c.bytes = static_cast<double>(kPhotoH * kPhotoW * 3 * size + kPaddedH * kPaddedW * 3 * 4) +
            2.0 * static_cast<double>(detector_input_scratch_bytes(params));
  c.make = [=](Set& set) {
    DetectorInputParams p = params;
    p.picture = set.bytes(kPhotoH * kPhotoW * 3 * size);
    p.out = set.floats(kPaddedH * kPaddedW * 3);
    p.scratch =
        set.bytes(std::max<std::int64_t>(static_cast<std::int64_t>(detector_input_scratch_bytes(p)), 1));
    return [p](Stream stream) { detector_input_cuda(p, stream); };
  };
  return c;
}

// ---- the selections

std::array<std::int64_t, 2> level_size(int level) {  // 0 = p2
  const std::int64_t stride = std::int64_t{4} << level;
  return {(kPaddedH + stride - 1) / stride, (kPaddedW + stride - 1) / stride};
}

Case proposals_case() {
  std::int64_t anchors = 0, best = 0;
  for (int level = 0; level < kMostLevels; ++level) {
    const auto [h, w] = level_size(level);
    anchors += h * w * kAnchorRatios;
    best += std::min<std::int64_t>(h * w * kAnchorRatios, kMostProposals);
  }
  Case c;
  c.name = "proposals/800x1088";
  c.bytes = static_cast<double>(anchors * 4 + best * 16 + std::int64_t{kMostProposals} * 16);
  c.make = [](Set& set) {
    ProposalParams p;
    for (int level = 0; level < kMostLevels; ++level) {
      AnchorLevel& l = p.levels[level];
      const auto [h, w] = level_size(level);
      l.h = static_cast<int>(h);
      l.w = static_cast<int>(w);
      l.logits = set.floats(h * w * kAnchorRatios, 6.0f);
      l.deltas = set.floats(h * w * kAnchorRatios * 4, 0.5f);
      l.logit_channel = l.delta_channel = h * w;
      l.stride = static_cast<float>(4 << level);
      fill_anchor_cells(32 << level, l.cells);
    }
    p.image_h = kImageH;
    p.image_w = kImageW;
    p.boxes = set.floats(4 * kMostProposals);
    p.count = reinterpret_cast<std::int32_t*>(set.bytes(4));
    p.not_finite = reinterpret_cast<std::int32_t*>(set.bytes(4 * kMostLevels));
    p.scratch = set.bytes(static_cast<std::int64_t>(proposal_scratch_bytes(p.level_count, p.most)));
    return [p](Stream stream) { select_proposals_cuda(p, stream); };
  };
  return c;
}

Case detections_case() {
  constexpr int kObjects = 200;  // rows with a class above the threshold
  Case c;
  c.name = "detections/1000 proposals, 80 classes";
  // Logits, the probabilities between the launches, the deltas and proposals of the candidates.
  c.bytes = 4.0 * kMostProposals * (kClasses + 1) + 2.0 * 4 * kMostProposals * kClasses + 32.0 * kObjects;
  c.make = [](Set& set) {
    std::vector<float> logits(std::size_t{kMostProposals} * (kClasses + 1), 0.0f);
    for (int i = 0; i < kObjects; ++i)
      logits[static_cast<std::size_t>(i * (kMostProposals / kObjects) * (kClasses + 1) + i * 7 % kClasses)] =
          8.0f + static_cast<float>(i % 13) * 0.1f;
    const std::int32_t count = kMostProposals;
    DetectionParams p;
    p.class_logits = upload(set, logits);
    p.box_deltas = set.floats(std::int64_t{kMostProposals} * 4 * kClasses);
    p.proposals = upload(set, random_boxes(kMostProposals));
    p.count = upload(set, std::vector<std::int32_t>{count});
    p.image_h = kImageH;
    p.image_w = kImageW;
    p.boxes = set.floats(4 * kMostDetections);
    p.scores = set.floats(kMostDetections);
    p.labels = reinterpret_cast<std::int32_t*>(set.bytes(4 * kMostDetections));
    p.found = reinterpret_cast<std::int32_t*>(set.bytes(4));
    p.scratch = set.bytes(static_cast<std::int64_t>(detection_scratch_bytes(p.rows, p.classes)));
    return [p](Stream stream) { select_detections_cuda(p, stream); };
  };
  return c;
}

// ---- crops

// What crops of these boxes read and compute: cells of the pyramid each once, four multiply-adds a sample.
struct CropWork {
  double cells = 0, samples = 0;  // of one channel
};
CropWork crop_work(const std::vector<float>& boxes, int size) {
  CropWork work;
  std::array<std::vector<bool>, kCropLevels> read;
  for (std::size_t b = 0; b < boxes.size(); b += 4) {
    const int level = crop_level(boxes[b], boxes[b + 1], boxes[b + 2], boxes[b + 3]);
    const float scale = 1.0f / static_cast<float>(4 << level);
    const CropAxis x = crop_axis(boxes[b], boxes[b + 2], scale, size),
                   y = crop_axis(boxes[b + 1], boxes[b + 3], scale, size);
    work.samples += 1.0 * x.samples * y.samples * size * size;
    const auto [h, w] = level_size(level);
    auto& cells = read[static_cast<std::size_t>(level)];
    cells.resize(static_cast<std::size_t>(h * w));
    const auto end = [size](const CropAxis& a, std::int64_t extent) {
      return std::min(static_cast<std::int64_t>(a.from + a.bin * static_cast<float>(size)) + 2, extent);
    };
    const auto begin = [](const CropAxis& a) { return std::max<std::int64_t>(static_cast<int>(a.from), 0); };
    for (std::int64_t row = begin(y); row < end(y, h); ++row)
      for (std::int64_t column = begin(x); column < end(x, w); ++column)
        cells[static_cast<std::size_t>(row * w + column)] = true;
  }
  for (const auto& cells : read) work.cells += static_cast<double>(std::ranges::count(cells, true));
  return work;
}

Case crop_case(int count, int size, Element element) {
  const std::vector<float> boxes = random_boxes(count);
  const CropWork work = crop_work(boxes, size);
  const std::int64_t bins = std::int64_t{size} * size;
  Case c;
  c.name = "roi_align/" + std::to_string(count) + " boxes " + std::to_string(size) + "x" +
           std::to_string(size) + (element == Element::f16 ? " f16" : " f32");
  c.bytes = kChannels * (work.cells * static_cast<double>(element_bytes(element)) +
                         4.0 * static_cast<double>(count * bins));
  c.flops = 8.0 * kChannels * work.samples;
  c.unit = "fp32";
  c.make = [=](Set& set) {
    RoiAlignDeviceParams p;
    for (int level = 0; level < kCropLevels; ++level) {
      const auto [h, w] = level_size(level);
      p.levels[level] = set.tensor({1, kChannels, h, w}, element);
    }
    p.boxes = upload(set, boxes);
    p.count = count;
    p.size = size;
    p.out = {reinterpret_cast<float*>(set.bytes(count * kChannels * bins * 4)), kChannels * bins, bins, 1};
    return [p](Stream stream) { roi_align_cuda(p, stream); };
  };
  return c;
}

// ---- masks

Case pick_case() {
  constexpr std::int64_t kPixels = std::int64_t{kMaskSize} * kMaskSize;
  Case c;
  c.name = "mask_paste/pick 100 of 80 classes";
  c.bytes = 2.0 * 4 * kMostDetections * kPixels;  // of one class each
  c.make = [](Set& set) {
    std::vector<std::int32_t> labels;
    for (int i = 0; i < kMostDetections; ++i) labels.push_back(i * 7 % kClasses);
    MaskPickParams p;
    p.logits = set.floats(kMostDetections * kClasses * kPixels, 4.0f);
    p.labels = upload(set, labels);
    p.count = kMostDetections;
    p.classes = kClasses;
    p.out = set.floats(kMostDetections * kPixels);
    return [p](Stream stream) { mask_pick_cuda(p, stream); };
  };
  return c;
}

Case paste_case() {
  constexpr std::int64_t kWords = kMostDetections * kPhotoH * ((kPhotoW + 31) / 32);
  Case c;
  c.name = "mask_paste/100 masks in 1280x960";
  c.bytes = 4.0 * kWords + 4.0 * kMostDetections * kMaskSize * kMaskSize;
  c.make = [](Set& set) {
    MaskPasteDeviceParams p;
    p.masks = set.floats(std::int64_t{kMostDetections} * kMaskSize * kMaskSize);
    p.boxes = upload(set, random_boxes(kMostDetections));
    p.found = upload(set, std::vector<std::int32_t>{kMostDetections});
    p.most = kMostDetections;
    p.h = kPhotoH;
    p.w = kPhotoW;
    p.out = reinterpret_cast<std::uint32_t*>(set.bytes(4 * kWords));
    return [p](Stream stream) { mask_paste_cuda(p, stream); };
  };
  return c;
}

}  // namespace

std::vector<Case> detector_cases() {
  std::vector<Case> cases{lightness_case(), input_case(PictureSample::f64), input_case(PictureSample::u8),
                          proposals_case(), detections_case()};
  for (const Element element : {Element::f32, Element::f16}) {
    cases.push_back(crop_case(kMostProposals, 7, element));
    cases.push_back(crop_case(kMostDetections, 14, element));
  }
  cases.push_back(pick_case());
  cases.push_back(paste_case());
  return cases;
}

}  // namespace cuhue::bench
