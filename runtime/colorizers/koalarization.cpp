// deep-koalarization (Baldassarre et al. 2017): what the whole photo shows, by Inception-ResNet-v2, and what
// each place looks like, by an encoder, make the colours together.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "kernels/color/lab.h"
#include "kernels/core/parallel.h"
#include "kernels/letterbox/letterbox.h"
#include "kernels/resample/bilinear.h"
#include "runtime/colorizers/photo_call.h"
#include "runtime/colorizers/program_cache.h"
#include "runtime/colorizers/systems.h"
#include "runtime/image/photo_ref.h"
#include "runtime/stopwatch.h"
#include "weights/status.h"

namespace cuhue {
namespace {

constexpr std::int64_t kMultiple = 8;  // of the colour network's sizes: three layers of stride 2
// The longer side of what the colour network sees, as in its training.
constexpr std::int64_t kSide = 224;
constexpr std::int64_t kBox = 299;  // the side of what the feature network sees
constexpr std::size_t kClasses = 1001;
// Of one photo's work, by its multiplications.
constexpr double kEmbeddingShare = 0.65;
constexpr float kColourRange = 127.0f;  // of a and b, per unit of the network's

constexpr std::int64_t padded(std::int64_t size) {
  return (size + kMultiple - 1) / kMultiple * kMultiple;
}

std::int64_t seen(std::int64_t side, std::int64_t longer) {
  return std::max<std::int64_t>((side * kSide + longer / 2) / longer, 1);
}

// The pixels that published pictures consist of: the letterboxed photo, resized without antialiasing.
struct PublishedPixels {
  std::vector<float> y, fy;  // [224, 224]: CIE Y, and Lab's f of it

  // rgb [299, 299, 3]; l [224, 224]: L* / 50 - 1
  void resize(std::span<const std::uint8_t> rgb, float* l);
  void write(const PixelView& out, const TensorRef& ab, float chroma) const;
};

void PublishedPixels::resize(std::span<const std::uint8_t> rgb, float* l) {
  constexpr std::int64_t kFrom = kBox;
  constexpr float kScale = static_cast<float>(kFrom) / static_cast<float>(kSide);
  y.resize(static_cast<std::size_t>(kSide * kSide));
  fy.resize(y.size());
  for (std::int64_t row = 0; row < kSide; ++row) {
    const BilinearTap rows = bilinear_tap(row, kScale, kFrom);
    for (std::int64_t column = 0; column < kSide; ++column) {
      const BilinearTap columns = bilinear_tap(column, kScale, kFrom);
      const auto sample = [&](std::int64_t at_y, std::int64_t at_x, int c) {
        return static_cast<float>(rgb[static_cast<std::size_t>((at_y * kFrom + at_x) * 3 + c)]) / 255.0f;
      };
      float linear[3];
      for (int c = 0; c < 3; ++c)
        linear[c] = srgb_to_linear(bilinear_mix(
            sample(rows.i0, columns.i0, c), sample(rows.i0, columns.i1, c), sample(rows.i1, columns.i0, c),
            sample(rows.i1, columns.i1, c), rows.w1, columns.w1));
      const auto i = static_cast<std::size_t>(row * kSide + column);
      y[i] = luminance_y(linear[0], linear[1], linear[2]);
      fy[i] = lab_f(y[i]);
      l[i] = lab_lightness(fy[i]) / 50.0f - 1.0f;
    }
  }
}

void PublishedPixels::write(const PixelView& out, const TensorRef& ab, float chroma) const {
  const MutablePhotoRef to = photo_ref(out);
  const float full = to.bytes_per_sample == 1 ? 255.0f : 65535.0f;
  const float scale = kColourRange * chroma;
  const auto store = [&](std::uint8_t* pixel, int sample, std::int32_t v) {
    if (to.bytes_per_sample == 1) {
      pixel[sample] = static_cast<std::uint8_t>(v);
    } else {
      reinterpret_cast<std::uint16_t*>(pixel)[sample] = static_cast<std::uint16_t>(v);
    }
  };
  for (std::int64_t row = 0; row < kSide; ++row) {
    for (std::int64_t column = 0; column < kSide; ++column) {
      const std::int64_t i = row * kSide + column;
      const auto at = static_cast<std::size_t>(i);
      const LinearRgb c =
          lab_to_linear(y[at], fy[at], ab.data[i] * scale, ab.data[i + kSide * kSide] * scale);
      std::uint8_t* pixel = to.data + row * to.stride + column * to.channels * to.bytes_per_sample;
      store(pixel, to.red, quantize<false>(linear_to_srgb(c.r), full));
      store(pixel, to.green, quantize<false>(linear_to_srgb(c.g), full));
      store(pixel, to.blue, quantize<false>(linear_to_srgb(c.b), full));
      if (to.alpha >= 0) store(pixel, to.alpha, static_cast<std::int32_t>(full));
    }
  }
}

class Koalarization final : public Colorizer {
 public:
  Koalarization(LoadedNetwork features, LoadedNetwork colours)
      : features_(std::move(features), "logits", 1), colours_(keeping(std::move(colours)), "ab", kPrograms) {}

