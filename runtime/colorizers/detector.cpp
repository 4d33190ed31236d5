#include "runtime/colorizers/detector.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "kernels/core/finite.h"
#include "kernels/core/parallel.h"
#include "kernels/detector_input/detector_input.h"
#include "kernels/mask_paste/mask_paste.h"
#include "kernels/proposals/proposals.h"
#include "kernels/roi_align/roi_align.h"
#include "runtime/graph/detector_program.h"
#include "runtime/graph/scratch.h"
#include "runtime/image/photo_ref.h"
#include "runtime/stopwatch.h"
#include "weights/status.h"

namespace cuhue {
namespace {

constexpr std::int64_t kMultiple = 32;
constexpr float kMean[3] = {103.530f, 116.280f, 123.675f};
constexpr double kProposalNms = 0.7;
// Heads run as many rows at a time: what there are fewer of is not computed.
constexpr int kBoxRows = 250, kMaskRows = 4;
// Of the work of a call, for its progress.
constexpr double kFeatures = 0.85, kBoxes = 0.08;

constexpr std::array<const char*, kMostLevels> kLogits = {"logits2", "logits3", "logits4", "logits5",
                                                          "logits6"};
constexpr std::array<const char*, kMostLevels> kDeltas = {"deltas2", "deltas3", "deltas4", "deltas5",
                                                          "deltas6"};
constexpr std::array<const char*, kCropLevels> kPyramid = {"p2", "p3", "p4", "p5"};

std::int64_t padded(std::int64_t size) {
  return (size + kMultiple - 1) / kMultiple * kMultiple;
}

constexpr std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

PictureSample sample_of(DetectorImage::Type type) {
  switch (type) {
    case DetectorImage::Type::u8: return PictureSample::u8;
    case DetectorImage::Type::f32: return PictureSample::f32;
    case DetectorImage::Type::f64: break;
  }
  return PictureSample::f64;
}

template <class Sample>
void check_finite(const DetectorImage& image) {
  const auto* values = static_cast<const Sample*>(image.data);
  for (std::int64_t i = 0; i < image.h * image.w * 3; ++i) {
    if (!std::isfinite(values[i]))
      throw Error(Status::usage, "the picture's value " + std::to_string(i) +
                                     " is not a finite number; give values from 0 to 255");
  }
}

void check(const DetectorImage& image) {
  if (image.data == nullptr || image.h < 1 || image.w < 1)
    throw Error(Status::usage, "the picture is empty; give one with a width and height of at least 1");
  if (image.type == DetectorImage::Type::f32) check_finite<float>(image);
  if (image.type == DetectorImage::Type::f64) check_finite<double>(image);
}

// Of one image, dense.
bool all_finite(const TensorRef& t) {
  std::atomic<bool> finite = true;
  constexpr std::int64_t kGrain = 1 << 16;
  parallel_for(t.image(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    if (!cuhue::all_finite(t.data + begin, end - begin)) finite = false;
  });
  return finite;
}

[[noreturn]] void refuse_values(const std::string& name) {
  throw Error(Status::weights,
              "the detector's " + name + " are not finite numbers; convert its checkpoint again");
}

// Activations make numbers of what is none: a broken network must not look like a photo without objects.
void check_features(Program& program) {
  std::vector<const char*> names(kPyramid.begin(), kPyramid.end());
  names.insert(names.end(), kLogits.begin(), kLogits.end());
  for (const char* name : names) {
    if (!all_finite(program.output(name))) refuse_values(name);
  }
}

class PartedDetector final : public Detector {
 public:
  explicit PartedDetector(LoadedNetwork network) : network_(std::move(network)) {}

  void set(std::string_view setting, double value) override;
  void run(const DetectorImage& image, const Poll& poll, Detections& out, DetectTimings& timings) override;
  void run_photo(const ConstPixelView& photo, const PhotoPlace& place, const Poll& poll, Detections& out,
                 DetectTimings& timings) override;
  std::int64_t weight_bytes() const override { return network_.weights->bytes(); }
  std::int64_t arena_bytes() const override;
  void prepare(std::int64_t h, std::int64_t w) override;
  std::vector<StepProfile> profile(std::int64_t h, std::int64_t w) override;

 private:
  struct Features {
    std::int64_t h = 0, w = 0;
    std::unique_ptr<DetectorProgram> whole;  // where the backend runs all of it at once; else:
    std::unique_ptr<Program> program;

