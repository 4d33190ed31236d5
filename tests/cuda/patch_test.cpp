// PatchColorization on the executor: the bytes of the CPU, whatever the objects; what is launched, kept and
// allocated. The network of colours is one whose arithmetic is the same everywhere.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "runtime/colorizers/patch_colors.h"
#include "runtime/colorizers/systems.h"
#include "tests/cuda/host_backend.h"
#include "tests/support/toy_networks.h"
#include "weights/status.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

constexpr std::int64_t kSide = 16, kW = 61, kH = 43;
constexpr double kAnyBytes = 1e9;

struct Picture {
  explicit Picture(PixelFormat f = PixelFormat::rgb8, std::int64_t w = kW, std::int64_t h = kH)
      : width(w), height(h), format(f), stride(row_bytes(f, w) + 3) {
    bytes.resize(static_cast<std::size_t>(stride * (is_video(f) ? h + (h + 1) / 2 : h)));
    std::uint32_t state = 5;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      state = state * 1664525u + 1013904223u;
      bytes[i] = static_cast<std::uint8_t>((i * 3 + (state >> 27)) % 256);
    }
  }
  PixelView view() { return {bytes.data(), width, height, stride, format}; }
  std::int64_t width, height;
  PixelFormat format;
  std::ptrdiff_t stride;
  std::vector<std::uint8_t> bytes;
};

// `count` objects that overlap, some over the photo's border, with holes in their masks.
Detections objects(int count, std::int64_t w = kW, std::int64_t h = kH, int first = 0) {
  Detections d;
  d.width = w;
  d.height = h;
  for (int i = first; i < first + count; ++i) {
    ObjectMask m;
    m.x = i % 3 == 0 ? 0 : (7 * i) % (w - 9);
    m.y = i % 4 == 0 ? 0 : (5 * i) % (h - 9);
    m.w = i % 5 == 0 ? w - m.x : std::min<std::int64_t>(9 + 2 * i, w - m.x);
    m.h = i % 3 == 1 ? h - m.y : std::min<std::int64_t>(9 + i, h - m.y);
    m.first = d.mask_bytes.size();
    for (std::int64_t k = 0; k < m.w * m.h; ++k) d.mask_bytes.push_back((k + i) % 7 != 0 ? 1 : 0);
    d.masks.push_back(m);
    const auto at = [](std::int64_t v) { return static_cast<float>(v); };
    d.boxes.insert(d.boxes.end(), {at(m.x), at(m.y), at(m.x + m.w), at(m.y + m.h)});
    d.scores.push_back(1.0f - 0.01f * static_cast<float>(i));
    d.classes.push_back(i % 80);
  }
  return d;
}

struct Stage {
  explicit Stage(std::shared_ptr<Backend> backend, float bias = 8.0f)
      : colors(load_toy(toy_colors(), std::move(backend), std::make_shared<ToyColorsWeights>(bias)), kSide) {}

  std::vector<std::uint8_t> run(Picture& photo, const Detections& found, int feather = 0) {
    const Patches patches = find_patches(found, {0.001, feather});
    Picture out(is_video(photo.format) ? PixelFormat::rgb8
                : is_grey(photo.format)
                    ? (bytes_per_sample(photo.format) == 2 ? PixelFormat::rgb16 : PixelFormat::rgb8)
                    : photo.format,
                photo.width, photo.height);
    PatchColors::Call call{.photo = photo.view(), .out = out.view(), .patches = patches};
    call.temperature = temperature;
    call.chroma = chroma;
    call.saturation = saturation;
    call.kept = kept;
    call.most_bytes = most_bytes;
    ColorizeTimings timings;
    colors.run(call, {}, timings);
    return out.bytes;
  }

  PatchColors colors;
  double temperature = 1, most_bytes = kAnyBytes;
  float chroma = 1;
  Saturation saturation = Saturation::by_luma;
  bool kept = false;
};

struct OnExecutor {
  explicit OnExecutor(const HostDeviceOptions& options = {}) : host(Precision::fp32, options) {
    device = host.device;
    backend = std::move(host.backend);
  }
  HostBackend host;
  std::shared_ptr<HostDevice> device;
  std::shared_ptr<Backend> backend;
};

}  // namespace

