// Systems whose work is no single network's: objects found by one launch, and photos coloured patch by patch,
// as on the CPU. With the executor the networks are small ones of the same parts.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "runtime/colorizers/detector.h"
#include "runtime/colorizers/patch_colors.h"
#include "tests/gpu/gpu_support.h"
#include "tests/support/toy_networks.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

#if defined(CUHUE_GPU_TESTS_SMALL)
constexpr std::int64_t kWidth = 61, kHeight = 43, kSide = 16;
constexpr int kRepeats = 2;

LoadedNetwork detector_network(std::shared_ptr<Backend> backend) {
  return load_toy(toy_detector(), std::move(backend), std::make_shared<ToyDetectorWeights>());
}
LoadedNetwork color_network(std::shared_ptr<Backend> backend) {
  return load_toy(toy_colors(), std::move(backend), std::make_shared<ToyColorsWeights>());
}
void shrink(Detector& detector) {
  detector.set("min_size", 48);
  detector.set("max_size", 60);
}
#else
constexpr std::int64_t kWidth = 640, kHeight = 427, kSide = PatchColors::kPublishedSide;
constexpr int kRepeats = 50;

LoadedNetwork loaded(std::string_view name, std::shared_ptr<Backend> backend) {
  const Network& network = network_or_throw(name);
  return load_toy(network, std::move(backend), std::make_shared<FormulaSource>(network));
}
LoadedNetwork detector_network(std::shared_ptr<Backend> backend) {
  return loaded("mask-rcnn", std::move(backend));
}
LoadedNetwork color_network(std::shared_ptr<Backend> backend) {
  return loaded("eccv16", std::move(backend));
}
void shrink(Detector&) {}
#endif

std::vector<std::uint8_t> photo_bytes() {
  const auto planes = formula_image(3, kHeight, kWidth);
  const std::size_t area = planes.size() / 3;
  std::vector<std::uint8_t> rgb(planes.size());
  for (std::size_t i = 0; i < planes.size(); ++i) rgb[i % area * 3 + i / area] = planes[i];
  return rgb;
}

ConstPixelView view_of(const std::vector<std::uint8_t>& rgb) {
  return {rgb.data(), kWidth, kHeight, static_cast<std::ptrdiff_t>(3 * kWidth), PixelFormat::rgb8};
}

// Ten boxes that overlap, each with a mask of all of it but its corners.
Detections objects() {
  Detections d;
  d.width = kWidth;
  d.height = kHeight;
  for (std::int64_t i = 0; i < 10; ++i) {
    ObjectMask m;
    m.x = i * kWidth / 14;
    m.y = i % 4 * kHeight / 6;
    m.w = kWidth / 4;
    m.h = kHeight / 3 + i;
    m.first = d.mask_bytes.size();
    for (std::int64_t k = 0; k < m.w * m.h; ++k)
      d.mask_bytes.push_back(k % m.w + k / m.w > 5 && k % m.w < m.w - 3 ? 1 : 0);
    d.masks.push_back(m);
    for (const std::int64_t v : {m.x, m.y, m.x + m.w, m.y + m.h}) d.boxes.push_back(static_cast<float>(v));
    d.scores.push_back(0.9f);
    d.classes.push_back(0);
  }
  return d;
}

std::int64_t different_pixels(const Detections& a, const Detections& b, std::size_t i) {
  std::int64_t n = 0;
  for (std::int64_t y = 0; y < a.height; ++y)
    for (std::int64_t x = 0; x < a.width; ++x) n += a.covers(i, x, y) != b.covers(i, x, y) ? 1 : 0;
  return n;
}

}  // namespace

