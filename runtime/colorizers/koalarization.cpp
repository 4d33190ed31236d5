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
#include "kernels/resample/bilinear.h"
#include "runtime/colorizers/letterbox.h"
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
  constexpr std::int64_t kFrom = Letterbox::kSide;
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
      : features_(std::move(features), "logits", 1), colours_(std::move(colours), "ab", kPrograms) {}

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

  float* embedding(std::size_t photo) { return embeddings_.data() + photo * kClasses; }
  void embed(std::span<const std::uint8_t> box, std::int64_t planes, std::size_t photo, const Poll& poll,
             ColorizeTimings& timings);
  void colour(const ColorizeJob& job, std::size_t photo, const ColorizeOptions& options, const Poll& poll,
              ColorizeTimings& timings);
  void colour_as_published(const ColorizeJob& job, std::size_t photo, const ColorizeOptions& options,
                           const Poll& poll, ColorizeTimings& timings);
  void give_embedding(Program& program, std::size_t photo);

  ProgramCache features_, colours_;
  const Settings published_units_ = {}, lab_units_ = {{"units", 1.0}};
  Letterbox letterbox_;
  PublishedPixels published_;
  std::vector<float> embeddings_;  // [photos of the latest call, 1001]
  std::size_t embedded_ = 0;       // of them, those that are whole
};

// box: [299, 299, planes] bytes, of which the luma counts.
void Koalarization::embed(std::span<const std::uint8_t> box, std::int64_t planes, std::size_t photo,
                          const Poll& poll, ColorizeTimings& timings) {
  Stopwatch watch;
  Program& program = features_.find({1, Letterbox::kSide, Letterbox::kSide}, {}).program;
  timings.compile += watch.lap();
  float* image = program.input("image").data;
  constexpr std::size_t kPixels = static_cast<std::size_t>(Letterbox::kSide * Letterbox::kSide);
  for (std::size_t i = 0; i < kPixels; ++i) {
    const std::uint8_t grey = planes == 1 ? box[i] : koala_luma(box[3 * i], box[3 * i + 1], box[3 * i + 2]);
    image[i] = 2.0f * static_cast<float>(grey) / 255.0f - 1.0f;
  }
  for (std::size_t plane = 1; plane < 3; ++plane) std::copy_n(image, kPixels, image + plane * kPixels);
  timings.prepare += watch.lap();
  program.run(poll);
  std::copy_n(program.output("logits").data, kClasses, embedding(photo));
  timings.network += watch.lap();
}

void Koalarization::give_embedding(Program& program, std::size_t photo) {
  std::copy_n(embedding(photo), kClasses, program.input("embedding").data);
}

void Koalarization::colour(const ColorizeJob& job, std::size_t photo, const ColorizeOptions& options,
                           const Poll& poll, ColorizeTimings& timings) {
  Stopwatch watch;
  const std::int64_t longer = std::max(job.in.width, job.in.height);
  PhotoJob one = photo_job(job);
  one.used_h = seen(job.in.height, longer);
  one.used_w = seen(job.in.width, longer);
  Program& program = colours_.find({1, padded(one.used_h), padded(one.used_w)}, lab_units_).program;
  timings.compile += watch.lap();
  give_embedding(program, photo);
  PhotoTimings t;
  program.run_photos({"l", "ab", Luminance::cie_l, ColorSpace::lab}, {&one, 1}, photo_options(options), poll,
                     t);
  timings.prepare += t.prepare;
  timings.network += t.network;
  timings.finish += t.finish;
}

void Koalarization::colour_as_published(const ColorizeJob& job, std::size_t photo,
                                        const ColorizeOptions& options, const Poll& poll,
                                        ColorizeTimings& timings) {
  Stopwatch watch;
  Program& program = colours_.find({1, kSide, kSide}, published_units_).program;
  timings.compile += watch.lap();
  published_.resize(letterbox_.colour(job.in), program.input("l").data);
  give_embedding(program, photo);
  timings.prepare += watch.lap();
  program.run(poll);
  timings.network += watch.lap();
  const TensorRef ab = program.output("ab");
  const std::span values(ab.data, static_cast<std::size_t>(ab.dims.count()));
  if (!std::ranges::all_of(values, [](float v) { return std::isfinite(v); }))
    throw Error(Status::weights, kColoursNotFinite);
  published_.write(job.out, ab, options.chroma);
  timings.finish += watch.lap();
}

// One after another, each at its own size.
void Koalarization::run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
                        ColorizeTimings& timings) {
  const ThreadScope threads(colours_.network().options.threads);
  for (std::size_t i = 0; i < jobs.size(); ++i) {  // before any photo gets colours
    if (!jobs[i].in_on_device && !(options.as_published && jobs[i].out_on_device)) continue;
    throw Error(Status::usage, "photo " + std::to_string(i) +
                                   ": its pixels are in device memory, but this system reads them on the "
                                   "host; give host memory");
  }
  timings = {};
  const bool again = options.prepared && embedded_ == jobs.size();
  ColorizeOptions one = options;
  one.prepared = again && jobs.size() == 1;
  embedded_ = again ? embedded_ : 0;
  embeddings_.resize(jobs.size() * kClasses);

  struct Progress {
    const Poll& poll;
    double done, share, count;
  } progress{poll, 0, 0, static_cast<double>(jobs.size())};
  Poll part;
  if (poll) {
    part = [&progress](double fraction) {
      return progress.poll((progress.done + fraction * progress.share) / progress.count);
    };
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    progress.done = static_cast<double>(i);
    progress.share = again ? 0 : kEmbeddingShare;
    if (!again) {
      Stopwatch watch;
      const auto box = options.as_published ? letterbox_.colour(jobs[i].in) : letterbox_.luma(jobs[i].in);
      timings.prepare += watch.lap();
      embed(box, options.as_published ? 3 : 1, i, part, timings);
      embedded_ = i + 1;
    }
    progress.done += progress.share;
    progress.share = 1 - progress.share;
    if (options.as_published) {
      colour_as_published(jobs[i], i, one, part, timings);
    } else {
      colour(jobs[i], i, one, part, timings);
    }
  }
}

std::size_t Koalarization::classes(std::size_t index, std::span<ClassGuess> guesses) const {
  if (index >= embedded_) {
    throw Error(Status::usage, "there is no photo " + std::to_string(index) + ": the latest call had " +
                                   std::to_string(embedded_) + " (counted from 0)");
  }
  const float* logits = embeddings_.data() + index * kClasses;
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