TEST_CASE("patches on the device: the bytes of the CPU for any objects, formats, saturation and feather") {
  const OnExecutor executor;
  Stage gpu(executor.backend), cpu(make_cpu_backend());
  REQUIRE(gpu.colors.on_device());
  CHECK_FALSE(cpu.colors.on_device());
  for (const PixelFormat format :
       {PixelFormat::rgb8, PixelFormat::bgra8, PixelFormat::grey8, PixelFormat::rgb16}) {
    Picture photo(format);
    const int most = format == PixelFormat::rgb8 ? 40 : 3;
    for (const int count : {0, 1, most}) {
      for (const int feather : {0, 4}) {
        CAPTURE(count);
        CAPTURE(feather);
        for (Stage* s : {&gpu, &cpu}) {
          s->saturation = feather == 0 ? Saturation::by_luma : Saturation::kept;
          s->chroma = feather == 0 ? 1.0f : 0.8f;
        }
        const auto found = gpu.run(photo, objects(count), feather);
        CHECK(found == cpu.run(photo, objects(count), feather));
        CHECK(found != photo.bytes);
      }
    }
  }
  // Another temperature is another program.
  Picture photo;
  gpu.temperature = cpu.temperature = 0.5;
  CHECK(gpu.run(photo, objects(2)) == cpu.run(photo, objects(2)));
  CHECK(executor.device->damaged() == 0);
}

TEST_CASE("patches on the device: one launch a batch and one at the end; nothing is allocated again") {
  for (const bool integrated : {false, true}) {
    const OnExecutor executor({.integrated = integrated});
    Stage gpu(executor.backend), cpu(make_cpu_backend());
    Picture photo;
    const auto first = gpu.run(photo, objects(20));  // 21 crops: 8 + 8 + 4 + 1
    const std::int64_t boxes = gpu.colors.crops();
    REQUIRE(boxes == 21);
    CHECK(first == cpu.run(photo, objects(20)));
    const std::int64_t allocations = executor.device->allocations(), launches = gpu.colors.counts().launches,
                       recordings = executor.device->recordings();
    const auto again = gpu.run(photo, objects(20));
    CHECK(again == first);
    CHECK(gpu.colors.counts().launches - launches == 4 + 1);
    const Detections others = objects(20, kW, kH, 3);
    CHECK(gpu.run(photo, others) == cpu.run(photo, others));
    CHECK(executor.device->allocations() == allocations);
    CHECK(executor.device->recordings() == recordings);
    // A smaller photo needs no more memory.
    Picture small(PixelFormat::rgb8, 40, 30);
    CHECK(gpu.run(small, objects(3, 40, 30)) == cpu.run(small, objects(3, 40, 30)));
    CHECK(executor.device->allocations() == allocations);
    CHECK(gpu.run(photo, objects(20)) == first);
  }
}

TEST_CASE("patches on the device: less memory splits batches, with the same bytes") {
  const OnExecutor executor;
  Stage gpu(executor.backend);
  Picture photo;
  gpu.most_bytes = 0;
  const auto single = gpu.run(photo, objects(5));
  CHECK(gpu.colors.counts().launches == 5);  // the first of six crops, and the end, run step by step
  gpu.most_bytes = kAnyBytes;
  CHECK(gpu.run(photo, objects(5)) == single);
}

TEST_CASE("patches on the device: kept photos colour only new boxes, with the bytes of a fresh run") {
  const OnExecutor executor;
  Stage gpu(executor.backend), fresh(executor.backend);
  Picture photo;
  gpu.run(photo, objects(2));
  CHECK(gpu.colors.crops() == 3);
  gpu.kept = true;
  // More boxes than ever, the same, fewer, others in between; then a feather alone.
  for (const auto& pair : {std::pair{6, 4}, {6, 0}, {1, 0}, {6, 5}, {3, 0}}) {
    const int count = pair.first, crops = pair.second;
    CAPTURE(count);
    CHECK(gpu.run(photo, objects(count)) == fresh.run(photo, objects(count)));
    CHECK(gpu.colors.crops() == crops);
  }
  // Those in front go, those behind stay.
  gpu.run(photo, objects(6));
  CHECK(gpu.run(photo, objects(4, kW, kH, 2)) == fresh.run(photo, objects(4, kW, kH, 2)));
  CHECK(gpu.colors.crops() == 0);
  CHECK(gpu.run(photo, objects(5, kW, kH, 5)) == fresh.run(photo, objects(5, kW, kH, 5)));
  CHECK(gpu.colors.crops() == 4);
  CHECK(gpu.run(photo, objects(3)) == fresh.run(photo, objects(3)));
  CHECK(gpu.run(photo, objects(3), 3) == fresh.run(photo, objects(3), 3));
  CHECK(gpu.colors.crops() == 0);
  Detections moved = objects(3);
  moved.boxes[4] += 2;  // x0 of the second
  CHECK(gpu.run(photo, moved) == fresh.run(photo, moved));
  CHECK(gpu.colors.crops() == 1);
  // Another temperature colours all again; so does a photo that is not kept.
  gpu.temperature = fresh.temperature = 2;
  CHECK(gpu.run(photo, moved) == fresh.run(photo, moved));
  CHECK(gpu.colors.crops() == 4);
  gpu.kept = false;
  Picture other(PixelFormat::rgb8);
  std::ranges::reverse(other.bytes);
  CHECK(gpu.run(other, moved) == fresh.run(other, moved));
  CHECK(gpu.colors.crops() == 4);
}