  void run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
           ColorizeTimings& timings) override;
  std::size_t classes(std::size_t index, std::span<ClassGuess> guesses) const override;
  PictureSize result_of(const PictureSize& photo, const ColorizeOptions& options) const override {
    return options.as_published ? PictureSize{kSide, kSide} : photo;
  }
  std::int64_t weight_bytes() const override {
    return features_.network().weights->bytes() + colours_.network().weights->bytes();
  }
  std::int64_t arena_bytes() const override {
    return features_.arena_bytes() + colours_.arena_bytes() + letterbox_.bytes();
  }

 private:
  // Upright photos and those across.
  static constexpr std::size_t kPrograms = 2;

  // The encoder sees the photo alone: the feature network works beside it.
  static LoadedNetwork keeping(LoadedNetwork colours) {
    colours.options.keep = {"l"};
    return colours;
  }
  Program& features() { return features_.find({1, kBox, kBox}, {}).program; }
  const float* embedding(std::size_t photo) const;
  float* embedding_memory(std::size_t photo) { return embeddings_.data() + photo * kClasses; }
  void take_embedding(std::size_t photo);
  void colour(const ColorizeJob& job, std::size_t photo, const ColorizeOptions& options, const Poll& poll,
              ColorizeTimings& timings);
  void embed_as_published(const ColorizeJob& job, std::size_t photo, const Poll& poll,
                          ColorizeTimings& timings);
  void colour_as_published(const ColorizeJob& job, std::size_t photo, const ColorizeOptions& options,
                           const Poll& poll, ColorizeTimings& timings);

