#include "runtime/cuda/detector_program.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "kernels/mask_paste/mask_paste.h"
#include "kernels/roi_align/roi_align.h"
#include "runtime/cuda/packed_photo.h"
#include "runtime/cuda/step.h"

namespace cuhue::cuda {
namespace {

constexpr std::array<const char*, kMostLevels> kLogits = {"logits2", "logits3", "logits4", "logits5",
                                                          "logits6"};
constexpr std::array<const char*, kMostLevels> kDeltas = {"deltas2", "deltas3", "deltas4", "deltas5",
                                                          "deltas6"};
constexpr std::array<const char*, kCropLevels> kPyramid = {"p2", "p3", "p4", "p5"};
constexpr std::int64_t kMaskPixels = std::int64_t{kMaskSize} * kMaskSize;

// Offsets in one block of memory.
class Offsets {
 public:
  std::int64_t take(std::int64_t bytes) {
    return std::exchange(bytes_,
                         bytes_ + (bytes + kDeviceAlignment - 1) / kDeviceAlignment * kDeviceAlignment);
  }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::int64_t bytes_ = 0;
};

// What lies where, in device memory; `results` and what follows it is copied to the host.
struct Places {
  std::int64_t photo = 0, picture = 0, input = 0, proposals = 0, count = 0, proposal_scratch = 0,
               detections = 0, detection_scratch = 0, masks = 0;
  std::int64_t results = 0, not_finite = 0, found = 0, boxes = 0, scores = 0, labels = 0, few_results = 0,
               bits = 0;
};

std::int64_t sample_bytes(PictureSample sample) {
  switch (sample) {
    case PictureSample::u8: return 1;
    case PictureSample::f32: return 4;
    case PictureSample::f64: break;
  }
  return 8;
}

std::int64_t picture_bytes(const DetectorRequest& r) {
  return r.h * r.w * 3 * sample_bytes(r.sample);
}

// What passes through pinned memory.
std::int64_t uploaded_bytes(const DetectorRequest& r) {
  if (r.photo.data == nullptr) return picture_bytes(r);
  return r.photo_on_device ? 0 : packed_photo_bytes(packed_photo(r.photo));
}

// The photo's address counts where it is read there.
bool same_photo(const DetectorRequest& a, const DetectorRequest& b) {
  if ((a.photo.data == nullptr) != (b.photo.data == nullptr) || a.photo_on_device != b.photo_on_device)
    return false;
  return a.photo_on_device ? a.photo == b.photo : packed_photo(a.photo) == packed_photo(b.photo);
}

// Do both need the same recording?
bool same_shape(const DetectorRequest& a, const DetectorRequest& b) {
  return same_photo(a, b) && a.sample == b.sample && a.h == b.h && a.w == b.w && a.out_h == b.out_h &&
         a.out_w == b.out_w && std::ranges::equal(a.mean, b.mean) && a.score_threshold == b.score_threshold &&
         a.proposal_nms == b.proposal_nms && a.nms_threshold == b.nms_threshold;
}

class CudaDetectorProgram final : public DetectorProgram {
 public:
  CudaDetectorProgram(const NetworkParts& parts, LoweredDetector lowered)
      : device_(parts.device),
        features_(parts, std::move(lowered.features)),
        box_head_(parts, std::move(lowered.box_head)),
        mask_head_(parts, std::move(lowered.mask_head)),
        stream_(device_) {}
  ~CudaDetectorProgram() override {
    try {
      device_->synchronize(stream_.get());
    } catch (const std::exception&) {  // the device is beyond running anything
    }
  }

  DetectorResult run(const DetectorRequest& request) override;
  std::int64_t arena_bytes() const override {
    return features_.arena_bytes() + box_head_.arena_bytes() + mask_head_.arena_bytes() + memory_.bytes();
  }
  int graph_nodes() const override { return recording_ ? recording_->nodes() : 0; }

