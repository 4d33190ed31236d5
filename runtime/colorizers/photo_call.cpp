#include "runtime/colorizers/photo_call.h"

#include "runtime/image/photo_ref.h"

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

ColorizeTimings& operator+=(ColorizeTimings& sum, const PhotoTimings& one) {
  sum.prepare += one.prepare;
  sum.network += one.network;
  sum.finish += one.finish;
  return sum;
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
