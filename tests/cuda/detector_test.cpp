// A detector on the executor: one launch from picture to objects, against the CPU's parts. The network is a
// small one with the parts of mask-rcnn.
#include "runtime/colorizers/detector.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "tests/cuda/host_backend.h"
#include "weights/status.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

constexpr int kChannels = 8, kClasses = 3;

void build_features(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w, const Settings&) {
  ValueId x = b.affine(b.input("image", {n, 3, h, w}), 1.0f / 64, 0.0f);
  x = b.relu(b.conv(x, "stem", {.out = kChannels, .kernel = 4, .stride = 4}));
  ValueId p[4] = {x};
  for (int i = 1; i < 4; ++i)
    p[i] =
        b.conv(p[i - 1], "down" + std::to_string(i), {.out = kChannels, .kernel = 3, .stride = 2, .pad = 1});
  for (int i = 0; i < 4; ++i) b.output("p" + std::to_string(i + 2), p[i], OutputLayout::as_made);
  for (int i = 0; i < 5; ++i) {
    const ValueId level = i < 4 ? p[i] : b.subsample(p[3], 2);
    b.output("logits" + std::to_string(i + 2), b.conv(level, "logits", {.out = 3, .kernel = 1}));
    b.output("deltas" + std::to_string(i + 2), b.conv(level, "deltas", {.out = 12, .kernel = 1}));
  }
}

void build_box_head(Builder& b, std::int64_t n, std::int64_t, std::int64_t, const Settings&) {
  const ValueId x = b.relu(b.linear(b.input("box_crops", {n, kChannels * 49, 1, 1}), "fc", 16));
  b.output("class_logits", b.linear(x, "cls", kClasses + 1));
  b.output("box_deltas", b.linear(x, "box", 4 * kClasses));
}

void build_mask_head(Builder& b, std::int64_t n, std::int64_t, std::int64_t, const Settings&) {
  const ValueId x = b.relu(b.conv_transpose(b.input("mask_crops", {n, kChannels, 14, 14}), "deconv",
                                            {.out = 4, .kernel = 2, .stride = 2}));
  b.output("mask_logits", b.conv(x, "predictor", {.out = kClasses, .kernel = 1}));
}

const Network& toy() {
  static const Network network = [] {
    Network n;
    n.name = "toy-detector";
    n.settings = network_or_throw("mask-rcnn").settings;
    n.size_multiple = 32;
    n.default_size = 64;
    n.formula.exceptions = {{"cls.weight", 20.0}, {"deltas.weight", 0.05}, {"box.weight", 0.5}};
    n.parts = {{"features", {}, {}, build_features},
               {"box_head", {}, {}, build_box_head},
               {"mask_head", {}, {}, build_mask_head}};
    return n;
  }();
  return network;
}

// Formula weights, or none that are numbers.
class Weights final : public ParamSource {
 public:
  explicit Weights(bool broken = false) : broken_(broken) {}
  std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const override {
    const auto values = formula_.fetch(p, scratch);
    if (broken_ && p.name == "logits.bias") scratch[0] = std::nanf("");
    return values;
  }

 private:
  FormulaSource formula_{toy()};
  bool broken_;
};

std::unique_ptr<Detector> detector_on(std::shared_ptr<Backend> backend, bool broken = false) {
  LoadedNetwork loaded;
  loaded.network = &toy();
  loaded.backend = std::move(backend);
  loaded.weights = loaded.backend->make_weights(std::make_shared<Weights>(broken));
  auto detector = make_detector(loaded);
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
