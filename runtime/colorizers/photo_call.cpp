#include "runtime/colorizers/photo_call.h"

#include <cstdint>

#include "kernels/core/finite.h"
#include "runtime/image/photo_ref.h"
#include "weights/status.h"

namespace cuhue {

PhotoOptions photo_options(const ColorizeOptions& options, ByteRounding published) {
  PhotoOptions o;
  o.chroma = options.chroma;
  if (options.as_published) o.rounding = published;
  o.prepared = options.prepared;
  o.stream = options.stream;
  return o;
}

PhotoJob photo_job(const ColorizeJob& job) {
  return {photo_ref(job.in), photo_ref(job.out), job.in_on_device, job.out_on_device};
}

void check_colours(std::span<const float> values) {
  if (!all_finite(values.data(), static_cast<std::int64_t>(values.size())))
    throw Error(Status::weights, kColoursNotFinite);
}

ColorizeTimings& operator+=(ColorizeTimings& sum, const PhotoTimings& one) {
  sum.prepare += one.prepare;
  sum.network += one.network;
  sum.finish += one.finish;
  return sum;
}

CallProgress::CallProgress(const Poll& poll, std::size_t photos)
    : poll_(poll), photos_(static_cast<double>(photos)) {
  if (poll) part_ = [this](double fraction) { return poll_((before_ + fraction * share_) / photos_); };
}

const Poll& CallProgress::of(std::size_t photo, double from, double share) {
  before_ = static_cast<double>(photo) + from;
  share_ = share;
  return part_;
}

void PhotoCall::run(Program& program, const PhotoEnds& ends, std::span<const ColorizeJob> jobs,
                    const PhotoOptions& options, const Poll& poll, ColorizeTimings& timings) {
  photos_.clear();
  for (const ColorizeJob& job : jobs) photos_.push_back(photo_job(job));
  PhotoTimings t;
  program.run_photos(ends, photos_, options, poll, t);
  timings.prepare = t.prepare;
  timings.network = t.network;
  timings.finish = t.finish;
}

}  // namespace cuhue
