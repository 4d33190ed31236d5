#include "runtime/colorizers/patch_colors.h"

#include <algorithm>
#include <utility>

#include "kernels/fuse/fuse.h"
#include "kernels/prepare/prepare.h"
#include "runtime/colorizers/photo_call.h"
#include "runtime/image/photo_ref.h"
#include "runtime/stopwatch.h"
#include "weights/status.h"

namespace cuhue {
namespace {

constexpr std::string_view kInput = "l", kOutput = "ab";

Settings settings_of(double temperature) {
  return {{"temperature", temperature}};
}

}  // namespace

PatchColors::PatchColors(LoadedNetwork network, std::int64_t side)
    : programs_(std::move(network), kOutput, kBatchSizes),
      side_(side),
      settings_(settings_of(1)),
      whole_(compile_whole(settings_)) {}

std::unique_ptr<PatchProgram> PatchColors::compile_whole(const Settings& settings) const {
  PatchNetwork n;
  n.graph = [loaded = network(), settings, side = side_](std::int64_t batch) {
    const std::string_view outputs[] = {kOutput};
    return loaded.graph(batch, side, side, settings, outputs);
  };
  n.input = kInput;
  n.output = kOutput;
  return network().backend->compile_patches(std::move(n), network().weights, network().options);
}

std::int64_t PatchColors::bytes() const {
  const std::size_t floats = maps_.capacity() + before_.capacity() + fused_.capacity();
  return programs_.arena_bytes() + (whole_ ? whole_->arena_bytes() : 0) +
         static_cast<std::int64_t>(4 * floats) + scratch_.bytes();
}

void PatchColors::prepare(const ConstPixelView& photo, const PatchBox& box, float* plane) {
  PrepareParams p;
  p.photo = crop_of(photo_ref(photo), box.x, box.y, box.w, box.h);
  p.out_h = p.out_w = side_;
  p.luminance = Luminance::cie_l;
  p.out = plane;
  p.scratch = scratch_.get(prepare_scratch_bytes(box.h, box.w, side_, side_));
  prepare_cpu(p);
}

// Makes room for the maps of the call's boxes, takes over those that are there, and tells the others.
std::vector<std::size_t> PatchColors::missing(const Call& call, const Settings& settings) {
  const bool same = call.kept && settings == settings_;
  settings_ = settings;
  const std::vector<PatchBox> old = same ? std::exchange(boxes_, {}) : std::vector<PatchBox>{};
  boxes_.clear();  // should this call fail
  std::swap(maps_, before_);
  maps_.resize(call.patches.boxes.size() * map_floats());
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < call.patches.boxes.size(); ++i) {
    const auto found = std::ranges::find(old, call.patches.boxes[i]);
    if (found == old.end()) {
      missing.push_back(i);
    } else {
      const auto place = static_cast<std::size_t>(found - old.begin());
      std::copy_n(before_.data() + place * map_floats(), map_floats(), maps_.data() + i * map_floats());
    }
  }
  return missing;
}

void PatchColors::colour_missing(const Call& call, const Poll& poll, ColorizeTimings& timings) {
  Stopwatch watch;
  const std::vector<std::size_t> crops = missing(call, settings_of(call.temperature));
  crops_ = static_cast<std::int64_t>(crops.size());
  const auto one = static_cast<double>(programs_.find({1, side_, side_}, settings_).program.arena_bytes());
  std::int64_t batch = largest_patch_batch(one, call.most_bytes);
  for (std::int64_t done = 0; done < crops_; done += batch) {
    while (batch > crops_ - done) batch /= 2;
    Program& program = programs_.find({batch, side_, side_}, settings_).program;
    timings.compile += watch.lap();
    const TensorRef input = program.input(kInput), output = program.output(kOutput);
    for (std::int64_t i = 0; i < batch; ++i) {
      const PatchBox& box = call.patches.boxes[crops[static_cast<std::size_t>(done + i)]];
      prepare(call.photo, box, input.data + i * input.batch_stride);
    }
    timings.prepare += watch.lap();
    program.run(
        PollPart{poll, static_cast<double>(done), static_cast<double>(batch), static_cast<double>(crops_)}
            .poll());
    for (std::int64_t i = 0; i < batch; ++i) {
      const std::size_t place = crops[static_cast<std::size_t>(done + i)];
      const std::span map(maps_.data() + place * map_floats(), map_floats());
      std::copy_n(output.data + i * output.batch_stride, map.size(), map.data());
      check_colours(map);
    }
    timings.network += watch.lap();
  }
  boxes_ = call.patches.boxes;
}

void PatchColors::run_whole(const Call& call, const Poll& poll, ColorizeTimings& timings) {
  Stopwatch watch;
  const Settings settings = settings_of(call.temperature);
  if (settings != settings_) {
    whole_ = compile_whole(settings);
    settings_ = settings;
  }
  timings.compile += watch.lap();
  PatchRequest r;
  r.photo = photo_ref(call.photo);
  r.out = photo_ref(call.out);
  r.in_on_device = call.in_on_device;
  r.out_on_device = call.out_on_device;
  r.boxes = call.patches.boxes;
  r.objects = call.patches.objects;
  r.coverage = call.patches.coverage;
  r.chroma = call.chroma;
  r.saturation = call.saturation;
  r.most_bytes = call.most_bytes;
  r.kept = call.kept;
  r.stream = call.stream;
  PatchTimings t;
  whole_->run(r, poll, t);
  crops_ = whole_->counts().crops;
  timings.compile += t.compile;
  timings.prepare += t.prepare;
  timings.network += t.network;
  timings.finish += t.finish;
}

void PatchColors::run(const Call& call, const Poll& poll, ColorizeTimings& timings) {
  if (whole_) return run_whole(call, poll, timings);
  colour_missing(call, poll, timings);
  Stopwatch watch;
  const std::int64_t w = call.photo.width, h = call.photo.height;
  fused_.resize(static_cast<std::size_t>(2 * w * h));
  fuse_cpu(
      {maps_.data(), side_, side_, h, w, call.patches.objects, call.patches.coverage.data(), fused_.data()});
  MergeParams m;
  m.photo = photo_ref(call.photo);
  m.out = photo_ref(call.out);
  m.ab = fused_.data();
  m.ab_h = h;
  m.ab_w = w;
  m.chroma = call.chroma;
  m.saturation = call.saturation;
  merge_cpu(m);
  timings.finish += watch.lap();
}

}  // namespace cuhue