TEST_CASE("patches on the device: colours that are no numbers are an error, seen or not, again and again") {
  const OnExecutor executor;
  Stage gpu(executor.backend, std::numeric_limits<float>::infinity());
  Picture photo;
  gpu.kept = true;
  for (int call = 0; call < 3; ++call) {
    try {
      gpu.run(photo, objects(2));
      FAIL("no Error was thrown");
    } catch (const Error& e) {
      CHECK(e.status() == Status::weights);
      CHECK(std::string(e.what()) == kColoursNotFinite);
    }
  }
}

TEST_CASE("patches on the device: out of memory and a stop leave a program that works") {
  const OnExecutor executor;
  Stage gpu(executor.backend), cpu(make_cpu_backend());
  Picture photo;
  const Patches patches = find_patches(objects(9), {});
  Picture out;
  PatchColors::Call call{.photo = photo.view(), .out = out.view(), .patches = patches};
  call.most_bytes = kAnyBytes;
  ColorizeTimings timings;
  const auto run = [&](const Poll& poll) { gpu.colors.run(call, poll, timings); };
  const auto untouched = out.bytes;
  for (int more = 0;; ++more) {
    executor.device->refuse_after(more);
    try {
      run({});
      break;
    } catch (const Error& e) {
      CHECK(e.status() == Status::out_of_memory);
    }
    REQUIRE(more < 60);
  }
  executor.device->refuse_after(-1);
  const auto want = out.bytes;
  call.saturation = Saturation::by_luma;
  run({});
  cpu.saturation = Saturation::by_luma;
  CHECK(out.bytes == cpu.run(photo, objects(9)));
  out.bytes = untouched;
  int asked = 0;
  CHECK_THROWS_AS(run([&](double) { return ++asked == 3; }), Error);
  CHECK(out.bytes == untouched);
  call.kept = true;
  call.saturation = Saturation::kept;
  run({});
  CHECK(out.bytes == want);
  CHECK(executor.device->damaged() == 0);
}

// ---- photos in device memory, through the colorizer: on the executor that is the heap

namespace {

std::unique_ptr<Colorizer> colorizer_on(const std::shared_ptr<Backend>& backend, bool detects = false) {
  LoadedNetwork networks[] = {load_toy(toy_colors(), backend, std::make_shared<ToyColorsWeights>()), {}};
  if (detects) networks[1] = load_toy(toy_detector(), backend, std::make_shared<ToyDetectorWeights>());
  auto colorizer = make_patch(networks, kSide);
  if (detects) colorizer->set("min_size", 48);
  if (detects) colorizer->set("max_size", 60);
  return colorizer;
}

}  // namespace

TEST_CASE("patch: photos and results in device memory, on the caller's stream, without a wait") {
  const OnExecutor executor;
  const auto gpu = colorizer_on(executor.backend), cpu = colorizer_on(make_cpu_backend());
  for (Colorizer* c : {gpu.get(), cpu.get()}) c->set_detections(kAllPhotos, objects(6));
  ColorizeTimings timings;
  const Stream stream = executor.device->create_stream();
  for (const PixelFormat format : {PixelFormat::rgba8, PixelFormat::nv12}) {
    Picture photo(format), want(format == PixelFormat::nv12 ? PixelFormat::rgb8 : format), got(want.format),
        in_host = got;
    const ColorizeJob job{photo.view(), want.view()};
    cpu->run({&job, 1}, {}, {}, timings);
    ColorizeJob device{photo.view(), got.view(), true, true};
    ColorizeOptions options;
    options.stream = stream;
    gpu->run({&device, 1}, options, {}, timings);
    CHECK(got.bytes == in_host.bytes);  // not yet
    executor.device->synchronize(stream);
    CHECK(got.bytes == want.bytes);
    // Without a stream it is done on return; a result in host memory; a photo that is its own result.
    const std::int64_t copies = executor.device->copies();
    gpu->run({&device, 1}, {}, {}, timings);
    CHECK(got.bytes == want.bytes);
    CHECK(executor.device->copies() - copies == 3 + 1);  // crops of three batches, objects: no pixel
    device.out = in_host.view();
    device.out_on_device = false;
    gpu->run({&device, 1}, options, {}, timings);
    CHECK(in_host.bytes == want.bytes);
    if (format == PixelFormat::nv12) continue;
    device.out = photo.view();
    device.out_on_device = true;
    gpu->run({&device, 1}, {}, {}, timings);
    CHECK(photo.bytes == want.bytes);
  }
  executor.device->destroy_stream(stream);
}

