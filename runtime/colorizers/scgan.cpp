// SCGAN (Zhao et al. 2020): colours, and a map of where people look.
#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "kernels/core/parallel.h"
#include "runtime/colorizers/photo_call.h"
#include "runtime/colorizers/program_cache.h"
#include "runtime/colorizers/scgan_published.h"
#include "runtime/colorizers/systems.h"
#include "runtime/stopwatch.h"
#include "weights/status.h"

namespace cuhue {
namespace {

constexpr std::int64_t kMultiple = 256;  // of the network's sizes: eight layers of stride 2
// The longer side of what the network sees. It was trained on 256x256; smaller photos are seen as they are.
constexpr std::int64_t kMostSide = 512;

// A photo among the network's planes: its size there, from the top left, and that of the planes.
struct Fit {
  std::int64_t h = 0, w = 0, padded_h = 0, padded_w = 0;
};

Fit fit_of(const ConstPixelView& photo) {
  const std::int64_t longer = std::max(photo.height, photo.width);
  const auto seen = [longer](std::int64_t side) {
    if (longer <= kMostSide) return side;
    return std::max<std::int64_t>((side * kMostSide + longer / 2) / longer, 1);
  };
  const auto padded = [](std::int64_t side) { return (side + kMultiple - 1) / kMultiple * kMultiple; };
  const std::int64_t h = seen(photo.height), w = seen(photo.width);
  return {h, w, padded(h), padded(w)};
}

class Scgan final : public Colorizer {
 public:
  explicit Scgan(LoadedNetwork network) : programs_(std::move(network), "color", kPrograms) {}

  void run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
           ColorizeTimings& timings) override;
  void set(std::string_view setting, double value) override;
  void keep_saliency(bool keep) override;
  SaliencyMap saliency(std::size_t photo) const override;
  std::int64_t weight_bytes() const override { return programs_.network().weights->bytes(); }
  std::int64_t arena_bytes() const override;

 private:
  struct Kept {
    std::int64_t h = 0, w = 0;
    std::vector<float> values;  // [h, w]
  };

  double property(std::string_view name) const;
  bool multispectral() const { return property("input") != 0.0; }
  void run_one(const ColorizeJob& job, std::size_t index, const ColorizeOptions& options, const Poll& poll,
               ColorizeTimings& timings);
  void run_published(const ColorizeJob& job, std::size_t index, const Poll& poll, ColorizeTimings& timings);
  void keep_map(Program& program, std::size_t index, std::int64_t h, std::int64_t w);
  std::string_view also() const { return keeps_saliency_ ? "saliency" : ""; }

  // Upright photos and those across.
  static constexpr std::size_t kPrograms = 2;

