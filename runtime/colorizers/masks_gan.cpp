// Colorization with masks and a GAN (hallpaz/colorization-masks-gans): only the masked part gets colours.
#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "kernels/core/parallel.h"
#include "runtime/colorizers/mask.h"
#include "runtime/colorizers/per_photo.h"
#include "runtime/colorizers/photo_call.h"
#include "runtime/colorizers/program_cache.h"
#include "runtime/colorizers/systems.h"
#include "runtime/graph/scratch.h"
#include "runtime/stopwatch.h"
#include "weights/status.h"

namespace cuhue {
namespace {

constexpr std::int64_t kMultiple = 32;  // of the network's sizes: five layers of stride 2
// The longer side of what the network sees; smaller photos are seen as they are.
constexpr std::int64_t kMostSide = 512;

// A photo among the network's planes: its size there, and that of the planes.
struct Fit {
  std::int64_t h = 0, w = 0, padded_h = 0, padded_w = 0;
  friend bool operator==(const Fit&, const Fit&) = default;
};

std::int64_t padded(std::int64_t size) {
  return (size + kMultiple - 1) / kMultiple * kMultiple;
}

std::int64_t shrunk(std::int64_t side, std::int64_t longer) {
  if (longer <= kMostSide) return side;
  return std::max<std::int64_t>((side * kMostSide + longer / 2) / longer, 1);
}

std::string size_text(std::int64_t width, std::int64_t height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

// The original knows no other size than the photo's own.
Fit fit_of(const ConstPixelView& photo, bool as_published, std::size_t index) {
  const std::int64_t h = photo.height, w = photo.width, longer = std::max(h, w);
  if (!as_published) {
    const std::int64_t seen_h = shrunk(h, longer), seen_w = shrunk(w, longer);
    return {seen_h, seen_w, padded(seen_h), padded(seen_w)};
  }
  if (h % kMultiple == 0 && w % kMultiple == 0) return {h, w, h, w};
  throw Error(Status::usage, "photo " + std::to_string(index) +
                                 ": as published its width and height must be "
                                 "multiples of 32, but it is " +
                                 size_text(w, h) + "; crop it, or leave that option out");
}

class MasksGan final : public Colorizer {
 public:
  explicit MasksGan(LoadedNetwork network) : programs_(std::move(network), "uv", kPrograms) {}

  void run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
           ColorizeTimings& timings) override;
  void set(std::string_view setting, double value) override;
  void set_mask(std::size_t photo, const ConstPixelView& mask) override { masks_.set(photo, Mask(mask)); }
  void clear_masks() override { masks_.clear(); }
  std::int64_t weight_bytes() const override { return programs_.network().weights->bytes(); }
  std::int64_t arena_bytes() const override { return programs_.arena_bytes() + scratch_.bytes(); }

 private:
  const Mask& mask_of(const ColorizeJob& job, std::size_t index) const;
  void fill_mask(const ProgramCache::Found& found, const Mask& mask, const Fit& fit);
  void run_one(const ColorizeJob& job, std::size_t index, const ColorizeOptions& options, const Poll& poll,
               ColorizeTimings& timings);

  // Upright photos and those across.
  static constexpr std::size_t kPrograms = 2;

  ProgramCache programs_;
  Settings settings_;
  PerPhoto<Mask> masks_;
  Scratch scratch_;  // to resize masks
  std::size_t latest_count_ = 0;
  // Of which program's plane holds which mask.
  const Program* filled_ = nullptr;
  const Mask* filled_mask_ = nullptr;
  std::int64_t filled_version_ = 0;
  Fit filled_fit_;
};

void MasksGan::set(std::string_view setting, double value) {
  Settings changed = settings_;
  changed[std::string(setting)] = value;
  check_settings(*programs_.network().network, changed);
  settings_ = std::move(changed);
}

const Mask& MasksGan::mask_of(const ColorizeJob& job, std::size_t index) const {
  const std::string photo = "photo " + std::to_string(index);
  const Mask* mask = masks_.find(index);
  if (mask == nullptr) {
    throw Error(Status::usage, photo +
                                   ": no mask says what to colour; give one with --mask or --mask-rect "
                                   "(cuhue_colorizer_set_mask)");
  }
  if (mask->width() == job.in.width && mask->height() == job.in.height) return *mask;
  throw Error(Status::usage, photo + ": its mask is " + size_text(mask->width(), mask->height()) +
                                 ", the photo " + size_text(job.in.width, job.in.height) +
                                 "; they must be equal");
}

void MasksGan::fill_mask(const ProgramCache::Found& found, const Mask& mask, const Fit& fit) {
  if (!found.fresh && filled_ == &found.program && filled_mask_ == &mask &&
      filled_version_ == masks_.version() && filled_fit_ == fit) {
    return;
  }
  filled_ = nullptr;
  PrepareParams p;
  p.photo = mask.photo();
  p.out_h = fit.h;
  p.out_w = fit.w;
  p.padded_h = fit.padded_h;
  p.padded_w = fit.padded_w;
  p.luminance = Luminance::bt601_luma;
  p.out = found.program.input("mask").data;
  p.scratch = scratch_.get(prepare_scratch_bytes(mask.height(), mask.width(), fit.h, fit.w));
  prepare_cpu(p);
  filled_ = &found.program;
  filled_mask_ = &mask;
  filled_version_ = masks_.version();
  filled_fit_ = fit;
}

void MasksGan::run_one(const ColorizeJob& job, std::size_t index, const ColorizeOptions& options,
                       const Poll& poll, ColorizeTimings& timings) {
  Stopwatch watch;
  const Fit fit = fit_of(job.in, options.as_published, index);
  const Mask& mask = mask_of(job, index);
  const ProgramCache::Found found = programs_.find({1, fit.padded_h, fit.padded_w}, settings_);
  timings.compile += watch.lap();
  fill_mask(found, mask, fit);
  timings.prepare += watch.lap();
  PhotoJob photo = photo_job(job);
  photo.used_h = fit.h;
  photo.used_w = fit.w;
  if (options.gate) photo.gate = mask.gate();
  PhotoTimings t;
  found.program.run_photos({"y", "uv", Luminance::bt601_luma, ColorSpace::yuv}, {&photo, 1},
                           photo_options(options, ByteRounding::in_steps), poll, t);
  timings += t;
}

// One after another, each with the statistics of its own image and at its own size.
void MasksGan::run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
                   ColorizeTimings& timings) {
  const ThreadScope threads(programs_.network().options.threads);
  masks_.check_count(jobs.size(), "masks");
  for (std::size_t i = 0; i < jobs.size(); ++i) {  // before any photo gets colours
    mask_of(jobs[i], i);
    fit_of(jobs[i].in, options.as_published, i);
  }
  timings = {};
  ColorizeOptions one = options;
  one.prepared = options.prepared && jobs.size() == 1 && latest_count_ == 1;
  latest_count_ = 0;
  const auto count = static_cast<double>(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i)
    run_one(jobs[i], i, one, PollPart{poll, static_cast<double>(i), 1, count}.poll(), timings);
  latest_count_ = jobs.size();
}

}  // namespace

std::unique_ptr<Colorizer> make_masks_gan(std::span<const LoadedNetwork> networks) {
  return std::make_unique<MasksGan>(networks[0]);
}

}  // namespace cuhue