 private:
  void prepare(const DetectorRequest& request);
  void enqueue(Stream stream) const;
  void enqueue_input(Stream stream) const;
  void enqueue_proposals(Stream stream) const;
  void enqueue_boxes(Stream stream) const;
  void enqueue_masks(Stream stream) const;
  void fetch_masks(std::int32_t found, Stream stream);
  std::int64_t mask_bytes() const { return request_.h * ((request_.w + 31) / 32) * 4; }
  void crop(const float* boxes, int count, int side, float* to, Stream stream) const;
  DetectorInputParams input_params() const;

  static float* in(const BoundNetwork& n, const char* name) {
    return n.planes(n.lowered().inputs[n.input(name)]);
  }
  static const Port& out_port(const BoundNetwork& n, const char* name) {
    return n.lowered().outputs[n.output(name)];
  }
  static float* out(const BoundNetwork& n, const char* name) { return n.planes(out_port(n, name)); }
  template <class T>
  T* at(std::int64_t place) const {
    return reinterpret_cast<T*>(memory_.data() + place);
  }
  int rows() const { return static_cast<int>(box_head_.lowered().inputs[0].dims.n); }
  int classes() const { return static_cast<int>(out_port(box_head_, "class_logits").dims.c) - 1; }

  std::shared_ptr<Device> device_;
  BoundNetwork features_, box_head_, mask_head_;
  OwnedStream stream_;
  DetectorRequest request_;
  Places places_;
  Memory memory_;
  PinnedMemory upload_, results_, masks_;  // a photo or a picture; what was found
  std::unique_ptr<Recording> recording_;
};

DetectorInputParams CudaDetectorProgram::input_params() const {
  const Dims padded = features_.lowered().inputs[0].dims;
  DetectorInputParams p;
  p.sample = request_.sample;
  p.h = request_.h;
  p.w = request_.w;
  p.out_h = request_.out_h;
  p.out_w = request_.out_w;
  p.padded_h = padded.h;
  p.padded_w = padded.w;
  std::copy_n(request_.mean, 3, p.mean);
  return p;
}

// Memory for requests of this shape, and none for others.
void CudaDetectorProgram::prepare(const DetectorRequest& request) {
  recording_.reset();
  request_ = request;
  constexpr std::int64_t kBoxBytes = kMostDetections * std::int64_t{sizeof(Box)};
  constexpr std::int64_t kFloats = kMostDetections * std::int64_t{sizeof(float)};
  Offsets o;
  if (request.photo.data != nullptr) places_.photo = o.take(uploaded_bytes(request));
  places_.picture = o.take(picture_bytes(request));
  places_.input = o.take(static_cast<std::int64_t>(detector_input_scratch_bytes(input_params())));
  places_.proposals = o.take(rows() * std::int64_t{sizeof(Box)});
  places_.count = o.take(sizeof(std::int32_t));
  places_.proposal_scratch = o.take(static_cast<std::int64_t>(proposal_scratch_bytes(kMostLevels, rows())));
  places_.detections = o.take(kBoxBytes);
  places_.detection_scratch = o.take(static_cast<std::int64_t>(detection_scratch_bytes(rows(), classes())));
  places_.masks = o.take(kMostDetections * kMaskPixels * std::int64_t{sizeof(float)});
  places_.results = o.bytes();
  places_.not_finite = o.take(kMostLevels * sizeof(std::int32_t));
  places_.found = o.take(sizeof(std::int32_t));
  places_.boxes = o.take(kBoxBytes);
  places_.scores = o.take(kFloats);
  places_.labels = o.take(kFloats);
  places_.few_results = o.bytes();
  places_.bits = o.take(kMostDetections * mask_bytes());
  memory_ = {};  // before another is taken
  masks_ = {};
  upload_ = {};
  results_ = {};
  memory_ = Memory(device_, o.bytes(), "a detector's picture and results");
  upload_ = PinnedMemory(device_, std::max<std::int64_t>(uploaded_bytes(request), 1),
                         "staging of a detector's picture");
  results_ = PinnedMemory(device_, places_.few_results - places_.results, "staging of a detector's results");
}

void CudaDetectorProgram::enqueue_input(Stream stream) const {
  const bool photo = request_.photo.data != nullptr;
  if (const std::int64_t bytes = uploaded_bytes(request_); bytes > 0)
    device_->copy(at<std::byte>(photo ? places_.photo : places_.picture), upload_.data(), bytes, stream);
  if (photo) {
    const PhotoRef seen = request_.photo_on_device
                              ? request_.photo
                              : photo_at(packed_photo(request_.photo), at<std::byte>(places_.photo));
    lightness_picture_cuda(seen, at<double>(places_.picture), stream);
  }
  DetectorInputParams p = input_params();
  p.picture = at<std::byte>(places_.picture);
  p.scratch = at<std::byte>(places_.input);
  p.out = in(features_, "image");
  detector_input_cuda(p, stream);
}

void CudaDetectorProgram::enqueue_proposals(Stream stream) const {
  ProposalParams p;
  for (std::size_t i = 0; i < kLogits.size(); ++i) {
    AnchorLevel& level = p.levels[i];
    const Dims dims = out_port(features_, kLogits[i]).dims;
    level.logits = out(features_, kLogits[i]);
    level.deltas = out(features_, kDeltas[i]);
    level.h = static_cast<int>(dims.h);
    level.w = static_cast<int>(dims.w);
    level.logit_channel = level.delta_channel = dims.h * dims.w;
    level.stride = static_cast<float>(4 << i);
    fill_anchor_cells(32 << i, level.cells);
  }
  p.most = rows();
  p.nms_threshold = request_.proposal_nms;
  p.image_w = static_cast<float>(request_.out_w);
  p.image_h = static_cast<float>(request_.out_h);
  p.boxes = at<float>(places_.proposals);
  p.count = at<std::int32_t>(places_.count);
  p.not_finite = at<std::int32_t>(places_.not_finite);
  p.scratch = at<std::byte>(places_.proposal_scratch);
  select_proposals_cuda(p, stream);
}

void CudaDetectorProgram::crop(const float* boxes, int count, int side, float* to, Stream stream) const {
  RoiAlignDeviceParams p;
  for (std::size_t i = 0; i < kPyramid.size(); ++i)
    p.levels[i] = features_.tensor(*out_port(features_, kPyramid[i]).made);
  p.boxes = boxes;
  p.count = count;
  p.size = side;
  const std::int64_t bins = std::int64_t{side} * side;
  p.out = {to, p.levels[0].dims.c * bins, bins, 1};
  roi_align_cuda(p, stream);
}

void CudaDetectorProgram::enqueue_boxes(Stream stream) const {
  crop(at<float>(places_.proposals), rows(), kBoxCrop, in(box_head_, "box_crops"), stream);
  box_head_.run_steps(0, box_head_.lowered().steps.size(), stream);
  DetectionParams p;
  p.class_logits = out(box_head_, "class_logits");
  p.box_deltas = out(box_head_, "box_deltas");
  p.proposals = at<float>(places_.proposals);
  p.count = at<std::int32_t>(places_.count);
  p.rows = rows();
  p.classes = classes();
  p.score_threshold = request_.score_threshold;
  p.nms_threshold = request_.nms_threshold;
  p.image_w = static_cast<float>(request_.out_w);
  p.image_h = static_cast<float>(request_.out_h);
  p.boxes = at<float>(places_.detections);
  p.scores = at<float>(places_.scores);
  p.labels = at<std::int32_t>(places_.labels);
  p.found = at<std::int32_t>(places_.found);
  p.scratch = at<std::byte>(places_.detection_scratch);
  select_detections_cuda(p, stream);
}

void CudaDetectorProgram::enqueue_masks(Stream stream) const {
  const auto* boxes = at<float>(places_.detections);
  crop(boxes, kMostDetections, kMaskCrop, in(mask_head_, "mask_crops"), stream);
  mask_head_.run_steps(0, mask_head_.lowered().steps.size(), stream);
  const auto* labels = at<std::int32_t>(places_.labels);
  auto* masks = at<float>(places_.masks);
  mask_pick_cuda({out(mask_head_, "mask_logits"), labels, kMostDetections, classes(), masks}, stream);
  BoxScaleParams scale;
  scale.boxes = boxes;
  scale.count = kMostDetections;
  scale.w = static_cast<float>(request_.w);
  scale.h = static_cast<float>(request_.h);
  scale.x_scale = static_cast<float>(static_cast<double>(request_.w) / static_cast<double>(request_.out_w));
  scale.y_scale = static_cast<float>(static_cast<double>(request_.h) / static_cast<double>(request_.out_h));
  scale.out = at<float>(places_.boxes);
  scale_boxes_cuda(scale, stream);
  mask_paste_cuda({masks, scale.out, at<std::int32_t>(places_.found), kMostDetections, request_.h, request_.w,
                   at<std::uint32_t>(places_.bits)},
                  stream);
}

void CudaDetectorProgram::enqueue(Stream stream) const {
  enqueue_input(stream);
  features_.run_steps(0, features_.lowered().steps.size(), stream);
  enqueue_proposals(stream);
  enqueue_boxes(stream);
  enqueue_masks(stream);
  device_->copy(results_.data(), at<std::byte>(places_.results), places_.few_results - places_.results,
                stream);
}

DetectorResult CudaDetectorProgram::run(const DetectorRequest& request) {
  const Stream stream = request.stream != nullptr ? request.stream : stream_.get();
  if (memory_.data() == nullptr || !same_shape(request, request_)) {
    device_->synchronize(stream);
    prepare(request);
  }
  if (request.photo.data == nullptr) {
    std::memcpy(upload_.data(), request.picture, static_cast<std::size_t>(picture_bytes(request)));
  } else if (!request.photo_on_device) {
    pack_photo(request.photo, packed_photo(request.photo), upload_.data());
  }
  if (recording_) {
    device_->launch([&] { recording_->launch(stream); });
  } else {
    // Step by step first: a library loads its code at the first launch, which a capture does not allow.
    device_->launch([&] { enqueue(stream); });
  }
  device_->synchronize(stream);
  if (!recording_) recording_ = device_->record([this](Stream s) { enqueue(s); });
  const auto result = [&](std::int64_t place) { return results_.data() + (place - places_.results); };
  DetectorResult r;
  std::int32_t found = 0;
  std::memcpy(&found, result(places_.found), sizeof found);
  r.found = found;
  std::array<std::int32_t, kMostLevels> not_finite{};
  std::memcpy(not_finite.data(), result(places_.not_finite), sizeof not_finite);
  r.finite = std::ranges::count(not_finite, 0) == kMostLevels;
  r.boxes = reinterpret_cast<const float*>(result(places_.boxes));
  r.scores = reinterpret_cast<const float*>(result(places_.scores));
  r.labels = reinterpret_cast<const std::int32_t*>(result(places_.labels));
  fetch_masks(found, stream);
  r.masks = reinterpret_cast<const std::uint32_t*>(masks_.data());
  return r;
}

// Of those found only: there is room for a hundred, and a photo has few.
void CudaDetectorProgram::fetch_masks(std::int32_t found, Stream stream) {
  const std::int64_t bytes = found * mask_bytes();
  if (bytes == 0) return;
  if (bytes > masks_.bytes()) {
    const auto planes =
        static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint32_t>(std::max(found, 8))));
    masks_ = {};
    masks_ = PinnedMemory(device_, std::min(planes, std::int64_t{kMostDetections}) * mask_bytes(),
                          "staging of a detector's masks");
  }
  device_->copy(masks_.data(), at<std::byte>(places_.bits), bytes, stream);
  device_->synchronize(stream);
}

}  // namespace

std::unique_ptr<DetectorProgram> make_detector_program(const NetworkParts& parts, LoweredDetector lowered) {
  return std::make_unique<CudaDetectorProgram>(parts, std::move(lowered));
}

}  // namespace cuhue::cuda