TEST_CASE("patch: one call after the other on a stream, none waited for: each has its own objects") {
  const OnExecutor executor;
  const auto gpu = colorizer_on(executor.backend), cpu = colorizer_on(make_cpu_backend());
  const Stream stream = executor.device->create_stream();
  ColorizeOptions options;
  options.stream = stream;
  ColorizeTimings timings;
  Picture photo;
  std::vector<Picture> got(4), want(4);
  for (std::size_t i = 0; i < got.size(); ++i) {
    const Detections own = objects(2 + static_cast<int>(i) % 2, kW, kH, 3 * static_cast<int>(i));
    for (Colorizer* c : {gpu.get(), cpu.get()}) c->set_detections(kAllPhotos, own);
    const ColorizeJob device{photo.view(), got[i].view(), true, true}, host{photo.view(), want[i].view()};
    gpu->run({&device, 1}, options, {}, timings);
    cpu->run({&host, 1}, {}, {}, timings);
  }
  executor.device->synchronize(stream);
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i].bytes == want[i].bytes);
  executor.device->destroy_stream(stream);
}

TEST_CASE("patch: colours that are no numbers fail the next call where one did not wait") {
  const OnExecutor executor;
  const LoadedNetwork networks[] = {
      load_toy(toy_colors(), executor.backend, std::make_shared<ToyColorsWeights>(std::nanf(""))), {}};
  const auto gpu = make_patch(networks, kSide);
  gpu->set_detections(kAllPhotos, objects(1));
  const Stream stream = executor.device->create_stream();
  ColorizeOptions options;
  options.stream = stream;
  ColorizeTimings timings;
  Picture photo, out;
  const ColorizeJob job{photo.view(), out.view(), true, true};
  gpu->run({&job, 1}, options, {}, timings);
  CHECK_THROWS_WITH_AS(gpu->run({&job, 1}, options, {}, timings), doctest::Contains("finite"), Error);
  gpu->run({&job, 1}, options, {}, timings);
  executor.device->synchronize(stream);
  executor.device->destroy_stream(stream);
}

TEST_CASE("patch: what device memory cannot do is said") {
  const OnExecutor executor;
  const auto gpu = colorizer_on(executor.backend);
  Picture large(PixelFormat::rgb8, 1300, 8), result(PixelFormat::rgb8, 1280, 7);
  gpu->set_detections(kAllPhotos, objects(0, 1280, 7));
  const ColorizeJob job{large.view(), result.view(), true, true};
  ColorizeOptions options;
  options.as_published = true;
  ColorizeTimings timings;
  CHECK_THROWS_WITH_AS(gpu->run({&job, 1}, options, {}, timings), doctest::Contains("1280x7"), Error);
}

TEST_CASE("patch: objects found in a photo in device memory give the picture of one in host memory") {
  const OnExecutor executor;
  const auto gpu = colorizer_on(executor.backend, true), cpu = colorizer_on(make_cpu_backend(), true);
  Picture photo, want, got, in_host;
  ColorizeTimings timings;
  const ColorizeJob job{photo.view(), want.view()};
  cpu->run({&job, 1}, {}, {}, timings);
  REQUIRE(cpu->detections_of(0).count() > 0);
  const ColorizeJob host{photo.view(), in_host.view()};
  gpu->run({&host, 1}, {}, {}, timings);
  CHECK(timings.detect > 0);
  CHECK(gpu->detections_of(0).count() == cpu->detections_of(0).count());
  // A pixel of a mask's edge may differ, and with it a colour.
  int apart = 0;
  for (std::size_t i = 0; i < want.bytes.size(); ++i)
    apart += std::abs(want.bytes[i] - in_host.bytes[i]) > 1 ? 1 : 0;
  CHECK(apart <= 30);
  const Stream stream = executor.device->create_stream();
  const ColorizeJob device{photo.view(), got.view(), true, true};
  ColorizeOptions options;
  options.stream = stream;
  gpu->run({&device, 1}, options, {}, timings);
  executor.device->synchronize(stream);
  CHECK(got.bytes == in_host.bytes);
  // Kept, what was found stays found.
  options.prepared = true;
  gpu->run({&device, 1}, options, {}, timings);
  CHECK(timings.detect == 0);
  executor.device->synchronize(stream);
  CHECK(got.bytes == in_host.bytes);
  executor.device->destroy_stream(stream);
}
