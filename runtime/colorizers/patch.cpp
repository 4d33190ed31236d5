// PatchColorization: the photo and each object that a detector finds in it get colours by themselves.
#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/core/parallel.h"
#include "runtime/colorizers/detector.h"
#include "runtime/colorizers/patch_colors.h"
#include "runtime/colorizers/patches.h"
#include "runtime/colorizers/per_photo.h"
#include "runtime/colorizers/photo_copy.h"
#include "runtime/colorizers/systems.h"
#include "runtime/stopwatch.h"
#include "weights/status.h"

namespace cuhue {
namespace {

constexpr std::int64_t kMostSide = 1280;  // of a photo as published
constexpr double kDetectorShare = 0.4;    // of a photo's work, for progress

struct Knob {
  const char* name;
  double value, min, max;
};

class Patch final : public Colorizer {
 public:
  // detector: nullptr = objects must be given.
  Patch(const LoadedNetwork& colors, std::unique_ptr<Detector> detector, std::int64_t side)
      : colors_(colors, side), detector_(std::move(detector)) {}

  void run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
           ColorizeTimings& timings) override;
  PictureSize result_of(const PictureSize& photo, const ColorizeOptions& options) const override;
  void set(std::string_view setting, double value) override;
  void set_detections(std::size_t photo, Detections detections) override {
    given_.set(photo, std::move(detections));
  }
  void clear_detections() override { given_.clear(); }
  const Detections& detections_of(std::size_t index) const override;
  std::int64_t weight_bytes() const override {
    return colors_.network().weights->bytes() + (detector_ ? detector_->weight_bytes() : 0);
  }
  std::int64_t arena_bytes() const override {
    return colors_.bytes() + (detector_ ? detector_->arena_bytes() : 0) + copy_.bytes();
  }

 private:
  // One photo on its way.
  struct Task {
    const ColorizeJob& job;
    std::size_t index;
    ConstPixelView photo;  // of the result's size
    const ColorizeOptions& options;
    bool kept;  // the photo is that of the latest call
    const Poll& poll;
    ColorizeTimings& timings;
  };

  double knob(std::string_view name) const { return std::ranges::find(knobs_, name, &Knob::name)->value; }
  void check_call(std::span<const ColorizeJob> jobs, const ColorizeOptions& options) const;
  void find_objects(const Task& task);
  void run_one(const Task& task);

