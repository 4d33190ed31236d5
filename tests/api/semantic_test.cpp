// Semantic-driven Colorization on both backends at a small size: labels, edits, what is kept of a photo.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "runtime/colorizers/labels.h"
#include "runtime/colorizers/systems.h"
#include "runtime/cuda/backend.h"
#include "runtime/image/pixels.h"
#include "tests/executor/host_device.h"
#include "weights/status.h"

namespace cuhue::test {
namespace {

constexpr std::int64_t kArea = 32 * 64;

struct Picture {
  Picture(std::int64_t w, std::int64_t h, PixelFormat f = PixelFormat::rgb8)
      : width(w), height(h), format(f), bytes(static_cast<std::size_t>(row_bytes(f, w) * h)) {}
  PixelView view() { return {bytes.data(), width, height, row_bytes(format, width), format}; }
  std::int64_t width, height;
  PixelFormat format;
  std::vector<std::uint8_t> bytes;
};

// A sky over ground, with noise.
Picture photo_of(std::int64_t w, std::int64_t h, PixelFormat format = PixelFormat::rgb8) {
  Picture p(w, h, format);
  std::uint32_t state = 11;
  for (std::size_t i = 0; i < p.bytes.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    const std::size_t row = i / static_cast<std::size_t>(row_bytes(format, w));
    const int level = 2 * row < static_cast<std::size_t>(h) ? 170 : 80;
    p.bytes[i] = static_cast<std::uint8_t>(level + static_cast<int>(state >> 26));
  }
  return p;
}

Picture map_of(std::int64_t w, std::int64_t h, std::uint8_t above, std::uint8_t below) {
  Picture map(w, h, PixelFormat::grey8);
  for (std::int64_t i = 0; i < w * h; ++i)
    map.bytes[static_cast<std::size_t>(i)] = i / w < h / 2 ? above : below;
  return map;
}

struct Stage {
  explicit Stage(std::shared_ptr<Backend> backend, bool finds_labels = true, std::int64_t area = kArea) {
    std::vector<LoadedNetwork> networks;
    for (const char* name : {"colornet", "segnet"}) {
      if (name == std::string("segnet") && !finds_labels) {
        networks.emplace_back();
        continue;
      }
      const Network& network = network_or_throw(name);
      LoadedNetwork loaded;
      loaded.network = &network;
      loaded.backend = backend;
      loaded.weights = backend->make_weights(std::make_shared<FormulaSource>(network));
      loaded.options.threads = 2;
      networks.push_back(loaded);
    }
    colorizer = make_semantic(networks, area);
  }
  void set(Picture map, std::size_t photo = kAllPhotos) const { colorizer->set_labels(photo, map.view()); }
  Picture labels(std::int64_t w, std::int64_t h, std::size_t photo = 0) const {
    Picture map(w, h, PixelFormat::grey8);
    colorizer->labels_of(photo, map.view());
    return map;
  }
  Picture find(Picture photo) const {
    Picture map(photo.width, photo.height, PixelFormat::grey8);
    colorizer->find_labels(photo.view(), {}, map.view());
    return map;
  }
  // How often a run asks whether to go on: once a layer that runs on the CPU.
  int asked = 0;
  Picture colour(Picture photo, bool keep = false) {
    const PixelFormat format =
        is_grey(photo.format) ? (bytes_per_sample(photo.format) == 2 ? PixelFormat::rgb16 : PixelFormat::rgb8)
                              : photo.format;
    Picture out(photo.width, photo.height, format);
    ColorizeJob job;
    job.in = photo.view();
    job.out = out.view();
    ColorizeOptions options;
    options.prepared = keep;
    ColorizeTimings timings;
    asked = 0;
    colorizer->run(
        {&job, 1}, options, [this](double) { return ++asked < 0; }, timings);
    return out;
  }

