// PatchColorization through the C API, with objects that are given.
#include <algorithm>
#include <string>
#include <vector>

#include "tests/api/api_support.h"

using namespace api_test;

namespace {

using Objects = std::unique_ptr<cuhue_detections, Freed<cuhue_detections, cuhue_detections_free>>;

constexpr int kW = 70, kH = 44;

Photo noise(int width, int height, cuhue_pixel_format format) {
  Photo p(width, height, format);
  std::uint32_t state = 7;
  for (std::uint8_t& b : p.bytes) b = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  return p;
}

Objects no_objects(std::int64_t width = kW, std::int64_t height = kH) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_detections* d = nullptr;
  must(cuhue_detections_create(width, height, &d, &error), error);
  return Objects(d);
}

// A filled rectangle.
cuhue_detection object(std::vector<std::uint8_t>& mask, int x, int y, int w, int h) {
  mask.assign(static_cast<std::size_t>(w) * static_cast<std::size_t>(h), 1);
  cuhue_detection o{};
  o.struct_size = sizeof o;
  o.x0 = static_cast<float>(x);
  o.y0 = static_cast<float>(y);
  o.x1 = static_cast<float>(x + w);
  o.y1 = static_cast<float>(y + h);
  o.score = 0.5f;
  o.mask = mask.data();
  o.mask_x = x;
  o.mask_y = y;
  o.mask_width = w;
  o.mask_height = h;
  return o;
}

void add(const Objects& d, int x, int y, int w, int h) {
  std::vector<std::uint8_t> mask;
  const cuhue_detection o = object(mask, x, y, w, h);
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  must(cuhue_detections_add(d.get(), &o, &error), error);
}

struct Stage {
  Engine engine = make_engine();
  Weights weights = formula_weights("eccv16");
  Colorizer colorizer;
  Stage() {
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    cuhue_weights* w = weights.get();
    cuhue_colorizer* c = nullptr;
    must(cuhue_colorizer_create(engine.get(), "patch", &w, 1, &c, &error), error);
    colorizer.reset(c);
  }
  void give(const Objects& d) const {
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    must(cuhue_colorizer_set_detections(colorizer.get(), CUHUE_ALL_PHOTOS, d.get(), &error), error);
  }
  void set(const char* key, double value) const {
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    must(cuhue_colorizer_set(colorizer.get(), key, value, &error), error);
  }
  Photo color(Photo& in, int keep = 0, cuhue_timings* timings = nullptr) const {
    Photo out(in.width, in.height, cuhue_output_format(in.format));
    const cuhue_pixels from = in.pixels(), to = out.pixels();
    cuhue_colorize_options o{};
    o.struct_size = sizeof o;
    o.keep_photos = keep;
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    must(cuhue_colorize(colorizer.get(), &from, &to, 1, &o, timings, &error), error);
    return out;
  }
};

const Stage& stage() {
  static const Stage s;
  return s;
}

std::string refused(const Stage& s, Photo& in, cuhue_status status) {
  Photo out(in.width, in.height, cuhue_output_format(in.format));
  const cuhue_pixels from = in.pixels(), to = out.pixels();
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  CHECK(cuhue_colorize(s.colorizer.get(), &from, &to, 1, nullptr, nullptr, &error) == status);
  return error.message;
}

// Pixels outside of a rectangle that differ, and inside.
std::pair<int, int> differences(const Photo& a, const Photo& b, int x, int y, int w, int h) {
  const std::size_t pixel = a.bytes.size() / static_cast<std::size_t>(a.width * a.height);
  std::pair<int, int> n{0, 0};
  for (std::size_t i = 0; i < static_cast<std::size_t>(a.width * a.height); ++i) {
    if (std::equal(&a.bytes[i * pixel], &a.bytes[i * pixel] + pixel, &b.bytes[i * pixel])) continue;
    const int px = static_cast<int>(i) % static_cast<int>(a.width),
              py = static_cast<int>(i) / static_cast<int>(a.width);
    ++(px >= x && px < x + w && py >= y && py < y + h ? n.second : n.first);
  }
  return n;
}

}  // namespace