TEST_SUITE("parity") {
  TEST_CASE("a detector finds the CPU's objects, in one launch that repeats to the bit") {
    const std::vector<std::uint8_t> photo = photo_bytes();
    const auto cpu = make_detector(detector_network(make_cpu_backend())),
               gpu = make_detector(detector_network(cuda_backend(Precision::fp32)));
    DetectTimings timings;
    Detections expected, found, again;
    for (Detector* d : {cpu.get(), gpu.get()}) shrink(*d);
    cpu->run_photo(view_of(photo), {}, {}, expected, timings);
    gpu->run_photo(view_of(photo), {}, {}, found, timings);
    REQUIRE(expected.count() > 0);
    REQUIRE(found.count() == expected.count());
    CHECK(found.classes == expected.classes);
    double box = 0, score = 0, mask = 0;
    for (std::size_t i = 0; i < found.boxes.size(); ++i)
      box = std::max(box, std::abs(static_cast<double>(found.boxes[i]) - expected.boxes[i]));
    for (std::size_t i = 0; i < found.count(); ++i) {
      score = std::max(score, std::abs(static_cast<double>(found.scores[i]) - expected.scores[i]));
      const auto most = std::max<double>(30, 0.005 * static_cast<double>(expected.mask(i).size()));
      mask = std::max(mask, static_cast<double>(different_pixels(found, expected, i)) / most);
    }
    for (const auto& values : {found.boxes, found.scores}) {  // which the largest of would pass over
      for (const float v : values) REQUIRE(std::isfinite(v));
    }
    CHECK(box < 0.05);
    CHECK(score < 5e-4);
    CHECK(mask <= 1);
    for (int i = 0; i < kRepeats; ++i) {
      gpu->run_photo(view_of(photo), {}, {}, again, timings);
      CHECK(again.boxes == found.boxes);
      CHECK(again.mask_bytes == found.mask_bytes);
    }
    note_fact(
        R"({"fact": "system", "network": "mask-rcnn", "precision": "fp32", "of": "objects", "objects": )" +
        std::to_string(found.count()) + R"(, "box_px": )" + std::to_string(box) + R"(, "score": )" +
        std::to_string(score) + R"(, "masks_of_bound": )" + std::to_string(mask) + "}");
  }

  TEST_CASE("patches get the CPU's picture; again and again the same, and nothing is allocated") {
    const std::vector<std::uint8_t> photo = photo_bytes();
    PatchColors cpu(color_network(make_cpu_backend()), kSide),
        gpu(color_network(cuda_backend(Precision::fp32)), kSide);
    REQUIRE(gpu.on_device());
    for (const int feather : {0, 5}) {
      const Patches patches = find_patches(objects(), {0.001, feather});
      const auto coloured = [&](PatchColors& colors) {
        std::vector<std::uint8_t> out(photo.size());
        PatchColors::Call call{
            .photo = view_of(photo),
            .out = {out.data(), kWidth, kHeight, static_cast<std::ptrdiff_t>(3 * kWidth), PixelFormat::rgb8},
            .patches = patches};
        call.saturation = feather == 0 ? Saturation::by_luma : Saturation::kept;
        call.most_bytes = 512 << 20;
        ColorizeTimings timings;
        colors.run(call, {}, timings);
        return out;
      };
      const auto want = coloured(cpu), got = coloured(gpu);
      std::int64_t apart = 0, different = 0;
      for (std::size_t i = 0; i < want.size(); ++i) {
        apart += std::abs(want[i] - got[i]) > 1 ? 1 : 0;
        different += want[i] != got[i] ? 1 : 0;
      }
      CHECK(static_cast<double>(apart) <= 0.001 * static_cast<double>(want.size()));
      CHECK(got != photo);
      coloured(gpu);
      const PatchCounts before = gpu.counts();
      for (int i = 0; i < kRepeats; ++i) CHECK(coloured(gpu) == got);
      const PatchCounts after = gpu.counts();
      CHECK(after.allocations == before.allocations);
      CHECK(after.launches - before.launches == 4 * kRepeats);  // 8 + 2 + 1 crops, and the end
      note_fact(
          R"({"fact": "system", "network": "patch", "precision": "fp32", "of": "pictures", "feather": )" +
          std::to_string(feather) + R"(, "samples": )" + std::to_string(want.size()) + R"(, "different": )" +
          std::to_string(different) + R"(, "beyond_a_level": )" + std::to_string(apart) + "}");
    }
  }
}