    std::int64_t arena_bytes() const { return whole ? whole->arena_bytes() : program->arena_bytes(); }
  };
  DetectorSize size_of(std::int64_t h, std::int64_t w) const;
  double setting_of(std::string_view name) const { return setting(*network_.network, settings_, name); }
  Features& features_of(const DetectorSize& size);
  Features compile(const DetectorSize& size);
  void compile_heads();
  void run_any(const DetectorImage& image, const PhotoRef* photo, const Poll& poll, Detections& out,
               DetectTimings& timings);
  void run_parts(const DetectorImage& image, const PhotoRef* photo, const DetectorSize& size,
                 Program& program, const Poll& poll, DetectTimings& t);
  DetectorRequest request_of(const DetectorImage& image, const DetectorSize& size) const;
  static void run_whole(const DetectorRequest& request, const Poll& poll, DetectorProgram& program,
                        Detections& out);
  void fill_input(const DetectorImage& image, const PhotoRef* photo, const DetectorSize& size,
                  Program& program);
  void find_proposals(const DetectorSize& size, Program& program);
  void find_boxes(const DetectorSize& size, Program& program, const Poll& poll);
  void find_masks(Program& program, const Poll& poll);
  void crop(Program& features, const float* boxes, int count, int side, float* to) const;
  void finish(const DetectorImage& image, const DetectorSize& size, Detections& out) const;

  // Upright pictures and those across.
  static constexpr std::size_t kPrograms = 2;

