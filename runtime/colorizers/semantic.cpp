// Semantic-driven Colorization (Ho et al. 2021): a network labels what is in the photo, another colours it by
// its labels, which the user may correct.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/core/parallel.h"
#include "runtime/colorizers/labels.h"
#include "runtime/colorizers/per_photo.h"
#include "runtime/colorizers/photo_call.h"
#include "runtime/colorizers/program_cache.h"
#include "runtime/colorizers/semantic_published.h"
#include "runtime/colorizers/systems.h"
#include "runtime/image/photo_ref.h"
#include "runtime/stopwatch.h"
#include "weights/status.h"

namespace cuhue {
namespace {

namespace published = semantic_published;

constexpr std::int64_t kMultiple = 32;  // of the planes' sizes: five layers of stride 2
// Chroma 1 of the network in units of a and b: bytes of Lab are 127.5 v + 127.5.
constexpr float kUnit = 127.5f;
// What the two networks share of a call: multiply-accumulates.
constexpr double kLabelsShare = 29.94 / (29.94 + 50.46);

std::string size_text(std::int64_t width, std::int64_t height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

// The side of a plane of so many pixels whose sides are as `side` to `other`.
std::int64_t plane_side(std::int64_t area, std::int64_t side, std::int64_t other) {
  const double exact =
      std::sqrt(static_cast<double>(area) * static_cast<double>(side) / static_cast<double>(other));
  const auto rounded = static_cast<std::int64_t>(std::nearbyint(exact / kMultiple)) * kMultiple;
  return std::clamp(rounded, kMultiple, area / kMultiple / kMultiple * kMultiple);
}

PictureSize size_of(const ConstPixelView& v) {
  return {v.width, v.height};
}

void write_map(const LabelMap& map, const PixelView& out) {
  resize_labels_cpu({map.ref(), {out.data, out.width, out.height, out.stride}});
}

void check_map(const PixelView& map, const PictureSize& result) {
  if (map.format != PixelFormat::grey8)
    throw Error(Status::usage, "labels need a grey picture of bytes; give one of that format");
  if (PictureSize{map.width, map.height} != result) {
    throw Error(Status::usage, "the picture for labels is " + size_text(map.width, map.height) +
                                   ", the photo's result is " + size_text(result.width, result.height) +
                                   "; they must be equal");
  }
}

class Semantic final : public Colorizer {
 public:
  Semantic(LoadedNetwork colornet, const LoadedNetwork& segnet, std::int64_t area)
      : area_(area), colours_(keeping(std::move(colornet)), "ab", kPrograms) {
    if (segnet.network != nullptr) finder_.emplace(segnet, "labels", kPrograms);
  }

  void run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
           ColorizeTimings& timings) override;
  PictureSize result_of(const PictureSize& photo, const ColorizeOptions& options) const override {
    return options.as_published ? PictureSize{published::kSide, published::kSide} : photo;
  }
  void set_labels(std::size_t photo, const ConstPixelView& map) override { given_.set(photo, LabelMap(map)); }
  void clear_labels() override { given_.clear(); }
  void labels_of(std::size_t index, const PixelView& map) const override;
  void find_labels(const ConstPixelView& photo, const ColorizeOptions& options,
                   const PixelView& map) override;
  std::int64_t weight_bytes() const override {
    return colours_.network().weights->bytes() + (finder_ ? finder_->network().weights->bytes() : 0);
  }
  std::int64_t arena_bytes() const override {
    return colours_.arena_bytes() + (finder_ ? finder_->arena_bytes() : 0);
  }

 private:
  // What a photo of the latest call was coloured by.
  struct Coloured {
    LabelMap map;    // of the planes' size
    LabelMap given;  // the user's, where there is one: map is made of it
    PictureSize photo, result;
    bool found = false;  // by the network
    bool as_published = false;
  };

  // The photo's half of the network is kept while labels change.
  static LoadedNetwork keeping(LoadedNetwork colornet) {
    colornet.options.keep = {"grey"};
    return colornet;
  }
  PictureSize planes_of(const PictureSize& photo, const ColorizeOptions& options) const {
    if (options.as_published) return {published::kSide, published::kSide};
    return {plane_side(area_, photo.width, photo.height), plane_side(area_, photo.height, photo.width)};
  }
  const LabelMap* given_for(const ColorizeJob& job, std::size_t index, const ColorizeOptions& options) const;
  const Coloured* kept_for(const ColorizeJob& job, std::size_t index, const ColorizeOptions& options) const;
  void check(std::span<const ColorizeJob> jobs, const ColorizeOptions& options) const;
  void find_in(const ColorizeJob& job, const ColorizeOptions& options, const Poll& poll, LabelMap& map,
               ColorizeTimings& timings);
  void run_one(const ColorizeJob& job, std::size_t index, const ColorizeOptions& options, const Poll& poll,
               ColorizeTimings& timings);
  void colour(Program& program, const ColorizeJob& job, const ColorizeOptions& options, const Poll& poll,
              ColorizeTimings& timings);
  void colour_as_published(Program& program, const ColorizeJob& job, bool kept, const Poll& poll,
                           ColorizeTimings& timings);

  // Upright photos and those across.
  static constexpr std::size_t kPrograms = 2;

  std::int64_t area_;  // pixels of the planes, whatever the photo's aspect
  ProgramCache colours_;
  std::optional<ProgramCache> finder_;
  PerPhoto<LabelMap> given_;
  std::vector<Coloured> latest_, coloured_;  // of the latest call, of the present one
};

// ---- which labels

const LabelMap* Semantic::given_for(const ColorizeJob& job, std::size_t index,
                                    const ColorizeOptions& options) const {
  const LabelMap* map = given_.find(index);
  if (map == nullptr) return nullptr;
  const PictureSize result = result_of(size_of(job.in), options);
  if (PictureSize{map->width(), map->height()} == result) return map;
  throw Error(Status::usage, "photo " + std::to_string(index) + ": its label map is " +
                                 size_text(map->width(), map->height()) + ", its result " +
                                 size_text(result.width, result.height) + "; they must be equal");
}

// Where photos are kept, so are the labels that were found in them.
const Semantic::Coloured* Semantic::kept_for(const ColorizeJob& job, std::size_t index,
                                             const ColorizeOptions& options) const {
  if (!options.prepared || index >= latest_.size()) return nullptr;
  const Coloured& c = latest_[index];
  return c.photo == size_of(job.in) && c.as_published == options.as_published ? &c : nullptr;
}

// All that can be known before any photo gets colours.
void Semantic::check(std::span<const ColorizeJob> jobs, const ColorizeOptions& options) const {
  given_.check_count(jobs.size(), "label maps");
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const bool on_device = jobs[i].in_on_device || jobs[i].out_on_device;
    if (options.as_published && on_device) {
      throw Error(Status::usage,
                  "photo " + std::to_string(i) +
                      ": its pixels are in device memory, but as published the system's "
                      "bytes are made on the host; give host memory, or leave that option out");
    }
    if (given_for(jobs[i], i, options) != nullptr || finder_) continue;
    throw Error(
        Status::weights,
        "photo " + std::to_string(i) +
            ": it has no label map, and network 'segnet', which would find its labels, has no weights; "
            "give a map with --labels (cuhue_colorizer_set_labels), or weights of segnet with -m");
  }
}

void Semantic::find_in(const ColorizeJob& job, const ColorizeOptions& options, const Poll& poll,
                       LabelMap& map, ColorizeTimings& timings) {
  Stopwatch watch;
  const PictureSize planes = planes_of(size_of(job.in), options);
  Program& program = finder_->find({1, planes.height, planes.width}, {}).program;
  timings.compile += watch.lap();
  if (options.as_published) {
    const std::vector<std::uint8_t> grey = published::grey_of(photo_ref(job.in));
    std::ranges::transform(grey, program.input("grey").data,
                           [](std::uint8_t g) { return static_cast<float>(g) / 255.0f; });
    timings.prepare += watch.lap();
    program.run(poll);
  } else {
    const PhotoJob photo = photo_job(job);
    PhotoOptions wanted;
    wanted.stream = options.stream;
    PhotoTimings t;
    program.run_photos({"grey", {}, Luminance::bt601_luma}, {&photo, 1}, wanted, poll, t);
    timings.prepare += t.prepare;
    watch.lap();
    timings.network += t.network;
  }
  const TensorRef labels = program.output("labels");
  map.resize(planes.width, planes.height);
  for (std::size_t i = 0; i < map.pixels().size(); ++i) {
    const float label = labels.data[i];
    if (!(label >= 0)) {
      throw Error(Status::weights,
                  "network segnet: its scores are not finite numbers; convert its checkpoint again");
    }
    map.pixels()[i] = static_cast<std::uint8_t>(label);
  }
  if (options.as_published) timings.network += watch.lap();
}

void Semantic::labels_of(std::size_t index, const PixelView& map) const {
  if (index >= latest_.size()) {
    throw Error(Status::usage, "there are no labels of photo " + std::to_string(index) +
                                   ": the latest call had " + std::to_string(latest_.size()) +
                                   " photos (counted from 0); colour it first");
  }
  check_map(map, latest_[index].result);
  const Coloured& c = latest_[index];
  write_map(c.found ? c.map : c.given, map);
}

void Semantic::find_labels(const ConstPixelView& photo, const ColorizeOptions& options,
                           const PixelView& map) {
  const ThreadScope threads(colours_.network().options.threads);
  if (!finder_) {
    throw Error(Status::weights,
                "network 'segnet', which finds labels, has no weights; give them to the colorizer");
  }
  check_map(map, result_of(size_of(photo), options));
  ColorizeJob job;
  job.in = photo;
  ColorizeTimings timings;
  LabelMap found;
  find_in(job, options, {}, found, timings);
  write_map(found, map);
}

// ---- photos

void Semantic::colour(Program& program, const ColorizeJob& job, const ColorizeOptions& options,
                      const Poll& poll, ColorizeTimings& timings) {
  PhotoEnds ends{"grey", "ab", Luminance::bt601_luma};
  ends.unit = kUnit;
  ends.limit = 1.0f;
  const PhotoJob photo = photo_job(job);
  PhotoTimings t;
  program.run_photos(ends, {&photo, 1}, photo_options(options), poll, t);
  timings += t;
}

void Semantic::colour_as_published(Program& program, const ColorizeJob& job, bool kept, const Poll& poll,
                                   ColorizeTimings& timings) {
  Stopwatch watch;
  const std::vector<std::uint8_t> grey = published::grey_of(photo_ref(job.in));
  std::ranges::transform(grey, program.input("grey").data,
                         [](std::uint8_t g) { return static_cast<float>(g) / 255.0f; });
  timings.prepare += watch.lap();
  program.run(poll, kept);
  const TensorRef ab = program.output("ab");
  check_colours({ab.data, static_cast<std::size_t>(ab.dims.count())});
  timings.network += watch.lap();
  published::write_picture(grey, ab.data, photo_ref(job.out));
  timings.finish += watch.lap();
}

void Semantic::run_one(const ColorizeJob& job, std::size_t index, const ColorizeOptions& options,
                       const Poll& poll, ColorizeTimings& timings) {
  const PollPart finding{poll, 0, kLabelsShare}, colouring{poll, kLabelsShare, 1 - kLabelsShare};
  const LabelMap* given = given_for(job, index, options);
  const Coloured* before = kept_for(job, index, options);
  Coloured& c = coloured_[index];
  c.photo = size_of(job.in);
  c.result = result_of(c.photo, options);
  c.as_published = options.as_published;
  c.found = given == nullptr;
  if (given != nullptr) {
    const PictureSize planes = planes_of(c.photo, options);
    c.map.resize(planes.width, planes.height);
    resize_labels_cpu({given->ref(), c.map.ref()});
    c.given = *given;
  } else if (before != nullptr && before->found) {
    c.map = before->map;
  } else {
    find_in(job, options, finding.poll(), c.map, timings);
  }

  Stopwatch watch;
  const ProgramCache::Found found = colours_.find({1, c.map.height(), c.map.width()}, {});
  timings.compile += watch.lap();
  std::ranges::copy(c.map.pixels(), found.program.input("labels").data);
  timings.prepare += watch.lap();
  const bool kept = !found.fresh && latest_.size() == 1 && before != nullptr;
  if (options.as_published) {
    colour_as_published(found.program, job, kept, colouring.poll(), timings);
    for (LabelMap* map : {&c.map, &c.given})
      for (std::uint8_t& label : map->pixels()) label = published::label_after(label);
  } else {
    ColorizeOptions one = options;
    one.prepared = kept;
    colour(found.program, job, one, colouring.poll(), timings);
  }
}

// One after another: each at its own size, and its labels first.
void Semantic::run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
                   ColorizeTimings& timings) {
  const ThreadScope threads(colours_.network().options.threads);
  check(jobs, options);
  timings = {};
  ColorizeOptions one = options;
  one.prepared = options.prepared && jobs.size() == latest_.size();
  coloured_.resize(jobs.size());
  const auto count = static_cast<double>(jobs.size());
  try {
    for (std::size_t i = 0; i < jobs.size(); ++i)
      run_one(jobs[i], i, one, PollPart{poll, static_cast<double>(i), 1, count}.poll(), timings);
  } catch (...) {
    latest_.clear();  // the programs hold the photo that failed
    throw;
  }
  std::swap(latest_, coloured_);
}

}  // namespace

std::unique_ptr<Colorizer> make_semantic(std::span<const LoadedNetwork> networks, std::int64_t area) {
  return std::make_unique<Semantic>(networks[0], networks[1], area);
}

// As many pixels as the authors' square has.
std::unique_ptr<Colorizer> make_semantic(std::span<const LoadedNetwork> networks) {
  return make_semantic(networks, published::kSide * published::kSide);
}

}  // namespace cuhue