  std::array<Knob, 4> knobs_{{{"min_area", 0.001, 0, 1},
                              {"feather", 0, 0, PatchRule::kMostFeather},
                              {"adjust_saturation", 1, 0, 1},
                              {"batch_mib", 512, 0, 1 << 20}}};
  PatchColors colors_;
  std::unique_ptr<Detector> detector_;
  PerPhoto<Detections> given_;
  std::vector<Detections> latest_;  // of the latest call's photos
  std::vector<bool> latest_found_;  // by the detector: what it found in a photo it would find again
  PhotoCopy copy_;
};

PictureSize Patch::result_of(const PictureSize& photo, const ColorizeOptions& options) const {
  if (!options.as_published || std::max(photo.width, photo.height) <= kMostSide) return photo;
  const auto w = static_cast<double>(photo.width), h = static_cast<double>(photo.height);
  const auto shorter = [](double side) { return std::max<std::int64_t>(static_cast<std::int64_t>(side), 1); };
  if (photo.width > photo.height) return {kMostSide, shorter(kMostSide * (h / w))};
  return {shorter(kMostSide * (w / h)), kMostSide};
}

void Patch::set(std::string_view setting, double value) {
  const auto own = std::ranges::find(knobs_, setting, &Knob::name);
  if (own == knobs_.end()) {
    latest_found_.clear();
    if (detector_) return detector_->set(setting, value);
    throw Error(Status::usage, "setting '" + std::string(setting) +
                                   "' is none of min_area, feather, adjust_saturation, batch_mib, and there "
                                   "is no detector (mask-rcnn) that could have it");
  }
  if (!(value >= own->min && value <= own->max)) {
    throw Error(Status::usage, std::string(setting) + " must be from " + std::to_string(own->min) + " to " +
                                   std::to_string(own->max));
  }
  own->value = value;
}

const Detections& Patch::detections_of(std::size_t index) const {
  if (index < latest_.size()) return latest_[index];
  throw Error(Status::usage, "the latest call had " + std::to_string(latest_.size()) +
                                 " photos: there is no photo " + std::to_string(index) + " (counted from 0)");
}

void Patch::find_objects(const Task& task) {
  Detections& found = latest_[task.index];
  if (const Detections* given = given_.find(task.index)) {
    check_detections(*given, task.photo.width, task.photo.height);
    found = *given;
    latest_found_[task.index] = false;
    return;
  }
  if (task.kept && latest_found_[task.index]) return;
  latest_found_[task.index] = false;
  DetectTimings t;
  detector_->run_photo(task.photo, {task.job.in_on_device, task.options.stream},
                       PollPart{task.poll, 0, kDetectorShare}.poll(), found, t);
  latest_found_[task.index] = true;
  task.timings.compile += t.compile;
  task.timings.detect += t.prepare + t.features + t.proposals + t.boxes + t.masks;
}

void Patch::run_one(const Task& task) {
  find_objects(task);
  const double before = latest_found_[task.index] ? kDetectorShare : 0;
  const Patches patches =
      find_patches(latest_[task.index], {knob("min_area"), static_cast<int>(knob("feather"))});
  PatchColors::Call call{.photo = task.photo, .out = task.job.out, .patches = patches};
  call.in_on_device = task.job.in_on_device;
  call.out_on_device = task.job.out_on_device;
  call.temperature = static_cast<double>(task.options.temperature);
  call.chroma = task.options.chroma;
  call.saturation = knob("adjust_saturation") != 0 ? Saturation::by_luma : Saturation::kept;
  call.kept = task.kept;
  call.most_bytes = knob("batch_mib") * (1 << 20);
  call.stream = task.options.stream;
  colors_.run(call, PollPart{task.poll, before, 1 - before}.poll(), task.timings);
}

// Before any photo gets colours.
void Patch::check_call(std::span<const ColorizeJob> jobs, const ColorizeOptions& options) const {
  given_.check_count(jobs.size(), "objects");
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const std::string photo = "photo " + std::to_string(i);
    const PictureSize size{jobs[i].in.width, jobs[i].in.height}, result = result_of(size, options);
    if (jobs[i].in_on_device && size != result) {
      throw Error(Status::usage,
                  photo + ": as published it is shrunk to " + std::to_string(result.width) + "x" +
                      std::to_string(result.height) +
                      " first, which is done in host memory; copy it there, or colour it at its own size");
    }
    if (detector_ || given_.find(i) != nullptr) continue;
    throw Error(Status::weights,
                photo +
                    ": there are no weights of the detector and no objects were given; give weights of "
                    "network 'mask-rcnn' with -m, or objects with --detections "
                    "(cuhue_colorizer_set_detections)");
  }
}

// One after another; the crops of each are batches.
void Patch::run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
                ColorizeTimings& timings) {
  const ThreadScope threads(colors_.network().options.threads);
  check_call(jobs, options);
  timings = {};
  const bool kept = options.prepared && jobs.size() == 1 && latest_.size() == 1;
  if (!kept) {
    latest_.assign(jobs.size(), {});
    latest_found_.assign(jobs.size(), false);
  }
  latest_found_.resize(jobs.size(), false);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const ConstPixelView& in = jobs[i].in;
    const PictureSize size = result_of({in.width, in.height}, options);
    Stopwatch watch;
    const bool copied =
        !jobs[i].in_on_device && (is_video(in.format) || size != PictureSize{in.width, in.height});
    const ConstPixelView photo = copied ? copy_.resized(in, size.width, size.height) : in;
    timings.prepare += watch.lap();
    const bool same_size = latest_[i].width == size.width && latest_[i].height == size.height;
    const PollPart part{poll, static_cast<double>(i), 1, static_cast<double>(jobs.size())};
    run_one({jobs[i], i, photo, options, kept && same_size, part.poll(), timings});
  }
}

}  // namespace

std::unique_ptr<Colorizer> make_patch(std::span<const LoadedNetwork> networks, std::int64_t side) {
  return std::make_unique<Patch>(networks[0],
                                 networks[1].network != nullptr ? make_detector(networks[1]) : nullptr, side);
}
std::unique_ptr<Colorizer> make_patch(std::span<const LoadedNetwork> networks) {
  return make_patch(networks, PatchColors::kPublishedSide);
}

}  // namespace cuhue
