#include "runtime/cpu/photos.h"

#include <algorithm>
#include <cstdint>

#include "runtime/graph/companion.h"
#include "runtime/stopwatch.h"

namespace cuhue::cpu {
namespace {

struct Planes {
  TensorRef luminance, colors;
};

void finish(const PhotoJob& job, const PhotoEnds& ends, const PhotoOptions& options, const Planes& planes,
            std::int64_t image) {
  const TensorRef& ab = planes.colors;
  const Dims& input = planes.luminance.dims;
  MergeParams m;
  m.photo = job.in;
  m.out = job.out;
  m.ab = ab.data + image * ab.batch_stride;
  m.ab_h = ab.dims.h;
  m.ab_w = ab.dims.w;
  m.chroma = options.chroma * ends.unit;
  m.limit = ends.limit;
  m.rounding = options.rounding;
  m.space = ends.space;
  m.used_h = used_output(job.used_h, input.h, ab.dims.h);
  m.used_w = used_output(job.used_w, input.w, ab.dims.w);
  m.gate = job.gate;
  merge_cpu(m);
}

}  // namespace

void PhotoRunner::prepare(const PhotoJob& job, const PhotoEnds& ends, const TensorRef& input,
                          std::int64_t image) {
  PrepareParams p;
  p.photo = job.in;
  p.out_h = job.used_h > 0 ? job.used_h : input.dims.h;
  p.out_w = job.used_w > 0 ? job.used_w : input.dims.w;
  p.padded_h = input.dims.h;
  p.padded_w = input.dims.w;
  p.luminance = ends.luminance;
  p.fill = ends.fill;
  p.out = input.data + image * input.batch_stride;
  p.scratch = scratch_.get(prepare_scratch_bytes(job.in.height, job.in.width, p.out_h, p.out_w));
  prepare_cpu(p);
}

// Behind its input.
void PhotoRunner::run_companion(const PhotoCompanion& companion, const TensorRef& into, const Poll& poll) {
  const PollPart part{poll, 0.0, companion.share};
  companion.program->run(part.poll());
  const TensorRef result = companion.program->output(companion.output);
  std::copy_n(result.data, result.dims.count(), into.data);
}

void PhotoRunner::run(Program& program, const PhotoEnds& ends, std::span<const PhotoJob> jobs,
                      const PhotoOptions& options, const Poll& poll, PhotoTimings& timings) {
  Stopwatch watch;
  const bool merges = !ends.output.empty();
  const Planes planes{program.input(ends.input), merges ? program.output(ends.output) : TensorRef{}};
  const bool kept = options.prepared && planes_.may_be_of(ends, jobs);
  const PhotoCompanion& companion = ends.companion;
  const bool accompanied = companion.program != nullptr && !kept;
  if (companion.program != nullptr) {
    Program& other = *companion.program;
    check_companion(companion, jobs.size(), other.input(companion.input).dims,
                    other.output(companion.output).dims, program.input(companion.into).dims);
  }
  if (!kept) {
    planes_.forget();
    if (accompanied) letterbox_cpu(jobs[0].in, companion.program->input(companion.input), letterbox_);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      prepare(jobs[i], ends, planes.luminance, static_cast<std::int64_t>(i));
    }
  }
  timings.prepare = watch.lap();
  if (accompanied) run_companion(companion, program.input(companion.into), poll);
  const double done = accompanied ? companion.share : 0.0;
  const PollPart part{poll, done, 1.0 - done};
  if (!kept) planes_.set(ends, jobs);
  program.run(part.poll(), kept);
  if (merges) {
    const TensorRef& ab = planes.colors;
    check_colours({ab.data, static_cast<std::size_t>(ab.dims.n * ab.batch_stride)});
  }
  timings.network = watch.lap();
  for (std::size_t i = 0; merges && i < jobs.size(); ++i)
    finish(jobs[i], ends, options, planes, static_cast<std::int64_t>(i));
  timings.finish = watch.lap();
}

}  // namespace cuhue::cpu
