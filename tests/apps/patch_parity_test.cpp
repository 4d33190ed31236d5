// PatchColorization against the published order of operations (tests/golden/make_patch_golden.py), from
// objects that are given: the colours of every pixel, and the picture.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/cuhue/detection_file.h"
#include "runtime/api/handles.h"
#include "runtime/colorizers/patch_colors.h"
#include "tests/api/api_support.h"

using cuhue::app::DetectionsHandle;
using nlohmann::json;
using namespace api_test;

namespace {

const std::string kData = CUHUE_TEST_DATA "/patch/";

// The formula of make_patch_golden.py.
Photo wide_photo() {
  Photo p(1300, 40, CUHUE_RGB8);
  std::size_t i = 0;
  for (int y = 0; y < 40; ++y)
    for (int x = 0; x < 1300; ++x)
      for (int c = 0; c < 3; ++c)
        p.bytes[i++] = static_cast<std::uint8_t>((x * (c + 1) / 4 + 5 * y + x * y % 7) % 256);
  return p;
}

Photo photo_of(const json& c) {
  if (c["photo"] == "wide") return wide_photo();
  return read_photo(CUHUE_TEST_DATA "/pictures/" + c["photo"].get<std::string>() + ".png");
}

DetectionsHandle objects_of(const json& c) {
  std::ifstream file(kData + c["objects"].get<std::string>());
  REQUIRE(file);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return cuhue::app::parse_detections(text, c["objects"]);
}

json cases() {
  std::ifstream file(kData + "cases.json");
  REQUIRE(file);
  return json::parse(file);
}

struct Stage {
  Engine engine = make_engine();
  Weights weights = formula_weights("eccv16");
};
const Stage& stage() {
  static const Stage s;
  return s;
}

// The largest difference of the colours, as a part of the largest colour.
class Colors {
 public:
  double difference(const json& c, const cuhue::Detections& objects) {
    Photo photo = photo_of(c);
    cuhue::ConstPixelView view = cuhue::api::to_view(photo.pixels());
    const cuhue::Patches patches = cuhue::find_patches(objects, {});
    cuhue::ColorizeTimings timings;
    Photo out(photo.width, photo.height, cuhue_output_format(photo.format));
    cuhue::PatchColors::Call call{
        .photo = view, .out = cuhue::api::to_view(out.pixels()), .patches = patches};
    call.kept = c["photo"] == photo_;
    call.most_bytes = 256 << 20;
    colors_.run(call, {}, timings);
    const auto ab = colors_.fused();
    photo_ = c["photo"];
    double worst = 0;
    std::size_t i = 0;
    for (const json& expected : c["ab"]) {
      worst = std::max(worst, std::abs(static_cast<double>(ab[i]) - expected.get<double>()));
      i += c["ab_stride"].get<std::size_t>();
    }
    return worst / c["ab_max"].get<double>();
  }
  std::int64_t crops() const { return colors_.crops(); }

 private:
  cuhue::PatchColors colors_{stage().engine->load(*stage().weights)};
  std::string photo_;  // of the latest run
};

// What the picture is at the golden's samples.
std::vector<int> picture(cuhue_colorizer* colorizer, const json& c, bool kept) {
  Photo photo = photo_of(c);
  Photo out(c["width"], c["height"], cuhue_output_format(photo.format));
  const cuhue_pixels from = photo.pixels(), to = out.pixels();
  cuhue_colorize_options o{};
  o.struct_size = sizeof o;
  o.as_published = c["options"].value("as_published", 0);
  o.keep_photos = kept ? 1 : 0;
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  must(cuhue_colorize(colorizer, &from, &to, 1, &o, nullptr, &error), error);
  std::vector<int> samples;
  const auto channels = static_cast<std::size_t>(channels_of(out.format));
  for (std::size_t i = 0; samples.size() < c["bytes"].size(); i += c["stride"].get<std::size_t>())
    samples.push_back(out.sample8(i / 3 * channels + i % 3));  // the golden has no alpha
  return samples;
}

}  // namespace

