#include "runtime/colorizers/patch_colors.h"

#include <algorithm>
#include <utility>

#include "kernels/fuse/fuse.h"
#include "kernels/prepare/prepare.h"
#include "runtime/image/photo_ref.h"
#include "runtime/stopwatch.h"
#include "weights/status.h"

namespace cuhue {
namespace {

// A picture without colours must not pass for a result.
void check_finite(std::span<const float> values) {
  float sum = 0.0f;  // x * 0 is 0 for every finite x
  for (const float v : values) sum += v * 0.0f;
  if (sum != 0.0f) throw Error(Status::weights, kColoursNotFinite);  // NaN differs from everything
}

}  // namespace

std::int64_t PatchColors::bytes() const {
  const std::size_t floats = maps_.capacity() + before_.capacity() + fused_.capacity();
  return programs_.arena_bytes() + static_cast<std::int64_t>(4 * floats + scratch_.capacity());
}

// Batches are powers of two, so that any number of crops is a few of them without an image too many, and no
// number needs a program of its own.
std::int64_t PatchColors::largest_batch(double most_bytes) {
  const auto one = static_cast<double>(programs_.find({1, kSize, kSize}, settings_).program.arena_bytes());
  std::int64_t batch = 1, all = 1;  // images in all programs
  while (batch < std::int64_t{1} << (kBatchSizes - 1) &&
         static_cast<double>(all + 2 * batch) * one <= most_bytes) {
    batch *= 2;
    all += batch;
  }
  return batch;
}

void PatchColors::prepare(const ConstPixelView& photo, const PatchBox& box, float* plane) {
  constexpr std::size_t kAlignment = 64;
  const std::size_t needed = prepare_scratch_bytes(box.h, box.w, kSize, kSize) + kAlignment;
  if (scratch_.size() < needed) scratch_ = std::vector<std::byte>(needed);
  const std::size_t past = reinterpret_cast<std::uintptr_t>(scratch_.data()) % kAlignment;
  PrepareParams p;
  p.photo = crop_of(photo_ref(photo), box.x, box.y, box.w, box.h);
  p.out_h = p.out_w = kSize;
  p.luminance = Luminance::cie_l;
  p.out = plane;
  p.scratch = scratch_.data() + (kAlignment - past) % kAlignment;
  prepare_cpu(p);
}

// Makes room for the maps of the call's boxes, takes over those that are there, and tells the others.
std::vector<std::size_t> PatchColors::missing(const Call& call) {
  Settings settings{{"temperature", call.temperature}};
  const bool same = call.kept && settings == settings_;
  settings_ = std::move(settings);
  const std::vector<PatchBox> old = same ? std::exchange(boxes_, {}) : std::vector<PatchBox>{};
  boxes_.clear();  // should this call fail
  std::swap(maps_, before_);
  maps_.resize(call.patches.boxes.size() * 2 * kPlane);
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < call.patches.boxes.size(); ++i) {
    const auto found = std::ranges::find(old, call.patches.boxes[i]);
    if (found == old.end()) {
      missing.push_back(i);
    } else {
      std::copy_n(before_.data() + (found - old.begin()) * 2 * kPlane, 2 * kPlane,
                  maps_.data() + i * 2 * kPlane);
    }
  }
  return missing;
}

std::span<const float> PatchColors::run(const Call& call, const Poll& poll, ColorizeTimings& timings) {
  Stopwatch watch;
  const std::vector<std::size_t> crops = missing(call);
  crops_ = static_cast<std::int64_t>(crops.size());
  const std::int64_t largest = largest_batch(call.most_bytes);
  for (std::int64_t done = 0, batch = largest; done < crops_; done += batch) {
    while (batch > crops_ - done) batch /= 2;
    Program& program = programs_.find({batch, kSize, kSize}, settings_).program;
    timings.compile += watch.lap();
    const TensorRef input = program.input("l"), output = program.output("ab");
    for (std::int64_t i = 0; i < batch; ++i) {
      const PatchBox& box = call.patches.boxes[crops[static_cast<std::size_t>(done + i)]];
      prepare(call.photo, box, input.data + i * input.batch_stride);
    }
    timings.prepare += watch.lap();
    program.run([&](double fraction) {
      const double crop = static_cast<double>(done) + fraction * static_cast<double>(batch);
      return poll && poll(crop / static_cast<double>(crops_));
    });
    for (std::int64_t i = 0; i < batch; ++i) {
      const std::span map(maps_.data() + crops[static_cast<std::size_t>(done + i)] * 2 * kPlane, 2 * kPlane);
      std::copy_n(output.data + i * output.batch_stride, map.size(), map.data());
      check_finite(map);
    }
    timings.network += watch.lap();
  }
  boxes_ = call.patches.boxes;
  const std::int64_t w = call.photo.width, h = call.photo.height;
  fused_.resize(static_cast<std::size_t>(2 * w * h));
  fuse_cpu(
      {maps_.data(), kSize, kSize, h, w, call.patches.objects, call.patches.coverage.data(), fused_.data()});
  timings.finish += watch.lap();
  return fused_;
}

}  // namespace cuhue
