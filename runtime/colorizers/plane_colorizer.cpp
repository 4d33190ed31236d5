#include "runtime/colorizers/plane_colorizer.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "kernels/core/parallel.h"
#include "runtime/image/photo_ref.h"
#include "runtime/stopwatch.h"

namespace cuhue {
namespace {

class PlaneColorizer final : public Colorizer {
 public:
  PlaneColorizer(const PlaneSystem& system, LoadedNetwork network)
      : system_(system), network_(std::move(network)) {}

  void run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
           ColorizeTimings& timings) override;
  std::int64_t weight_bytes() const override { return network_.weights->bytes(); }
  std::int64_t arena_bytes() const override {
    std::int64_t bytes = 0;
    for (const Prepared& p : programs_) bytes += p.program->arena_bytes();
    return bytes;
  }

 private:
  struct Prepared {
    std::int64_t batch = 0;
    float temperature = 1.0f;
    std::unique_ptr<Program> program;
  };

  Program& program_for(std::int64_t batch, float temperature);

  // The full batch and the remainder at the end of a folder; more would only hold memory.
  static constexpr std::size_t kPrograms = 2;

  PlaneSystem system_;
  LoadedNetwork network_;
  std::vector<Prepared> programs_;  // most recently used first
  std::vector<PhotoJob> photos_;    // kept so that a second call allocates nothing
};

Program& PlaneColorizer::program_for(std::int64_t batch, float temperature) {
  const auto found = std::ranges::find_if(
      programs_, [&](const Prepared& p) { return p.batch == batch && p.temperature == temperature; });
  if (found != programs_.end()) {
    std::rotate(programs_.begin(), found, found + 1);
    return *programs_.front().program;
  }
  // Before compiling: two arenas and a third would be the peak of memory.
  if (programs_.size() == kPrograms) programs_.pop_back();
  Settings settings;
  if (system_.has_temperature) settings["temperature"] = static_cast<double>(temperature);
  const std::string_view outputs[] = {system_.output};
  Prepared p{batch, temperature, network_.compile(batch, system_.size, system_.size, settings, outputs)};
  return *programs_.insert(programs_.begin(), std::move(p))->program;
}

void PlaneColorizer::run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
                         ColorizeTimings& timings) {
  const ThreadScope threads(network_.options.threads);
  Stopwatch watch;
  const float temperature = system_.has_temperature ? options.temperature : 1.0f;
  Program& program = program_for(static_cast<std::int64_t>(jobs.size()), temperature);
  timings.compile = watch.lap();

  photos_.clear();
  for (const ColorizeJob& job : jobs) {
    photos_.push_back({photo_ref(job.in), photo_ref(job.out), job.in_on_device, job.out_on_device});
  }
  PhotoOptions photo_options;
  photo_options.chroma = options.chroma;
  photo_options.rounding = options.as_published ? system_.published_rounding : ByteRounding::nearest_even;
  photo_options.stream = options.stream;
  PhotoTimings photo_timings;
  program.run_photos({system_.input, system_.output, system_.luminance}, photos_, photo_options, poll,
                     photo_timings);
  timings.prepare = photo_timings.prepare;
  timings.network = photo_timings.network;
  timings.finish = photo_timings.finish;
}

}  // namespace

std::unique_ptr<Colorizer> make_plane_colorizer(const PlaneSystem& system,
                                                std::span<const LoadedNetwork> networks) {
  return std::make_unique<PlaneColorizer>(system, networks[0]);
}

}  // namespace cuhue
