#include "bench/gpu/system_bench.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "bench/gpu/network_bench.h"
#include "runtime/colorizers/detector.h"
#include "runtime/colorizers/patch_colors.h"
#include "runtime/stopwatch.h"

namespace cuhue::bench {
namespace {

constexpr std::int64_t kWidth = 1280, kHeight = 960, kStride = 3 * kWidth;
constexpr int kObjects = 10, kWarmUps = 5, kLeast = 20;
constexpr double kSeconds = 5;

std::vector<std::uint8_t> noise() {
  std::mt19937 random(3);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(kStride * kHeight));
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

template <class Run>
std::string timed(Run&& run) {
  for (int i = 0; i < kWarmUps; ++i) run();
  std::vector<double> seconds;
  double all = 0;
  for (Stopwatch watch; all < kSeconds || seconds.size() < kLeast; all += seconds.back()) {
    watch.lap();
    run();
    seconds.push_back(watch.lap());
  }
  return quantiles(std::move(seconds));
}

std::string about(const char* system, std::string_view precision, const std::string& photo) {
  return R"({"fact": "photo", "network": ")" + std::string(system) + R"(", "precision": ")" +
         std::string(precision) + R"(", "photo": ")" + photo + R"(", )";
}

// Boxes of a fifth of the photo's sides that overlap, each masked wholly.
Detections objects() {
  Detections d;
  d.width = kWidth;
  d.height = kHeight;
  for (std::int64_t i = 0; i < kObjects; ++i) {
    const ObjectMask m{100 * i, 70 * i, kWidth / 5, kHeight / 5 + i, d.mask_bytes.size()};
    d.mask_bytes.resize(d.mask_bytes.size() + static_cast<std::size_t>(m.w * m.h), 1);
    d.masks.push_back(m);
    for (const std::int64_t v : {m.x, m.y, m.x + m.w, m.y + m.h}) d.boxes.push_back(static_cast<float>(v));
    d.scores.push_back(0.9f);
    d.classes.push_back(0);
  }
  return d;
}

}  // namespace

void bench_detector(const LoadedNetwork& network, std::string_view precision) {
  const auto detector = make_detector(network);
  const std::vector<std::uint8_t> photo = noise();
  const ConstPixelView view{photo.data(), kWidth, kHeight, kStride, PixelFormat::rgb8};
  Detections found;
  DetectTimings timings;
  const std::string times = timed([&] { detector->run_photo(view, {}, {}, found, timings); });
  note(about("mask-rcnn", precision, "1280x960 to objects") + times + R"(, "objects": )" +
       std::to_string(found.count()) + R"(, "arena_bytes": )" + std::to_string(detector->arena_bytes()) +
       "}");
}

void bench_patches(const LoadedNetwork& network, std::string_view precision) {
  PatchColors colors(network);
  const std::vector<std::uint8_t> photo = noise();
  std::vector<std::uint8_t> result(photo.size());
  const Patches patches = find_patches(objects(), {});
  PatchColors::Call call{.photo = {photo.data(), kWidth, kHeight, kStride, PixelFormat::rgb8},
                         .out = {result.data(), kWidth, kHeight, kStride, PixelFormat::rgb8},
                         .patches = patches};
  call.saturation = Saturation::by_luma;
  call.most_bytes = 512 << 20;
  ColorizeTimings timings;
  for (const bool kept : {false, true}) {
    call.kept = kept;
    const std::string what = "1280x960, " + std::to_string(kObjects) + " objects" + (kept ? ", kept" : "");
    const std::string times = timed([&] { colors.run(call, {}, timings); });
    note(about("patch", precision, what) + times + R"(, "crops": )" + std::to_string(colors.crops()) +
         R"(, "arena_bytes": )" + std::to_string(colors.bytes()) + "}");
  }
}

}  // namespace cuhue::bench