TEST_CASE("the colours are the published order's within 1e-4 of the largest, and other objects' are not") {
  Colors colors;
  for (const json& c : cases()) {
    const std::string objects = c["objects"];
    if (objects != "rocket.few.json" || !c["options"].empty()) continue;
    const cuhue::Detections right = objects_of(c)->found;
    const double error = colors.difference(c, right);
    MESSAGE(objects, ": ab within ", error, " of the largest");
    CHECK(error < 1e-4);
    CHECK(colors.crops() == 5);  // one is too small, one has no mask

    // What a mistake would look like. Two objects in the other order, a box a pixel lower, one truncated in
    // the other direction, a mask without its last column, an object more or less.
    const auto mistake = [&](auto change) {
      cuhue::Detections wrong = right;
      change(wrong);
      CHECK(colors.difference(c, wrong) > 1e-3);
    };
    mistake([](cuhue::Detections& d) {
      std::swap(d.masks[0], d.masks[1]);
      std::swap_ranges(d.boxes.begin(), d.boxes.begin() + 4, d.boxes.begin() + 4);
    });
    mistake([](cuhue::Detections& d) { d.boxes[1] += 1; });
    mistake([](cuhue::Detections& d) { d.boxes[2] = std::ceil(d.boxes[2]); });
    mistake([](cuhue::Detections& d) {
      for (std::int64_t y = 0; y < d.masks[0].h; ++y)
        d.mask_bytes[d.masks[0].first + static_cast<std::size_t>(y * d.masks[0].w + d.masks[0].w / 2)] = 0;
    });
    mistake([](cuhue::Detections& d) { d.masks[2].w = 0; });
  }
}

TEST_CASE("a hundred objects that share boxes are a crop a box, and the published order's colours") {
  Colors colors;
  int found = 0;
  for (const json& c : cases()) {
    if (c["objects"] != "rocket.many.json") continue;
    ++found;
    const double error = colors.difference(c, objects_of(c)->found);
    MESSAGE("100 objects: ab within ", error, " of the largest");
    CHECK(error < 1e-4);
    CHECK(colors.crops() == 6);  // one of the boxes is the photo
  }
  CHECK(found == 1);
}

TEST_CASE("pictures are the published order's: at most 1 level apart in 99.9 % of samples, in every format") {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_weights* weights = stage().weights.get();
  cuhue_colorizer* raw = nullptr;
  must(cuhue_colorizer_create(stage().engine.get(), "patch", &weights, 1, &raw, &error), error);
  const Colorizer colorizer(raw);
  int seen = 0;
  std::string before;
  for (const json& c : cases()) {
    if (c["objects"] == "rocket.many.json") continue;  // whose colours are compared above
    ++seen;
    CAPTURE(c["objects"].get<std::string>());
    CAPTURE(c["options"].dump());
    must(cuhue_colorizer_set_detections(raw, CUHUE_ALL_PHOTOS, objects_of(c).get(), &error), error);
    must(cuhue_colorizer_set(raw, "adjust_saturation", c["options"].value("no_saturation", 0) == 0 ? 1 : 0,
                             &error),
         error);
    const std::vector<int> samples = picture(raw, c, c["photo"] == before);
    before = c["photo"];
    REQUIRE(samples.size() == c["bytes"].size());
    std::size_t far = 0, other = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const int difference = std::abs(samples[i] - c["bytes"][i].get<int>());
      far += difference > 1 ? 1 : 0;
      other += difference > 0 ? 1 : 0;
    }
    CHECK(static_cast<double>(far) <= 0.001 * static_cast<double>(samples.size()));
    CHECK(static_cast<double>(other) <= 0.01 * static_cast<double>(samples.size()));
    MESSAGE(c["objects"].get<std::string>(), " ", c["options"].dump(), ": ", other, " of ", samples.size(),
            " samples differ, ", far, " by more than a level");
  }
  CHECK(seen == 7);
}
