#include "runtime/colorizers/plane_colorizer.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "kernels/core/parallel.h"
#include "runtime/image/photo_ref.h"
#include "weights/status.h"

namespace cuhue {
namespace {

class Stopwatch {
 public:
  // Seconds since the last lap.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// A picture without colours must not pass for a result.
void check_finite(const TensorRef& ab) {
  const std::int64_t count = ab.dims.n * ab.batch_stride;
  float sum = 0.0f;  // x * 0 is 0 for every finite x, NaN for the others: one pass without branches
  for (std::int64_t i = 0; i < count; ++i) sum += ab.data[i] * 0.0f;
  if (sum != 0.0f) {  // NaN differs from everything
    throw Error(Status::weights,
                "the network's colours are not finite numbers; convert its checkpoint again");
  }
}

class PlaneColorizer final : public Colorizer {
 public:
  PlaneColorizer(const PlaneSystem& system, LoadedNetwork network)
      : system_(system), network_(std::move(network)) {}

  void run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
           ColorizeTimings& timings) override;
  std::int64_t weight_bytes() const override { return network_.weights->bytes(); }
  std::int64_t arena_bytes() const override {
    auto bytes = static_cast<std::int64_t>(scratch_.capacity());
    for (const Prepared& p : programs_) bytes += p.program->arena_bytes();
    return bytes;
  }

 private:
  struct Prepared {
    std::int64_t batch = 0;
    float temperature = 1.0f;
    std::unique_ptr<Program> program;
    TensorRef input, ab;
  };

  Prepared& prepared_for(std::int64_t batch, float temperature);
  void prepare(const ColorizeJob& job, float* plane);
  void finish(const ColorizeJob& job, const ColorizeOptions& options, const float* ab) const;

  // The full batch and the remainder at the end of a folder; more would only hold memory.
  static constexpr std::size_t kPrograms = 2;
  static constexpr std::size_t kAlignment = 64;

  PlaneSystem system_;
  LoadedNetwork network_;
  std::vector<Prepared> programs_;  // most recently used first
  std::vector<std::byte> scratch_;  // of prepare; grows to the largest photo seen
};

PlaneColorizer::Prepared& PlaneColorizer::prepared_for(std::int64_t batch, float temperature) {
  const auto found = std::ranges::find_if(
      programs_, [&](const Prepared& p) { return p.batch == batch && p.temperature == temperature; });
  if (found != programs_.end()) {
    std::rotate(programs_.begin(), found, found + 1);
    return programs_.front();
  }
  // Before compiling: two arenas and a third would be the peak of memory.
  if (programs_.size() == kPrograms) programs_.pop_back();
  Settings settings;
  if (system_.has_temperature) settings["temperature"] = static_cast<double>(temperature);
  constexpr std::string_view kOutputs[] = {"ab"};
  Prepared p{
      batch, temperature, network_.compile(batch, system_.size, system_.size, settings, kOutputs), {}, {}};
  p.input = p.program->input(system_.input);
  p.ab = p.program->output("ab");
  return *programs_.insert(programs_.begin(), std::move(p));
}

void PlaneColorizer::prepare(const ColorizeJob& job, float* plane) {
  const std::size_t needed =
      prepare_scratch_bytes(job.in.height, job.in.width, system_.size, system_.size) + kAlignment;
  if (scratch_.size() < needed) scratch_ = std::vector<std::byte>(needed);
  const auto address = reinterpret_cast<std::uintptr_t>(scratch_.data());
  PrepareParams p;
  p.photo = photo_ref(job.in);
  p.out_h = p.out_w = system_.size;
  p.luminance = system_.luminance;
  p.out = plane;
  p.scratch = scratch_.data() + (kAlignment - address % kAlignment) % kAlignment;
  prepare_cpu(p);
}

void PlaneColorizer::finish(const ColorizeJob& job, const ColorizeOptions& options, const float* ab) const {
  MergeParams m;
  m.photo = photo_ref(job.in);
  m.out = photo_ref(job.out);
  m.ab = ab;
  m.ab_h = m.ab_w = system_.size;
  m.chroma = options.chroma;
  m.rounding = options.as_published ? system_.published_rounding : ByteRounding::nearest_even;
  merge_cpu(m);
}

void PlaneColorizer::run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
                         ColorizeTimings& timings) {
  const ThreadScope threads(network_.options.threads);
  Stopwatch watch;
  const float temperature = system_.has_temperature ? options.temperature : 1.0f;
  Prepared& p = prepared_for(static_cast<std::int64_t>(jobs.size()), temperature);
  timings.compile = watch.lap();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    prepare(jobs[i], p.input.data + static_cast<std::int64_t>(i) * p.input.batch_stride);
  }
  timings.prepare = watch.lap();
  p.program->run(poll);
  check_finite(p.ab);
  timings.network = watch.lap();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    finish(jobs[i], options, p.ab.data + static_cast<std::int64_t>(i) * p.ab.batch_stride);
  }
  timings.finish = watch.lap();
}

}  // namespace

std::unique_ptr<Colorizer> make_plane_colorizer(const PlaneSystem& system,
                                                std::span<const LoadedNetwork> networks) {
  return std::make_unique<PlaneColorizer>(system, networks[0]);
}

}  // namespace cuhue
