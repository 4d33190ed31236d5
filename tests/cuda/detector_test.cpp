// A detector on the executor: one launch from picture to objects, against the CPU's parts. The network is a
// small one with the parts of mask-rcnn.
#include "runtime/colorizers/detector.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "tests/cuda/host_backend.h"
#include "tests/support/toy_networks.h"
#include "weights/status.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

std::unique_ptr<Detector> detector_on(std::shared_ptr<Backend> backend, bool broken = false) {
  auto detector = make_detector(
      load_toy(toy_detector(), std::move(backend), std::make_shared<ToyDetectorWeights>(broken)));
  detector->set("min_size", 48);
  detector->set("max_size", 60);
  return detector;
}

std::shared_ptr<Backend> executor(std::shared_ptr<HostDevice>& device) {
  HostBackend host;
  device = host.device;
  return std::shared_ptr<Backend>(std::move(host.backend));
}

std::vector<float> picture(std::int64_t h, std::int64_t w) {
  std::vector<float> values;
  for (const std::uint8_t v : formula_image(3, h, w)) values.push_back(v);
  return values;
}

void check_same(const Detections& found, const Detections& expected) {
  REQUIRE(found.count() == expected.count());
  CHECK(found.classes == expected.classes);
  CHECK(found.width == expected.width);
  double box = 0, score = 0;
  for (std::size_t i = 0; i < found.boxes.size(); ++i)
    box = std::max(box, static_cast<double>(std::abs(found.boxes[i] - expected.boxes[i])));
  for (std::size_t i = 0; i < found.count(); ++i)
    score = std::max(score, static_cast<double>(std::abs(found.scores[i] - expected.scores[i])));
  CHECK(box < 0.05);
  CHECK(score < 5e-4);
  for (std::size_t i = 0; i < found.count(); ++i) {
    int different = 0;
    for (std::int64_t y = 0; y < found.height; ++y)
      for (std::int64_t x = 0; x < found.width; ++x)
        different += found.covers(i, x, y) != expected.covers(i, x, y) ? 1 : 0;
    CHECK(different <= 3);
  }
}

}  // namespace

TEST_CASE("a detector on the device finds what the CPU finds, in one launch that allocates nothing again") {
  std::shared_ptr<HostDevice> device;
  const auto cuda = detector_on(executor(device)), cpu = detector_on(make_cpu_backend());
  DetectTimings timings;
  Detections found, expected;
  const std::vector<float> floats = picture(30, 37);
  const std::vector<std::uint8_t> bytes(floats.begin(), floats.end());
  for (const DetectorImage& image : {DetectorImage{floats.data(), DetectorImage::Type::f32, 30, 37},
                                     DetectorImage{bytes.data(), DetectorImage::Type::u8, 30, 37}}) {
    cpu->run(image, {}, expected, timings);
    REQUIRE(expected.count() > 0);
    REQUIRE(expected.count() < 100);
    cuda->run(image, {}, found, timings);
    check_same(found, expected);
    const std::int64_t allocations = device->allocations(), launches = device->launches();
    const Detections first = found;
    cuda->run(image, {}, found, timings);
    CHECK(device->allocations() == allocations);
    CHECK(device->launches() == launches + 1);
    CHECK(found.boxes == first.boxes);
    CHECK(found.mask_bytes == first.mask_bytes);
  }
  CHECK(cuda->arena_bytes() > 0);
  // Layers of the parts by themselves; what is found stays the same.
  const auto layers = cuda->profile(30, 37);
  CHECK(layers.size() > 15);
  CHECK(layers.back().output.n == 100);
  const Detections before = found;
  cuda->run({bytes.data(), DetectorImage::Type::u8, 30, 37}, {}, found, timings);
  CHECK(found.boxes == before.boxes);
}

TEST_CASE("a detector on the device: nothing found, weights that are no numbers") {
  std::shared_ptr<HostDevice> device;
  const std::vector<float> values = picture(20, 20);
  const DetectorImage image{values.data(), DetectorImage::Type::f32, 20, 20};
  DetectTimings timings;
  Detections found;
  {
    const auto cuda = detector_on(executor(device));
    cuda->set("score_threshold", 1.0);
    cuda->run(image, {}, found, timings);
    CHECK(found.count() == 0);
  }
  const auto broken = detector_on(executor(device), true);
  try {
    broken->run(image, {}, found, timings);
    FAIL("no Error was thrown");
  } catch (const Error& e) {
    CHECK(e.status() == Status::weights);
  }
}

TEST_CASE("a detector sees a photo in host memory, in the device's, and a video frame there, as on the CPU") {
  std::shared_ptr<HostDevice> device;
  const auto cuda = detector_on(executor(device)), cpu = detector_on(make_cpu_backend());
  constexpr std::int64_t kW = 38, kH = 30;
  const auto planes = formula_image(3, kH, kW);
  std::vector<std::uint8_t> bgra(static_cast<std::size_t>(4 * kW * kH), 77), nv12, rgb;
  for (std::size_t i = 0; i < planes.size(); ++i) bgra[i % (kW * kH) * 4 + i / (kW * kH)] = planes[i];
  for (std::size_t i = 0; i < kW * kH * 3 / 2; ++i)
    nv12.push_back(i < kW * kH ? static_cast<std::uint8_t>(16 + planes[i] * 219 / 255) : 128);
  for (std::size_t i = 0; i < kW * kH; ++i)
    for (int c = 0; c < 3; ++c) rgb.push_back(static_cast<std::uint8_t>(((nv12[i] - 16) * 255 + 109) / 219));
  DetectTimings timings;
  Detections found, expected;
  const Stream stream = device->create_stream();
  const ConstPixelView photo{bgra.data(), kW, kH, 4 * kW, PixelFormat::bgra8};
  cpu->run_photo(photo, {}, {}, expected, timings);
  REQUIRE(expected.count() > 0);
  for (const PhotoPlace& place : {PhotoPlace{}, PhotoPlace{true, nullptr}, PhotoPlace{true, stream}}) {
    cuda->run_photo(photo, place, {}, found, timings);
    check_same(found, expected);
    const std::int64_t allocations = device->allocations();
    cuda->run_photo(photo, place, {}, found, timings);
    check_same(found, expected);
    CHECK(device->allocations() == allocations);
  }
  cpu->run_photo({rgb.data(), kW, kH, 3 * kW, PixelFormat::rgb8}, {}, {}, expected, timings);
  REQUIRE(expected.count() > 0);
  cuda->run_photo({nv12.data(), kW, kH, kW, PixelFormat::nv12}, {true, stream}, {}, found, timings);
  check_same(found, expected);
  device->destroy_stream(stream);
}
