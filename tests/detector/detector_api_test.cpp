// Objects found through the C API, with formula weights.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "runtime/networks/network.h"
#include "tests/api/api_support.h"

namespace {

template <class T>
T sized() {
  T t{};
  t.struct_size = sizeof t;
  return t;
}

struct Session {
  api_test::Engine engine = api_test::make_engine();
  api_test::Weights weights = api_test::formula_weights("mask-rcnn");
  std::unique_ptr<cuhue_detector, api_test::Freed<cuhue_detector, cuhue_detector_free>> detector;
  cuhue_error error = sized<cuhue_error>();

  Session() {
    cuhue_detector* d = nullptr;
    REQUIRE(cuhue_detector_create(engine.get(), weights.get(), &d, &error) == CUHUE_OK);
    detector.reset(d);
    REQUIRE(cuhue_detector_set(d, "min_size", 64, &error) == CUHUE_OK);
    REQUIRE(cuhue_detector_set(d, "max_size", 96, &error) == CUHUE_OK);
  }
};

Session& session() {
  static Session s;
  return s;
}

constexpr int64_t kHeight = 40, kWidth = 52;

std::vector<uint8_t> picture() {
  std::vector<uint8_t> p;
  const auto planes = cuhue::formula_image(3, kHeight, kWidth);
  for (std::size_t i = 0; i < kHeight * kWidth; ++i)
    for (std::size_t c = 0; c < 3; ++c) p.push_back(planes[c * kHeight * kWidth + i]);
  return p;
}

bool says(const cuhue_error& error, const char* text) {
  return std::string(error.message).find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("detect: objects in a photo and in an array, into the caller's buffers") {
  Session& s = session();
  const auto pixels = picture();
  auto photo = sized<cuhue_pixels>();
  photo.data = const_cast<uint8_t*>(pixels.data());
  photo.width = kWidth;
  photo.height = kHeight;
  photo.format = CUHUE_RGB8;
  auto array = sized<cuhue_picture_array>();
  array.data = pixels.data();
  array.dtype = CUHUE_U8;
  array.height = kHeight;
  array.width = kWidth;
  for (const bool of_photo : {true, false}) {
    cuhue_detections* found = nullptr;
    auto timings = sized<cuhue_detect_timings>();
    const cuhue_status status =
        of_photo ? cuhue_detect(s.detector.get(), &photo, nullptr, &found, &timings, &s.error)
                 : cuhue_detect_array(s.detector.get(), &array, nullptr, &found, &timings, &s.error);
    INFO(s.error.message);
    REQUIRE(status == CUHUE_OK);
    REQUIRE(cuhue_detections_count(found) > 0);
    CHECK(timings.total >= timings.features + timings.boxes + timings.masks);
    CHECK(timings.features > 0);
    float last = 1;
    for (std::size_t i = 0; i < cuhue_detections_count(found); ++i) {
      auto d = sized<cuhue_detection>();
      REQUIRE(cuhue_detections_at(found, i, &d, &s.error) == CUHUE_OK);
      CHECK(d.score <= last);
      last = d.score;
      CHECK((d.x0 >= 0 && d.x0 < d.x1 && d.x1 <= kWidth && d.y0 >= 0 && d.y0 < d.y1 && d.y1 <= kHeight));
      const char* name = nullptr;
      int id = 0;
      REQUIRE(cuhue_detection_class(static_cast<size_t>(d.class_index), &name, &id, &s.error) == CUHUE_OK);
      CHECK(std::strcmp(name, d.class_name) == 0);
      CHECK(id > d.class_index);
      std::vector<uint8_t> mask(kHeight * kWidth, 7);
      REQUIRE(cuhue_detections_mask(found, i, mask.data(), mask.size(), &s.error) == CUHUE_OK);
      CHECK(std::ranges::all_of(mask, [](uint8_t v) { return v <= 1; }));
      const auto inside = std::count(d.mask, d.mask + d.mask_width * d.mask_height, 1);
      CHECK(std::ranges::count(mask, 1) == inside);
    }
    auto d = sized<cuhue_detection>();
    CHECK(cuhue_detections_at(found, cuhue_detections_count(found), &d, &s.error) == CUHUE_USAGE);
    uint8_t byte = 0;
    CHECK(cuhue_detections_mask(found, 0, &byte, 1, &s.error) == CUHUE_USAGE);
    cuhue_detections_free(found);
  }
  auto memory = sized<cuhue_memory>();
  REQUIRE(cuhue_detector_memory(s.detector.get(), &memory, &s.error) == CUHUE_OK);
  CHECK(memory.weight_bytes > 200'000'000);
  CHECK(memory.arena_bytes > 0);
}

TEST_CASE("detect: what is wrong is said in one line, and nothing is given") {
  Session& s = session();
  cuhue_detections* found = nullptr;
  auto array = sized<cuhue_picture_array>();
  CHECK(cuhue_detect_array(s.detector.get(), &array, nullptr, &found, nullptr, &s.error) == CUHUE_USAGE);
  CHECK(says(s.error, "empty"));
  array.dtype = CUHUE_I32;
  CHECK(cuhue_detect_array(s.detector.get(), &array, nullptr, &found, nullptr, &s.error) == CUHUE_USAGE);
  CHECK(cuhue_detect(s.detector.get(), nullptr, nullptr, &found, nullptr, &s.error) == CUHUE_USAGE);
  CHECK(found == nullptr);
  CHECK(cuhue_detector_set(s.detector.get(), "max_size", 1e9, &s.error) == CUHUE_USAGE);
  CHECK(cuhue_detector_set(nullptr, "max_size", 100, &s.error) == CUHUE_USAGE);
  CHECK(cuhue_detector_prepare(s.detector.get(), 0, 7, &s.error) == CUHUE_USAGE);
  CHECK(cuhue_detection_class_count() == 80);
  const char* name = nullptr;
  CHECK(cuhue_detection_class(80, &name, nullptr, &s.error) == CUHUE_USAGE);

  cuhue_network* network = nullptr;
  CHECK(cuhue_network_create(s.engine.get(), s.weights.get(), &network, &s.error) == CUHUE_USAGE);
  CHECK(says(s.error, "cuhue_detector_create"));
  cuhue_weights* lite = nullptr;
  REQUIRE(cuhue_weights_formula("lite", &lite, &s.error) == CUHUE_OK);
  cuhue_detector* detector = nullptr;
  CHECK(cuhue_detector_create(s.engine.get(), lite, &detector, &s.error) == CUHUE_USAGE);
  CHECK(says(s.error, "lite finds no objects"));
  cuhue_weights_free(lite);
  cuhue_detector_free(nullptr);
  cuhue_detections_free(nullptr);
}

TEST_CASE("detect: cancelled from the progress function, and as good as before afterwards") {
  Session& s = session();
  const auto pixels = picture();
  auto array = sized<cuhue_picture_array>();
  array.data = pixels.data();
  array.height = kHeight;
  array.width = kWidth;
  array.dtype = CUHUE_U8;
  auto options = sized<cuhue_detect_options>();
  double stop_at = 0.3;
  options.progress = [](void* user, double fraction) {
    return fraction > *static_cast<double*>(user) ? 1 : 0;
  };
  options.progress_user = &stop_at;
  cuhue_detections* found = nullptr;
  CHECK(cuhue_detect_array(s.detector.get(), &array, &options, &found, nullptr, &s.error) == CUHUE_CANCELLED);
  CHECK(found == nullptr);
  stop_at = 2;
  REQUIRE(cuhue_detect_array(s.detector.get(), &array, &options, &found, nullptr, &s.error) == CUHUE_OK);
  cuhue_detections_free(found);
}

TEST_CASE("detect: a profile has every layer of all parts, heads with their rows") {
  Session& s = session();
  cuhue_layer layer = sized<cuhue_layer>();
  CHECK(cuhue_detector_layer(s.detector.get(), cuhue_detector_layer_count(s.detector.get()), &layer,
                             &s.error) == CUHUE_USAGE);
  CHECK(says(s.error, "cuhue_detector_profile"));
  CHECK(cuhue_detector_profile(nullptr, kHeight, kWidth, &s.error) == CUHUE_USAGE);
  CHECK(cuhue_detector_profile(s.detector.get(), 0, kWidth, &s.error) == CUHUE_USAGE);
  REQUIRE(cuhue_detector_profile(s.detector.get(), kHeight, kWidth, &s.error) == CUHUE_OK);
  int convolutions = 0, heads = 0;
  double seconds = 0;
  for (std::size_t i = 0; i < cuhue_detector_layer_count(s.detector.get()); ++i) {
    REQUIRE(cuhue_detector_layer(s.detector.get(), i, &layer, &s.error) == CUHUE_OK);
    convolutions += layer.macs > 0 ? 1 : 0;
    if (std::string(layer.name).starts_with("roi_heads") && layer.macs > 0) {
      ++heads;
      CHECK(layer.n > 1);
    }
    seconds += layer.seconds;
  }
  // 104 of the backbone, 8 of the pyramid, three at each of five levels; 4 products and 6 layers of masks.
  CHECK(convolutions == 104 + 8 + 15 + 10);
  CHECK(heads == 10);
  CHECK(seconds > 0);
}
