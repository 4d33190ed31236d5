#include "runtime/colorizers/plane_colorizer.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "kernels/core/parallel.h"
#include "runtime/colorizers/photo_call.h"
#include "runtime/colorizers/program_cache.h"
#include "runtime/stopwatch.h"

namespace cuhue {
namespace {

class PlaneColorizer final : public Colorizer {
 public:
  PlaneColorizer(const PlaneSystem& system, LoadedNetwork network)
      : system_(system), programs_(std::move(network), system.output, kPrograms) {}

  void run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
           ColorizeTimings& timings) override;
  std::int64_t weight_bytes() const override { return programs_.network().weights->bytes(); }
  std::int64_t arena_bytes() const override { return programs_.arena_bytes(); }

 private:
  // The full batch and the remainder at the end of a folder.
  static constexpr std::size_t kPrograms = 2;

  PlaneSystem system_;
  ProgramCache programs_;
  Settings settings_;
  PhotoCall call_;
};

void PlaneColorizer::run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
                         ColorizeTimings& timings) {
  const ThreadScope threads(programs_.network().options.threads);
  Stopwatch watch;
  if (system_.has_temperature) settings_["temperature"] = static_cast<double>(options.temperature);
  const auto batch = static_cast<std::int64_t>(jobs.size());
  Program& program = programs_.find({batch, system_.size, system_.size}, settings_).program;
  timings.compile = watch.lap();
  call_.run(program, {system_.input, system_.output, system_.luminance}, jobs,
            photo_options(options, system_.published_rounding), poll, timings);
}

}  // namespace

std::unique_ptr<Colorizer> make_plane_colorizer(const PlaneSystem& system,
                                                std::span<const LoadedNetwork> networks) {
  return std::make_unique<PlaneColorizer>(system, networks[0]);
}

}  // namespace cuhue