TEST_CASE("without a detector a photo needs objects; they must be of its size") {
  const Stage& s = stage();
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  must(cuhue_colorizer_clear_detections(s.colorizer.get(), &error), error);
  Photo photo = noise(kW, kH, CUHUE_RGB8);
  const std::string missing = refused(s, photo, CUHUE_WEIGHTS);
  CHECK(missing.find("mask-rcnn") != std::string::npos);
  CHECK(missing.find("--detections") != std::string::npos);
  s.give(no_objects(kW, kH + 1));
  CHECK(refused(s, photo, CUHUE_USAGE).find("70x45") != std::string::npos);
  CHECK(cuhue_colorizer_set(s.colorizer.get(), "score_threshold", 0.5, &error) == CUHUE_USAGE);
  CHECK(std::string(error.message).find("mask-rcnn") != std::string::npos);
  CHECK(cuhue_colorizer_set(s.colorizer.get(), "min_area", 1.5, &error) == CUHUE_USAGE);
}

TEST_CASE("no objects: the colours of eccv16, saturation left as it is") {
  const Stage& s = stage();
  s.give(no_objects());
  const Colorizer plain = make_colorizer(s.engine.get(), s.weights.get());
  Photo photo = noise(kW, kH, CUHUE_RGB8), expected(kW, kH, CUHUE_RGB8);
  const cuhue_pixels from = photo.pixels(), to = expected.pixels();
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  must(cuhue_colorize(plain.get(), &from, &to, 1, nullptr, nullptr, &error), error);
  s.set("adjust_saturation", 0);
  const Photo ours = s.color(photo);
  s.set("adjust_saturation", 1);
  int worst = 0;
  for (std::size_t i = 0; i < ours.bytes.size(); ++i)
    worst = std::max(worst, std::abs(ours.bytes[i] - expected.bytes[i]));
  CHECK(worst <= 1);  // two roundings of the same map
  CHECK(s.color(photo).bytes != ours.bytes);
}

TEST_CASE(
    "an object changes what its mask covers and nothing else; edits with kept photos are the same pictures") {
  const Stage& s = stage();
  Photo photo = noise(kW, kH, CUHUE_RGBA8);
  s.give(no_objects());
  const Photo base = s.color(photo);
  for (std::size_t i = 3; i < photo.bytes.size(); i += 4) REQUIRE(base.bytes[i] == photo.bytes[i]);
  const Objects one = no_objects();
  add(one, 20, 10, 30, 25);
  s.give(one);
  cuhue_timings cold{};
  cold.struct_size = sizeof cold;
  const Photo fresh = s.color(photo, 0, &cold);
  CHECK(cold.detect == 0);
  CHECK(cold.network > 0);
  const auto [outside, inside] = differences(base, fresh, 20, 10, 30, 25);
  CHECK(outside == 0);
  CHECK(inside > 700);

  // Kept: a second object, the first one again; then a feather, for which nothing is coloured anew.
  add(one, 0, 30, 40, 14);
  s.give(one);
  const Photo kept = s.color(photo, 1);
  CHECK(kept.bytes == s.color(photo).bytes);
  s.set("feather", 4);
  cuhue_timings warm{};
  warm.struct_size = sizeof warm;
  const Photo soft = s.color(photo, 1, &warm);
  s.set("feather", 0);
  CHECK(soft.bytes != kept.bytes);
  CHECK(warm.network < cold.network / 5);
  const auto [beyond, within] = differences(base, soft, 0, 0, kW, kH);
  CHECK(within > 500);
  CHECK(beyond == 0);

  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_detections* raw = nullptr;
  must(cuhue_colorizer_detections(s.colorizer.get(), 0, &raw, &error), error);
  const Objects back(raw);
  REQUIRE(cuhue_detections_count(back.get()) == 2);
  cuhue_detection o{};
  o.struct_size = sizeof o;
  must(cuhue_detections_at(back.get(), 1, &o, &error), error);
  CHECK(o.y0 == 30.0f);
  CHECK(o.mask_width == 40);
  CHECK(std::count(o.mask, o.mask + 40 * 14, 1) == 40 * 14);
  CHECK(cuhue_detections_at(back.get(), 2, &o, &error) == CUHUE_USAGE);
  CHECK(cuhue_colorizer_detections(s.colorizer.get(), 1, &raw, &error) == CUHUE_USAGE);
}

