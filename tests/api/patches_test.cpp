// Which objects of a photo get colours of their own, and where.
#include "runtime/colorizers/patches.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "weights/status.h"

using namespace cuhue;

namespace {

// Objects with masks that fill a rectangle, or have a hole.
class Maker {
 public:
  Maker(std::int64_t width, std::int64_t height) {
    d_.width = width;
    d_.height = height;
  }
  Maker& add(std::vector<float> box, ObjectMask mask) {
    d_.boxes.insert(d_.boxes.end(), box.begin(), box.end());
    d_.scores.push_back(0.5f);
    d_.classes.push_back(0);
    mask.first = d_.mask_bytes.size();
    d_.masks.push_back(mask);
    d_.mask_bytes.resize(d_.mask_bytes.size() + static_cast<std::size_t>(mask.w * mask.h), 1);
    return *this;
  }
  Detections& get() { return d_; }

 private:
  Detections d_;
};

std::string problem(const Detections& d, std::int64_t width = 20, std::int64_t height = 10) {
  try {
    check_detections(d, width, height);
  } catch (const Error& e) {
    CHECK(e.status() == Status::usage);
    return e.what();
  }
  return "";
}

// Where a pixel of the photo is covered, 0..255.
int coverage_at(const Patches& p, std::size_t object, std::int64_t x, std::int64_t y) {
  const FuseObject& o = p.objects[object];
  if (x < o.mask_x || y < o.mask_y || x >= o.mask_x + o.mask_w || y >= o.mask_y + o.mask_h) return 0;
  return p.coverage[static_cast<std::size_t>(o.coverage + (y - o.mask_y) * o.mask_w + x - o.mask_x)];
}

}  // namespace

TEST_CASE("boxes are truncated, and masks end where they do") {
  const Detections d =
      Maker(20, 10).add({1.9f, 2.99f, 8.7f, 6.5f}, {1, 1, 9, 8}).add({0, 0, 20, 10}, {18, 9, 2, 1}).get();
  const Patches p = find_patches(d, {});
  REQUIRE(p.objects.size() == 2);
  CHECK(p.boxes == std::vector<PatchBox>{{0, 0, 20, 10}, {1, 2, 7, 4}});
  const FuseObject& o = p.objects[0];
  CHECK(std::vector{o.x, o.y, o.w, o.h, o.map} == std::vector<std::int32_t>{1, 2, 7, 4, 1});
  CHECK(std::vector{o.mask_x, o.mask_y, o.mask_w, o.mask_h} == std::vector<std::int32_t>{1, 2, 7, 4});
  CHECK(p.objects[1].map == 0);  // the whole photo has colours already
  int covered = 0;
  for (std::int64_t y = 0; y < 10; ++y)
    for (std::int64_t x = 0; x < 20; ++x) covered += coverage_at(p, 1, x, y) == 255 ? 1 : 0;
  CHECK(covered == 2);
  CHECK(coverage_at(p, 1, 19, 9) == 255);
}

TEST_CASE("a box must be larger than its part of the photo, strictly; equal boxes are coloured once") {
  Maker m(100, 100);
  m.add({0, 0, 5, 2}, {0, 0, 5, 2}).add({0, 0, 11, 1}, {0, 0, 5, 1}).add({3, 3, 3.9f, 50}, {3, 3, 1, 4});
  m.add({0.7f, 0.2f, 11.5f, 1.1f}, {2, 0, 3, 1}).add({50, 50, 100, 100}, {0, 0, 3, 3});
  m.add({50, 50, 100, 100}, {60, 60, 3, 3}).add({50, 50, 100, 100}, {0, 0, 0, 0});
  const Patches p = find_patches(m.get(), {});
  // 10 of 10000 is not more than 0.001 of it; nor does a mask count that is outside of its box, or has no
  // pixel.
  CHECK(p.kept == std::vector<std::size_t>{1, 3, 5});
  CHECK(p.boxes == std::vector<PatchBox>{{0, 0, 100, 100}, {0, 0, 11, 1}, {50, 50, 50, 50}});
  REQUIRE(p.objects.size() == 3);
  CHECK(p.objects[0].map == 1);
  CHECK(p.objects[1].map == 1);
  CHECK(p.objects[2].map == 2);
  CHECK(find_patches(m.get(), {.min_area = 0}).kept == std::vector<std::size_t>{0, 1, 3, 5});
  CHECK(find_patches(m.get(), {.min_area = 0.2}).kept == std::vector<std::size_t>{5});
  CHECK(find_patches(Maker(100, 100).get(), {}).boxes.size() == 1);
}