  LoadedNetwork network_;
  Settings settings_;
  std::vector<Features> features_;  // most recently used first
  std::unique_ptr<Program> box_head_, mask_head_;
  std::int64_t channels_ = 0, classes_ = 0;
  Scratch scratch_;
  // What passes from stage to stage.
  std::vector<float> proposals_, class_logits_, box_deltas_;
  std::int32_t proposal_count_ = 0, found_ = 0;
  std::array<float, index(4 * kMostDetections)> boxes_{};
  std::array<float, index(kMostDetections)> scores_{};
  std::array<std::int32_t, index(kMostDetections)> labels_{};
  std::vector<float> masks_;  // [kMostDetections, 28, 28]
};

void PartedDetector::set(std::string_view setting, double value) {
  Settings changed = settings_;
  changed[std::string(setting)] = value;
  check_settings(*network_.network, changed);
  settings_ = std::move(changed);
}

DetectorSize PartedDetector::size_of(std::int64_t h, std::int64_t w) const {
  return detector_size(h, w, setting_of("min_size"), setting_of("max_size"));
}

std::int64_t PartedDetector::arena_bytes() const {
  std::int64_t bytes = 0;
  for (const Features& f : features_) bytes += f.arena_bytes();
  for (const auto* head : {&box_head_, &mask_head_}) bytes += *head ? (*head)->arena_bytes() : 0;
  const std::size_t floats =
      proposals_.capacity() + class_logits_.capacity() + box_deltas_.capacity() + masks_.capacity();
  return bytes + scratch_.bytes() + static_cast<std::int64_t>(floats * sizeof(float));
}

void PartedDetector::prepare(std::int64_t h, std::int64_t w) {
  if (h < 1 || w < 1) throw Error(Status::usage, "a picture has a width and height of at least 1");
  const ThreadScope threads(network_.options.threads);
  features_of(size_of(h, w));
}

std::vector<StepProfile> PartedDetector::profile(std::int64_t h, std::int64_t w) {
  prepare(h, w);
  const ThreadScope threads(network_.options.threads);
  const DetectorSize size = size_of(h, w);
  std::vector<StepProfile> all;
  const auto add = [&](Program& program) {
    program.run();  // buffers touched, code loaded
    const auto steps = program.profile();
    all.insert(all.end(), steps.begin(), steps.end());
  };
  if (Program* features = features_of(size).program.get()) {
    for (Program* part : {features, box_head_.get(), mask_head_.get()}) add(*part);
    return all;
  }
  // One launch cannot be taken apart: the same layers as programs by themselves, one after another.
  add(*network_.compile_part("features", 1, size.padded_h, size.padded_w));
  add(*network_.compile_part("box_head", kMostProposals, kMultiple, kMultiple));
  add(*network_.compile_part("mask_head", kMostDetections, kMultiple, kMultiple));
  return all;
}

PartedDetector::Features& PartedDetector::features_of(const DetectorSize& size) {
  const auto found = std::ranges::find_if(
      features_, [&](const Features& f) { return f.h == size.padded_h && f.w == size.padded_w; });
  if (found != features_.end()) {
    std::rotate(features_.begin(), found, found + 1);
  } else {
    if (features_.size() == kPrograms) features_.pop_back();  // before another takes memory
    features_.insert(features_.begin(), compile(size));
  }
  return features_.front();
}

PartedDetector::Features PartedDetector::compile(const DetectorSize& size) {
  const auto part = [&](const char* name, std::int64_t rows, std::int64_t h, std::int64_t w) {
    return build_part(*network_.network, name, rows, h, w, network_.properties);
  };
  DetectorGraphs graphs{part("features", 1, size.padded_h, size.padded_w),
                        part("box_head", kMostProposals, kMultiple, kMultiple),
                        part("mask_head", kMostDetections, kMultiple, kMultiple)};
  Features made{size.padded_h, size.padded_w,
                network_.backend->compile_detector(std::move(graphs), network_.weights, network_.options),
                nullptr};
  if (made.whole) return made;
  made.program = network_.compile_part("features", 1, size.padded_h, size.padded_w);
  if (!box_head_) compile_heads();
  return made;
}

void PartedDetector::compile_heads() {
  box_head_ = network_.compile_part("box_head", kBoxRows, kMultiple, kMultiple);
  mask_head_ = network_.compile_part("mask_head", kMaskRows, kMultiple, kMultiple);
  channels_ = mask_head_->input("mask_crops").dims.c;
  classes_ = box_head_->output("class_logits").dims.c - 1;
  proposals_.resize(index(4 * kMostProposals));
  class_logits_.resize(index(kMostProposals * (classes_ + 1)));
  box_deltas_.resize(index(kMostProposals * 4 * classes_));
  masks_.resize(index(kMostDetections * kMaskSize * kMaskSize));
}

void PartedDetector::fill_input(const DetectorImage& image, const PhotoRef* photo, const DetectorSize& size,
                                Program& program) {
  DetectorInputParams p;
  p.picture = image.data;
  p.sample = sample_of(image.type);
  p.h = image.h;
  p.w = image.w;
  p.out_h = size.h;
  p.out_w = size.w;
  p.padded_h = size.padded_h;
  p.padded_w = size.padded_w;
  std::copy_n(kMean, 3, p.mean);
  p.out = program.input("image").data;
  p.scratch = scratch_.get(detector_input_scratch_bytes(p));
  photo != nullptr ? lightness_input_cpu(*photo, p) : detector_input_cpu(p);
}

void PartedDetector::find_proposals(const DetectorSize& size, Program& program) {
  check_features(program);
  ProposalParams p;
  for (std::size_t i = 0; i < index(kMostLevels); ++i) {
    AnchorLevel& level = p.levels[i];
    const TensorRef logits = program.output(kLogits[i]), deltas = program.output(kDeltas[i]);
    level.logits = logits.data;
    level.deltas = deltas.data;
    level.h = static_cast<int>(logits.dims.h);
    level.w = static_cast<int>(logits.dims.w);
    level.logit_channel = level.delta_channel = logits.dims.h * logits.dims.w;
    level.stride = static_cast<float>(4 << i);
    fill_anchor_cells(32 << i, level.cells);
  }
  p.nms_threshold = kProposalNms;
  p.image_w = static_cast<float>(size.w);
  p.image_h = static_cast<float>(size.h);
  p.boxes = proposals_.data();
  p.count = &proposal_count_;
  p.scratch = scratch_.get(proposal_scratch_bytes(p.level_count, p.most));
  select_proposals_cpu(p);
}

// Boxes of the network's image to [count, channels, side, side].
void PartedDetector::crop(Program& features, const float* boxes, int count, int side, float* to) const {
  RoiAlignParams p;
  for (std::size_t i = 0; i < kPyramid.size(); ++i) p.levels[i] = features.output(kPyramid[i]);
  p.boxes = boxes;
  p.count = count;
  p.size = side;
  p.out = {to, channels_ * side * side, std::int64_t{side} * side, 1};
  roi_align_cpu(p);
}

void PartedDetector::find_boxes(const DetectorSize& size, Program& program, const Poll& poll) {
  float* crops = box_head_->input("box_crops").data;
  for (int first = 0; first < proposal_count_; first += kBoxRows) {
    const int rows = std::min(kBoxRows, proposal_count_ - first);
    crop(program, proposals_.data() + index(4 * first), rows, kBoxCrop, crops);
    box_head_->run(
        PollPart{poll, kFeatures + kBoxes * first / proposal_count_, kBoxes * rows / proposal_count_}.poll());
    std::copy_n(box_head_->output("class_logits").data, rows * (classes_ + 1),
                class_logits_.begin() + first * (classes_ + 1));
    std::copy_n(box_head_->output("box_deltas").data, rows * 4 * classes_,
                box_deltas_.begin() + first * 4 * classes_);
  }
  DetectionParams p;
  p.class_logits = class_logits_.data();
  p.box_deltas = box_deltas_.data();
  p.proposals = proposals_.data();
  p.count = &proposal_count_;
  p.classes = static_cast<int>(classes_);
  p.score_threshold = static_cast<float>(setting_of("score_threshold"));
  p.nms_threshold = setting_of("nms_threshold");
  p.image_w = static_cast<float>(size.w);
  p.image_h = static_cast<float>(size.h);
  p.boxes = boxes_.data();
  p.scores = scores_.data();
  p.labels = labels_.data();
  p.found = &found_;
  p.scratch = scratch_.get(detection_scratch_bytes(p.rows, p.classes));
  select_detections_cpu(p);
}

void PartedDetector::find_masks(Program& program, const Poll& poll) {
  const double before = kFeatures + kBoxes, all = 1.0 - before;
  float* crops = mask_head_->input("mask_crops").data;
  for (int first = 0; first < found_; first += kMaskRows) {
    const int rows = std::min(kMaskRows, found_ - first);
    crop(program, boxes_.data() + 4 * first, rows, kMaskCrop, crops);
    mask_head_->run(PollPart{poll, before + all * first / found_, all * rows / found_}.poll());
    mask_pick_cpu({mask_head_->output("mask_logits").data, labels_.data() + first, rows,
                   static_cast<int>(classes_), masks_.data() + index(first * kMaskSize * kMaskSize)});
  }
}

// To pixels of the photo; boxes that are empty there go, with their masks.
void PartedDetector::finish(const DetectorImage& image, const DetectorSize& size, Detections& out) const {
  out.width = image.w;
  out.height = image.h;
  const auto w = static_cast<float>(image.w), h = static_cast<float>(image.h);
  const auto x_scale = static_cast<float>(static_cast<double>(image.w) / static_cast<double>(size.w));
  const auto y_scale = static_cast<float>(static_cast<double>(image.h) / static_cast<double>(size.h));
  std::vector<MaskPasteParams> pastes;
  std::size_t bytes = 0;
  for (int i = 0; i < found_; ++i) {
    const float* b = boxes_.data() + 4 * i;
    const Box box = clip_box({b[0] * x_scale, b[1] * y_scale, b[2] * x_scale, b[3] * y_scale}, w, h);
    if (!has_area(box)) continue;
    out.boxes.insert(out.boxes.end(), {box.x0, box.y0, box.x1, box.y1});
    out.scores.push_back(scores_[index(i)]);
    out.classes.push_back(labels_[index(i)]);
    MaskPasteParams& paste = pastes.emplace_back();
    paste.mask = masks_.data() + index(i * kMaskSize * kMaskSize);
    std::copy_n(out.boxes.end() - 4, 4, paste.box);
    const PasteRectangle r = paste.rectangle = paste_rectangle(paste.box, image.h, image.w);
    out.masks.push_back({r.x, r.y, r.w, r.h, bytes});
    bytes += index(r.w * r.h);
  }
  out.mask_bytes.resize(bytes);
  for (std::size_t i = 0; i < pastes.size(); ++i) pastes[i].out = out.mask_bytes.data() + out.masks[i].first;
  parallel_for(static_cast<std::int64_t>(pastes.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) mask_paste_cpu(pastes[index(i)]);
  });
}

void PartedDetector::run(const DetectorImage& image, const Poll& poll, Detections& out,
                         DetectTimings& timings) {
  const ThreadScope threads(network_.options.threads);
  out = {};
  check(image);
  run_any(image, nullptr, poll, out, timings);
}

// photo: in place of the image's samples, or nullptr.
void PartedDetector::run_any(const DetectorImage& image, const PhotoRef* photo, const Poll& poll,
                             Detections& out, DetectTimings& timings) {
  DetectTimings t;
  Stopwatch watch;
  const DetectorSize size = size_of(image.h, image.w);
  Features& features = features_of(size);
  t.compile = watch.lap();
  Detections found;
  if (features.whole) {
    run_whole(request_of(image, size), poll, *features.whole, found);
    t.features = watch.lap();
  } else {
    run_parts(image, photo, size, *features.program, poll, t);
    watch.lap();
    finish(image, size, found);
    t.masks += watch.lap();
  }
  out = std::move(found);
  timings = t;
}

void PartedDetector::run_parts(const DetectorImage& image, const PhotoRef* photo, const DetectorSize& size,
                               Program& program, const Poll& poll, DetectTimings& t) {
  Stopwatch watch;
  fill_input(image, photo, size, program);
  t.prepare = watch.lap();
  program.run(PollPart{poll, 0.0, kFeatures}.poll());
  t.features = watch.lap();
  find_proposals(size, program);
  t.proposals = watch.lap();
  find_boxes(size, program, poll);
  t.boxes = watch.lap();
  find_masks(program, poll);
  t.masks = watch.lap();
}

DetectorRequest PartedDetector::request_of(const DetectorImage& image, const DetectorSize& size) const {
  DetectorRequest request;
  request.picture = image.data;
  request.sample = sample_of(image.type);
  request.h = image.h;
  request.w = image.w;
  request.out_h = size.h;
  request.out_w = size.w;
  std::copy_n(kMean, 3, request.mean);
  request.score_threshold = static_cast<float>(setting_of("score_threshold"));
  request.proposal_nms = kProposalNms;
  request.nms_threshold = setting_of("nms_threshold");
  return request;
}

// One launch; then what it left in bits becomes bytes.
void PartedDetector::run_whole(const DetectorRequest& request, const Poll& poll, DetectorProgram& program,
                               Detections& out) {
  if (poll && poll(0.0)) throw Error(Status::cancelled, "cancelled before the detector ran");
  const DetectorResult result = program.run(request);
  if (!result.finite) refuse_values("scores");
  out.width = request.w;
  out.height = request.h;
  const std::int64_t words = (request.w + 31) / 32;
  for (int i = 0; i < result.found; ++i) {
    const float* b = result.boxes + 4 * i;
    if (!has_area({b[0], b[1], b[2], b[3]})) continue;
    const PasteRectangle r = paste_rectangle(b, request.h, request.w);
    const std::uint32_t* bits = result.masks + i * request.h * words;
    out.boxes.insert(out.boxes.end(), b, b + 4);
    out.scores.push_back(result.scores[i]);
    out.classes.push_back(result.labels[i]);
    out.masks.push_back({r.x, r.y, r.w, r.h, out.mask_bytes.size()});
    for (std::int64_t y = r.y; y < r.y + r.h; ++y)
      for (std::int64_t x = r.x; x < r.x + r.w; ++x)
        out.mask_bytes.push_back(bits[y * words + x / 32] >> (x % 32) & 1u);
  }
}

void PartedDetector::run_photo(const ConstPixelView& photo, const PhotoPlace& place, const Poll& poll,
                               Detections& out, DetectTimings& timings) {
  const ThreadScope threads(network_.options.threads);
  out = {};
  if (is_video(photo.format) && !place.on_device)
    throw Error(Status::usage, "the detector takes no video; convert the frame to RGB first");
  Stopwatch watch;
  const DetectorSize size = size_of(photo.height, photo.width);
  const Features& features = features_of(size);
  const double compile = watch.lap();
  const DetectorImage image{nullptr, DetectorImage::Type::f64, photo.height, photo.width};
  if (features.whole) {
    DetectorRequest request = request_of(image, size);
    request.photo = photo_ref(photo);
    request.photo_on_device = place.on_device;
    request.stream = place.stream;
    Detections found;
    run_whole(request, poll, *features.whole, found);
    out = std::move(found);
    timings = {};
    timings.features = watch.lap();
  } else {
    const PhotoRef seen = photo_ref(photo);
    run_any(image, &seen, poll, out, timings);
  }
  timings.compile += compile;
}

}  // namespace

DetectorSize detector_size(std::int64_t h, std::int64_t w, double min_size, double max_size) {
  const auto rows = static_cast<double>(h), columns = static_cast<double>(w);
  const double scale = min_size / std::min(rows, columns);
  double new_h = h < w ? min_size : scale * rows, new_w = h < w ? scale * columns : min_size;
  if (const double longer = std::max(new_h, new_w); longer > max_size) {
    new_h *= max_size / longer;
    new_w *= max_size / longer;
  }
  DetectorSize size;
  // NOLINTBEGIN(bugprone-incorrect-roundings): the published rule
  size.h = std::max<std::int64_t>(static_cast<std::int64_t>(new_h + 0.5), 1);
  size.w = std::max<std::int64_t>(static_cast<std::int64_t>(new_w + 0.5), 1);
  // NOLINTEND(bugprone-incorrect-roundings)
  size.padded_h = padded(size.h);
  size.padded_w = padded(size.w);
  return size;
}

std::unique_ptr<Detector> make_detector(LoadedNetwork network) {
  return std::make_unique<PartedDetector>(std::move(network));
}

}  // namespace cuhue