TEST_CASE("less memory for batches gives the same picture") {
  const Stage& s = stage();
  const Objects few = no_objects();
  add(few, 20, 10, 30, 25);
  add(few, 1, 2, 30, 25);
  add(few, 33, 20, 37, 24);
  s.give(few);
  Photo photo = noise(kW, kH, CUHUE_GREY16);
  const Photo all = s.color(photo);
  s.set("batch_mib", 1);
  const Photo single = s.color(photo);
  s.set("batch_mib", 512);
  int worst = 0;
  for (std::size_t i = 0; i < all.samples(); ++i)
    worst = std::max(worst, std::abs(all.sample8(i) - single.sample8(i)));
  CHECK(worst <= 1);
}

TEST_CASE("a bad object is refused and adds nothing") {
  const Objects d = no_objects();
  std::vector<std::uint8_t> mask;
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  const auto refuse = [&](auto change) {
    cuhue_detection o = object(mask, 2, 3, 20, 10);
    change(o);
    CHECK(cuhue_detections_add(d.get(), &o, &error) == CUHUE_USAGE);
    CHECK(cuhue_detections_count(d.get()) == 0);
  };
  refuse([](cuhue_detection& o) { o.x1 = kW + 1; });
  refuse([](cuhue_detection& o) { o.class_index = 80; });
  refuse([](cuhue_detection& o) { o.mask = nullptr; });
  refuse([](cuhue_detection& o) { o.mask_width = INT64_MAX; });
  refuse([](cuhue_detection& o) { o.mask_x = INT64_MAX; });
  refuse([](cuhue_detection& o) { o.mask_y = kH - 9; });
  refuse([](cuhue_detection& o) { o.struct_size = 8; });
  CHECK(cuhue_detection_class_count() == 80);
  const char* name = nullptr;
  int id = 0;
  must(cuhue_detection_class(79, &name, &id, &error), error);
  CHECK(std::string(name) == "toothbrush");
  CHECK(id == 90);
  cuhue_detections* none = nullptr;
  CHECK(cuhue_detections_create(0, 5, &none, &error) == CUHUE_USAGE);
  CHECK(cuhue_detections_add(nullptr, nullptr, &error) == CUHUE_USAGE);
}

TEST_CASE("video frames, padded rows and another channel order are the same photo") {
  const Stage& s = stage();
  const Objects one = no_objects();
  add(one, 11, 7, 33, 31);
  s.give(one);
  Photo rgb = noise(kW, kH, CUHUE_RGB8);
  const Photo expected = s.color(rgb);
  Photo bgr = rgb;
  bgr.format = CUHUE_BGR8;
  for (std::size_t i = 0; i < bgr.bytes.size(); i += 3) std::swap(bgr.bytes[i], bgr.bytes[i + 2]);
  Photo out = s.color(bgr);
  for (std::size_t i = 0; i < out.bytes.size(); i += 3) std::swap(out.bytes[i], out.bytes[i + 2]);
  CHECK(out.bytes == expected.bytes);

  // Grey in NV12's full blacks and whites would be other levels: it must only be taken, and be reasonable.
  std::vector<std::uint8_t> nv12(static_cast<std::size_t>(kW * kH * 3 / 2), 128);
  for (std::size_t i = 0; i < std::size_t{kW} * kH; ++i) nv12[i] = static_cast<std::uint8_t>(16 + i % 219);
  cuhue_pixels from{};
  from.struct_size = sizeof from;
  from.data = nv12.data();
  from.width = kW;
  from.height = kH;
  from.format = CUHUE_NV12;
  Photo color(kW, kH, CUHUE_RGB8);
  const cuhue_pixels to = color.pixels();
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  must(cuhue_colorize(s.colorizer.get(), &from, &to, 1, nullptr, nullptr, &error), error);
  CHECK(*std::max_element(color.bytes.begin(), color.bytes.end()) > 200);
}
