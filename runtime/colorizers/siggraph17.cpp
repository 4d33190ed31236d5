// Zhang, Zhu et al.: Real-Time User-Guided Image Colorization (SIGGRAPH 2017): colours that follow hints.
#include <cstddef>
#include <utility>
#include <vector>

#include "kernels/core/parallel.h"
#include "runtime/colorizers/photo_call.h"
#include "runtime/colorizers/program_cache.h"
#include "runtime/colorizers/suggest.h"
#include "runtime/colorizers/systems.h"
#include "runtime/stopwatch.h"
#include "weights/status.h"

namespace cuhue {
namespace {

constexpr std::int64_t kSize = 256;  // the aspect ratio is not kept, as published

class Siggraph17 final : public Colorizer {
 public:
  explicit Siggraph17(const LoadedNetwork& network)
      : programs_(network, "ab", kPrograms), suggester_(network, kSize) {}

  void run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
           ColorizeTimings& timings) override;
  void set(std::string_view setting, double value) override;
  void set_hints(std::size_t photo, std::span<const Hint> hints) override { hints_.set(photo, hints); }
  void set_hint_picture(std::size_t photo, const ConstPixelView& picture) override {
    hints_.set(photo, picture);
  }
  void clear_hints() override { hints_.clear(); }
  std::size_t suggest(std::size_t index, const ConstPixelView* photo, PhotoPoint at,
                      std::span<Suggestion> suggestions) override;
  std::int64_t weight_bytes() const override { return programs_.network().weights->bytes(); }
  std::int64_t arena_bytes() const override { return programs_.arena_bytes() + suggester_.arena_bytes(); }

 private:
  void fill_hints(const ProgramCache::Found& found, std::span<const ColorizeJob> jobs);

  // The full batch and the remainder at the end of a folder.
  static constexpr std::size_t kPrograms = 2;

  ProgramCache programs_;
  Settings settings_;
  PhotoCall call_;
  HintBook hints_{kSize, kSize};
  ColorSuggester suggester_;
  // Of which program's planes hold which hints.
  const Program* filled_ = nullptr;
  std::int64_t filled_version_ = 0;
  std::vector<PictureSize> filled_sizes_, sizes_;
};

void Siggraph17::set(std::string_view setting, double value) {
  Settings changed = settings_;
  changed[std::string(setting)] = value;
  check_settings(*programs_.network().network, changed);
  settings_ = std::move(changed);
}

void Siggraph17::fill_hints(const ProgramCache::Found& found, std::span<const ColorizeJob> jobs) {
  hints_.check_count(jobs.size());
  sizes_.clear();
  for (const ColorizeJob& job : jobs) sizes_.push_back({job.in.width, job.in.height});
  if (!found.fresh && filled_ == &found.program && filled_version_ == hints_.version() &&
      filled_sizes_ == sizes_) {
    return;
  }
  filled_ = nullptr;
  const TensorRef ab = found.program.input("hint_ab"), mask = found.program.input("hint_mask");
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto image = static_cast<std::int64_t>(i);
    hints_.paint(i, sizes_[i].width, sizes_[i].height,
                 {ab.data + image * ab.batch_stride, mask.data + image * mask.batch_stride, kSize, kSize});
  }
  filled_ = &found.program;
  filled_version_ = hints_.version();
  filled_sizes_ = sizes_;
}

void Siggraph17::run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
                     ColorizeTimings& timings) {
  const ThreadScope threads(programs_.network().options.threads);
  Stopwatch watch;
  const auto batch = static_cast<std::int64_t>(jobs.size());
  const ProgramCache::Found found = programs_.find({batch, kSize, kSize}, settings_);
  timings.compile = watch.lap();
  fill_hints(found, jobs);
  const double painted = watch.lap();
  call_.run(found.program, {"l", "ab", Luminance::cie_l}, jobs,
            photo_options(options, ByteRounding::truncate), poll, timings);
  timings.prepare += painted;
}

std::size_t Siggraph17::suggest(std::size_t index, const ConstPixelView* photo, PhotoPoint at,
                                std::span<Suggestion> suggestions) {
  const ThreadScope threads(programs_.network().options.threads);
  if (photo != nullptr) {
    suggester_.run(*photo, index, hints_, settings_);
  } else if (!suggester_.has(index, hints_, settings_)) {
    throw Error(Status::usage,
                "no photo was given, and the scores at hand are of another one, or of other hints; give it");
  }
  return suggester_.at(at, suggestions);
}

}  // namespace

std::unique_ptr<Colorizer> make_siggraph17(std::span<const LoadedNetwork> networks) {
  return std::make_unique<Siggraph17>(networks[0]);
}

}  // namespace cuhue