TEST_CASE("a feather is twice the covered part of a square less 1, and the photo's border is no edge") {
  Maker m(40, 30);
  m.add({0, 4, 25, 30}, {0, 4, 25, 26});
  m.get().mask_bytes[12 * 25 + 9] = 0;  // a hole
  for (const int radius : {1, 3, 9}) {
    CAPTURE(radius);
    const Patches hard = find_patches(m.get(), {});
    const Patches p = find_patches(m.get(), {.feather = radius});
    double worst = 0;
    for (std::int64_t y = 0; y < 30; ++y) {
      for (std::int64_t x = 0; x < 40; ++x) {
        double covered = 0, all = 0;
        for (std::int64_t v = std::max<std::int64_t>(y - radius, 0);
             v <= std::min<std::int64_t>(y + radius, 29); ++v)
          for (std::int64_t u = std::max<std::int64_t>(x - radius, 0);
               u <= std::min<std::int64_t>(x + radius, 39); ++u) {
            covered += coverage_at(hard, 0, u, v) != 0 ? 1 : 0;
            all += 1;
          }
        const double expected =
            coverage_at(hard, 0, x, y) == 0 ? 0 : std::max(2 * covered / all - 1, 0.0) * 255;
        worst = std::max(worst, std::abs(coverage_at(p, 0, x, y) - expected));
      }
    }
    CHECK(worst <= 0.51);
    CHECK(coverage_at(p, 0, 0, 29) == 255);  // in the photo's corner
    CHECK(coverage_at(p, 0, 24, 20) < 128);
  }
}

TEST_CASE("detections that cannot be of a photo are named") {
  const auto good = [] {
    return Maker(20, 10).add({1, 2, 8, 6}, {1, 1, 9, 8}).add({0, 0, 20, 10}, {0, 0, 20, 10});
  };
  CHECK(problem(good().get()).empty());
  CHECK(problem(good().get(), 20, 11).find("20x10") != std::string::npos);
  const auto changed = [&](auto change, const char* what) {
    Maker m = good();
    change(m.get());
    const std::string text = problem(m.get());
    CAPTURE(text);
    CHECK(text.find(what) != std::string::npos);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  changed([&](Detections& d) { d.boxes[4] = nan; }, "object 1: its box");
  changed([](Detections& d) { d.boxes[0] = -0.5f; }, "object 0: its box");
  changed([](Detections& d) { d.boxes[2] = 20.5f; }, "object 0: its box");
  changed([](Detections& d) { d.boxes[3] = 1; }, "object 0: its box");
  changed([&](Detections& d) { d.scores[1] = nan; }, "object 1: its score");
  changed([](Detections& d) { d.classes[1] = 80; }, "no class 80");
  changed([](Detections& d) { d.classes[0] = -1; }, "no class -1");
  changed([](Detections& d) { d.masks[0].x = 12; }, "object 0: its mask");
  changed([](Detections& d) { d.masks[0].y = -1; }, "object 0: its mask");
  changed([](Detections& d) { d.masks[1].w = std::numeric_limits<std::int64_t>::max(); },
          "object 1: its mask");
  changed([](Detections& d) { d.masks[1].first += 1; }, "object 1: its mask");
  changed([](Detections& d) { d.boxes.pop_back(); }, "differ in length");
}