  // In this order: programs of colours_ hold on to that of features_.
  ProgramCache features_, colours_;
  const Settings published_units_ = {}, lab_units_ = {{"units", 1.0}};
  Letterbox letterbox_;
  PublishedPixels published_;
  // [photos of the latest call, 1001]. Of a single photo they may still be in the feature network's output,
  // which is waited for when somebody asks.
  std::vector<float> embeddings_;
  Program* left_in_ = nullptr;
  std::size_t embedded_ = 0;            // of the photos, those whose embedding is whole
  bool embedded_as_published_ = false;  // from the photo in colour
  const Program* latest_ = nullptr;     // whose planes hold the latest call's single photo
};

const float* Koalarization::embedding(std::size_t photo) const {
  if (left_in_ != nullptr) return left_in_->output("logits").data;
  return embeddings_.data() + photo * kClasses;
}

void Koalarization::take_embedding(std::size_t photo) {
  std::copy_n(features().output("logits").data, kClasses, embedding_memory(photo));
}

// Both networks on one photo, or, where its embedding is at hand, the second.
void Koalarization::colour(const ColorizeJob& job, std::size_t photo, const ColorizeOptions& options,
                           const Poll& poll, ColorizeTimings& timings) {
  Stopwatch watch;
  const std::int64_t longer = std::max(job.in.width, job.in.height);
  PhotoJob one = photo_job(job);
  one.used_h = seen(job.in.height, longer);
  one.used_w = seen(job.in.width, longer);
  const ProgramCache::Found found = colours_.find({1, padded(one.used_h), padded(one.used_w)}, lab_units_);
  PhotoEnds ends{"l", "ab", Luminance::cie_l, ColorSpace::lab};
  PhotoOptions o = photo_options(options);
  if (photo < embedded_) {
    std::copy_n(embedding(photo), kClasses, found.program.input("embedding").data);
  } else {
    ends.companion = {&features(), "image", "logits", "embedding", kEmbeddingShare};
    o.prepared = options.prepared && !found.fresh && latest_ == &found.program;
  }
  timings.compile += watch.lap();
  latest_ = nullptr;
  PhotoTimings t;
  found.program.run_photos(ends, {&one, 1}, o, poll, t);
  latest_ = &found.program;
  timings += t;
}

void Koalarization::embed_as_published(const ColorizeJob& job, std::size_t photo, const Poll& poll,
                                       ColorizeTimings& timings) {
  Stopwatch watch;
  Program& program = features();
  timings.compile += watch.lap();
  const std::span<const std::uint8_t> box = letterbox_.colour(photo_ref(job.in), kBox);
  float* image = program.input("image").data;
  constexpr auto kPixels = static_cast<std::size_t>(kBox * kBox);
  for (std::size_t i = 0; i < kPixels; ++i)
    image[i] = letterbox_value(letterbox_luma(box[3 * i], box[3 * i + 1], box[3 * i + 2]));
  for (std::size_t plane = 1; plane < 3; ++plane) std::copy_n(image, kPixels, image + plane * kPixels);
  timings.prepare += watch.lap();
  program.run(poll);
  take_embedding(photo);
  timings.network += watch.lap();
}

void Koalarization::colour_as_published(const ColorizeJob& job, std::size_t photo,
                                        const ColorizeOptions& options, const Poll& poll,
                                        ColorizeTimings& timings) {
  Stopwatch watch;
  Program& program = colours_.find({1, kSide, kSide}, published_units_).program;
  timings.compile += watch.lap();
  published_.resize(letterbox_.colour(photo_ref(job.in), kBox), program.input("l").data);
  std::copy_n(embedding(photo), kClasses, program.input("embedding").data);
  timings.prepare += watch.lap();
  program.run(poll);
  timings.network += watch.lap();
  const TensorRef ab = program.output("ab");
  check_colours({ab.data, static_cast<std::size_t>(ab.dims.count())});
  published_.write(job.out, ab, options.chroma);
  timings.finish += watch.lap();
}

// One after another, each at its own size.
void Koalarization::run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
                        ColorizeTimings& timings) {
  const ThreadScope threads(colours_.network().options.threads);
  const bool published = options.as_published, single = jobs.size() == 1;
  for (std::size_t i = 0; published && i < jobs.size(); ++i) {  // before any photo gets colours
    if (jobs[i].in_on_device || jobs[i].out_on_device)
      throw Error(Status::usage, "photo " + std::to_string(i) +
                                     ": its pixels are in device memory, but as published pictures are made "
                                     "on the host; give host memory");
  }
  timings = {};
  // A single photo is kept by the program that coloured it, of several the embeddings are.
  const bool again = options.prepared && embedded_ == jobs.size() && embedded_as_published_ == published;
  ColorizeOptions one = options;
  one.prepared = again && single;
  if (!again || (single && !published)) embedded_ = 0;
  if (embedded_ == 0) left_in_ = nullptr;
  embedded_as_published_ = published;
  embeddings_.resize(jobs.size() * kClasses);

  const auto count = static_cast<double>(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto at = static_cast<double>(i);
    if (!published) {
      colour(jobs[i], i, one, PollPart{poll, at, 1, count}.poll(), timings);
      if (single) left_in_ = &features();
      if (i >= embedded_ && !single) take_embedding(i);
    } else {
      latest_ = nullptr;
      const double embeds = i >= embedded_ ? kEmbeddingShare : 0.0;
      if (i >= embedded_) embed_as_published(jobs[i], i, PollPart{poll, at, embeds, count}.poll(), timings);
      colour_as_published(jobs[i], i, one, PollPart{poll, at + embeds, 1 - embeds, count}.poll(), timings);
    }
    embedded_ = std::max(embedded_, i + 1);
  }
}

std::size_t Koalarization::classes(std::size_t index, std::span<ClassGuess> guesses) const {
  if (index >= embedded_) {
    throw Error(Status::usage, "there is no photo " + std::to_string(index) + ": the latest call had " +
                                   std::to_string(embedded_) + " (counted from 0)");
  }
  const float* logits = embedding(index);
  const float most = *std::max_element(logits, logits + kClasses);
  double sum = 0;
  for (std::size_t c = 0; c < kClasses; ++c) sum += std::exp(static_cast<double>(logits[c] - most));
  std::vector<int> order(kClasses);
  std::iota(order.begin(), order.end(), 0);
  const std::size_t count = std::min(guesses.size(), kClasses);
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
      [logits](int a, int b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  for (std::size_t i = 0; i < count; ++i) {
    const double weight = std::exp(static_cast<double>(logits[order[i]] - most));
    guesses[i] = {order[i], static_cast<float>(weight / sum)};
  }
  return count;
}

}  // namespace

std::unique_ptr<Colorizer> make_koalarization(std::span<const LoadedNetwork> networks) {
  return std::make_unique<Koalarization>(networks[0], networks[1]);
}

}  // namespace cuhue