  ProgramCache programs_;
  Settings settings_;
  bool keeps_saliency_ = false;
  std::vector<Kept> maps_;       // of the latest call's photos
  bool maps_are_whole_ = false;  // that call ended well
  std::size_t latest_count_ = 0;
  const Program* latest_ = nullptr;  // whose planes hold the latest call's photo
};

// What the weights say of themselves.
double Scgan::property(std::string_view name) const {
  Settings all = settings_;
  const Settings& of_file = programs_.network().properties;
  all.insert(of_file.begin(), of_file.end());
  return setting(*programs_.network().network, all, name);
}

void Scgan::set(std::string_view setting, double value) {
  Settings changed = settings_;
  changed[std::string(setting)] = value;
  check_settings(*programs_.network().network, changed);
  settings_ = std::move(changed);
}

void Scgan::keep_saliency(bool keep) {
  if (keep && property("saliency") == 0.0) {
    throw Error(Status::usage,
                "these weights hold no saliency branch; convert a checkpoint of the whole generator, or ask "
                "for colours only");
  }
  keeps_saliency_ = keep;
  maps_are_whole_ = false;
}

SaliencyMap Scgan::saliency(std::size_t photo) const {
  if (!keeps_saliency_ || !maps_are_whole_) {
    throw Error(Status::usage,
                "no saliency was kept; ask for it before the photos are colorized "
                "(cuhue_colorizer_keep_saliency)");
  }
  if (photo >= maps_.size()) {
    throw Error(Status::usage, "there is no saliency of photo " + std::to_string(photo) +
                                   ": the latest call had " + std::to_string(maps_.size()) +
                                   " (counted from 0)");
  }
  const Kept& kept = maps_[photo];
  return {kept.values.data(), kept.h, kept.w, kept.w};
}

std::int64_t Scgan::arena_bytes() const {
  std::int64_t bytes = programs_.arena_bytes();
  for (const Kept& k : maps_) bytes += static_cast<std::int64_t>(k.values.capacity() * sizeof(float));
  return bytes;
}

// The part that is the photo.
void Scgan::keep_map(Program& program, std::size_t index, std::int64_t h, std::int64_t w) {
  if (!keeps_saliency_) return;
  const TensorRef plane = program.output("saliency");
  Kept& kept = maps_[index];
  kept.h = h;
  kept.w = w;
  kept.values.resize(static_cast<std::size_t>(h * w));
  for (std::int64_t y = 0; y < h; ++y)
    std::copy_n(plane.data + y * plane.dims.w, w, kept.values.data() + y * w);
}

void Scgan::run_one(const ColorizeJob& job, std::size_t index, const ColorizeOptions& options,
                    const Poll& poll, ColorizeTimings& timings) {
  Stopwatch watch;
  const Fit fit = fit_of(job.in);
  const ProgramCache::Found found = programs_.find({1, fit.padded_h, fit.padded_w}, settings_, also());
  timings.compile += watch.lap();
  PhotoJob photo = photo_job(job);
  photo.used_h = fit.h;
  photo.used_w = fit.w;
  PhotoOptions o = photo_options(options);
  o.prepared = options.prepared && !found.fresh && latest_ == &found.program;
  latest_ = nullptr;
  PhotoTimings t;
  PhotoEnds ends{"grey", "color", Luminance::bt601_luma, ColorSpace::rgb};
  ends.fill = PlaneFill::reflect;
  ends.also = also();
  found.program.run_photos(ends, {&photo, 1}, o, poll, t);
  latest_ = &found.program;
  timings += t;
  keep_map(found.program, index, fit.h, fit.w);
}

void Scgan::run_published(const ColorizeJob& job, std::size_t index, const Poll& poll,
                          ColorizeTimings& timings) {
  constexpr std::int64_t kSide = scgan_published::kSide;
  Stopwatch watch;
  latest_ = nullptr;
  Program& program = programs_.find({1, kSide, kSide}, settings_, also()).program;
  timings.compile += watch.lap();
  scgan_published::fill_input(job.in, program.input("grey"));
  timings.prepare += watch.lap();
  program.run(poll);
  const TensorRef color = program.output("color");
  check_colours({color.data, static_cast<std::size_t>(color.dims.count())});
  timings.network += watch.lap();
  scgan_published::write_picture(color, multispectral(), job.in, job.out);
  timings.finish += watch.lap();
  keep_map(program, index, kSide, kSide);
}

void check_published(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const char* what) {
  if (options.chroma != 1.0f)
    throw Error(Status::usage, std::string(what) + " have their own brightness: chroma must be 1");
  for (const ColorizeJob& job : jobs) {
    if (job.in_on_device || job.out_on_device)
      throw Error(Status::usage, std::string(what) + " are made of pixels in host memory");
  }
}

// One after another: each has its own size.
void Scgan::run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
                ColorizeTimings& timings) {
  const ThreadScope threads(programs_.network().options.threads);
  const bool published = options.as_published || multispectral();
  if (published)
    check_published(jobs, options, multispectral() ? "multispectral pictures" : "pictures as published");
  timings = {};
  ColorizeOptions one = options;
  one.prepared = options.prepared && jobs.size() == 1 && latest_count_ == 1;
  latest_count_ = 0;
  maps_are_whole_ = false;
  maps_.resize(keeps_saliency_ ? jobs.size() : 0);
  const auto count = static_cast<double>(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const PollPart part{poll, static_cast<double>(i), 1, count};
    if (published) {
      run_published(jobs[i], i, part.poll(), timings);
    } else {
      run_one(jobs[i], i, one, part.poll(), timings);
    }
  }
  latest_count_ = jobs.size();
  maps_are_whole_ = true;
}

}  // namespace

std::unique_ptr<Colorizer> make_scgan(std::span<const LoadedNetwork> networks) {
  return std::make_unique<Scgan>(networks[0]);
}

}  // namespace cuhue