  std::unique_ptr<Colorizer> colorizer;
};

std::shared_ptr<Backend> cpu() {
  return make_cpu_backend();
}
std::shared_ptr<Backend> executor(std::shared_ptr<HostDevice>& device) {
  cuda::BackendParts parts;
  parts.device = device = std::make_shared<HostDevice>();
  return cuda::make_backend(std::move(parts));
}

double apart(const Picture& a, const Picture& b, int levels = 1) {
  REQUIRE(a.bytes.size() == b.bytes.size());
  std::size_t n = 0;
  for (std::size_t i = 0; i < a.bytes.size(); ++i) n += std::abs(a.bytes[i] - b.bytes[i]) > levels;
  return static_cast<double>(n) / static_cast<double>(a.bytes.size());
}

TEST_CASE(
    "semantic: an edited label colours a kept photo as a fresh run does, and the photo's half is not run "
    "again") {
  Stage s(cpu()), fresh(cpu());
  const Picture photo = photo_of(96, 48);
  const Picture automatic = s.colour(photo);
  const Picture found = s.labels(96, 48);
  CHECK(found.bytes == s.find(photo).bytes);
  // The same labels, given.
  fresh.set(found);
  const Picture by_map = fresh.colour(photo);
  const int all_layers = fresh.asked;
  CHECK(by_map.bytes == automatic.bytes);
  // Kept as it is: neither labels nor the photo's half.
  CHECK(s.colour(photo, true).bytes == automatic.bytes);
  CHECK(s.asked < all_layers - 15);  // 12 convolutions of an encoder and 6 norms
  // Edits, in any order.
  const Picture sky = map_of(96, 48, 50, 36), water = map_of(96, 48, 57, 36);
  Picture results[2] = {photo, photo};
  for (const Picture* map : {&sky, &water, &sky}) {
    s.set(*map);
    const Picture got = s.colour(photo, true);
    CHECK(s.asked < all_layers - 15);
    CHECK(s.labels(96, 48).bytes == map->bytes);
    fresh.set(*map);
    CHECK(got.bytes == fresh.colour(photo).bytes);
    CHECK(fresh.asked == all_layers);
    results[map == &sky ? 0 : 1] = got;
  }
  CHECK(apart(results[0], results[1]) > 0.05);
  // Without a map, they are found again.
  s.colorizer->clear_labels();
  CHECK(s.colour(photo, true).bytes == automatic.bytes);
  CHECK(s.labels(96, 48).bytes == found.bytes);
  // Another photo is another photo.
  Picture other = photo;
  std::ranges::reverse(other.bytes);
  s.set(sky);
  fresh.set(sky);
  const Picture of_other = s.colour(other);
  CHECK(of_other.bytes == fresh.colour(other).bytes);
  CHECK(of_other.bytes != results[0].bytes);
}

TEST_CASE("semantic: on CUDA the labels and pictures of the CPU, edits too") {
  std::shared_ptr<HostDevice> device;
  {
    Stage host(cpu()), gpu(executor(device));
    const Picture photo = photo_of(64, 32);
    const Picture want = host.colour(photo), got = gpu.colour(photo);
    CHECK(apart(got, want) <= 0.002);
    CHECK(gpu.labels(64, 32).bytes == host.labels(64, 32).bytes);
    const Picture edited = map_of(64, 32, 50, 36);
    host.set(edited);
    gpu.set(edited);
    const Picture edit = gpu.colour(photo, true);
    CHECK(apart(edit, host.colour(photo, true)) <= 0.002);
    CHECK(apart(edit, got) > 0.05);
    CHECK(gpu.labels(64, 32).bytes == edited.bytes);
  }
  CHECK(device->damaged() == 0);
}

TEST_CASE("semantic: photos of any size and format, alone and in one call; alpha stays") {
  const std::array photos{photo_of(7, 5000), photo_of(33, 65, PixelFormat::rgba8),
                          photo_of(40, 20, PixelFormat::grey16), photo_of(1, 1)};
  Stage s(cpu());
  std::vector<Picture> alone;
  for (const Picture& p : photos) {
    alone.push_back(s.colour(p));
    const Picture labels = s.labels(p.width, p.height);
    CHECK(std::ranges::all_of(labels.bytes, [](std::uint8_t v) { return v < kLabelCount; }));
  }
  std::vector<Picture> in(photos.begin(), photos.end()), out = alone;
  const auto run = [&](bool keep) {
    std::vector<ColorizeJob> jobs;
    for (std::size_t i = 0; i < 3; ++i) {  // all but the single pixel
      std::ranges::fill(out[i].bytes, std::uint8_t{0x5A});
      ColorizeJob job;
      job.in = in[i].view();
      job.out = out[i].view();
      jobs.push_back(job);
    }
    ColorizeOptions options;
    options.prepared = keep;
    ColorizeTimings timings;
    s.colorizer->run(jobs, options, {}, timings);
    for (std::size_t i = 0; i < 3; ++i) CHECK(out[i].bytes == alone[i].bytes);
  };
  run(false);
  run(true);  // labels of all of them are kept
  for (std::size_t i = 3; i < out[1].bytes.size(); i += 4) REQUIRE(out[1].bytes[i] == in[1].bytes[i]);
}

TEST_CASE(
    "semantic: a map given as it was found is the same map, for photos as large as the planes and larger") {
  Stage s(cpu());
  for (const auto& [w, h] : {std::pair{64, 32}, {65, 33}, {301, 160}}) {
    const Picture photo = photo_of(w, h);
    s.colorizer->clear_labels();
    const Picture automatic = s.colour(photo);
    s.set(s.find(photo));
    CHECK(s.colour(photo, true).bytes == automatic.bytes);
  }
}

void refused(Status status, const std::vector<std::string>& words, const std::function<void()>& f) {
  try {
    f();
    FAIL("nothing was thrown");
  } catch (const Error& e) {
    INFO(e.what());
    CHECK(e.status() == status);
    for (const std::string& word : words) {
      CAPTURE(word);
      CHECK(std::string(e.what()).find(word) != std::string::npos);
    }
  }
}

TEST_CASE("semantic: what is missing or does not fit is said, before anything is coloured") {
  Stage blind(cpu(), false);
  const Picture photo = photo_of(20, 10);
  refused(Status::weights, {"photo 0", "label map", "segnet", "--labels", "cuhue_colorizer_set_labels"},
          [&] { blind.colour(photo); });
  refused(Status::weights, {"segnet"}, [&] { blind.find(photo); });
  refused(Status::usage, {"photo 0", "latest call"}, [&] { blind.labels(20, 10); });
  blind.set(map_of(20, 10, 50, 36));
  const Picture coloured = blind.colour(photo);
  CHECK(coloured.bytes != photo.bytes);
  refused(Status::usage, {"19x10", "20x10"}, [&] { blind.labels(19, 10); });
  refused(Status::usage, {"photo 1", "1 photos"}, [&] { blind.labels(20, 10, 1); });
  blind.set(map_of(10, 20, 50, 36));
  refused(Status::usage, {"photo 0", "10x20", "20x10"}, [&] { blind.colour(photo); });
  blind.set(map_of(20, 10, 50, 36), 3);
  refused(Status::usage, {"label maps for photo 3"}, [&] { blind.colour(photo); });
  Picture wrong = map_of(20, 10, 50, 36);
  wrong.bytes[25] = 60;
  refused(Status::usage, {"5,1", "60", "59"}, [&] { blind.set(wrong); });
  refused(Status::usage, {"grey"}, [&] { blind.set(photo); });
  // A failed call keeps nothing, and the next is as a fresh one.
  blind.colorizer->clear_labels();
  blind.set(map_of(20, 10, 50, 36));
  CHECK(blind.colour(photo, true).bytes == coloured.bytes);
}

}  // namespace
}  // namespace cuhue::test
