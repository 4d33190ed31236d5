// Files of objects: masks as COCO has them, what a file means, what is said of a bad one, the overlay.
#include "apps/cuhue/detection_file.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/cuhue/coco_rle.h"
#include "apps/cuhue/overlay.h"

using namespace cuhue::app;

namespace {

std::string problem(const std::string& json) {
  try {
    parse_detections(json, "d.json");
  } catch (const Failure& f) {
    CHECK(f.status() == CUHUE_INPUT);
    const std::string what = f.what();
    CHECK(what.starts_with("d.json: "));
    CHECK(what.find('\n') == std::string::npos);
    CHECK(what.size() < 400);
    return what;
  }
  return "";
}

bool says(const std::string& json, const std::string& what) {
  const std::string text = problem(json);
  CAPTURE(text);
  CHECK(text.find(what) != std::string::npos);
  return text.find(what) != std::string::npos;
}

// An object of a photo of 4 x 3 with other members in place.
std::string with(const std::string& key, const std::string& value) {
  nlohmann::json o = {{"class", "cat"},
                      {"score", 0.5},
                      {"box", {0, 0, 4, 3}},
                      {"segmentation", {{"size", {3, 4}}, {"counts", {3, 3, 6}}}}};
  if (key == "size" || key == "counts") {
    o["segmentation"][key] = nlohmann::json::parse(value);
  } else if (value.empty()) {
    o.erase(key);
  } else {
    o[key] = nlohmann::json::parse(value);
  }
  return R"({"width": 4, "height": 3, "objects": [)" + o.dump() + "]}";
}

MaskRectangle mask_of(const Runs& runs, std::int64_t w, std::int64_t h) {
  return mask_of_runs(runs, w, h, std::int64_t{1} << 20);
}

}  // namespace

TEST_CASE("run lengths: the compressed string that pycocotools writes, and back") {
  // Of pycocotools 2.0: encode(asfortranarray([[0,1,1,0],[0,1,0,0],[1,1,0,1]]))["counts"].
  const Runs runs = {2, 5, 4, 1};
  CHECK(runs_text(runs) == "254L");
  CHECK(parse_runs("254L") == Runs{2, 5, 4, 1});
  // Large numbers, and differences below 0.
  for (const Runs& some : {Runs{0, 1, 30, 31, 32, 33, 1000000, 7, 0, 2147483647, 5, 1}, Runs{12}, Runs{},
                           Runs{0, 12}, Runs{15, 16, 17, 1, 40000, 1, 2}}) {
    CHECK(parse_runs(runs_text(some)) == some);
  }
  for (const char* bad : {"P", "o", "5!", "~", "1 2", "oooooooooo1", "N"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_runs(bad), std::invalid_argument);
  }
}

TEST_CASE("run lengths go down the columns, and masks come back as the least rectangle") {
  const MaskRectangle m = mask_of({2, 5, 4, 1}, 4, 3);
  CHECK(m.x == 0);
  CHECK(m.y == 0);
  CHECK(m.w == 4);
  CHECK(m.h == 3);
  CHECK(m.bytes == std::vector<std::uint8_t>{0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 1});
  const MaskRectangle one = mask_of({7, 1, 4}, 4, 3);
  CHECK(one.x == 2);
  CHECK(one.y == 1);
  CHECK(one.bytes == std::vector<std::uint8_t>{1});
  CHECK(mask_of({12}, 4, 3).bytes.empty());
  CHECK(mask_of({0, 12}, 4, 3).bytes.size() == 12);
  for (const Runs& bad :
       {Runs{11}, Runs{13}, Runs{}, Runs{5, -1, 8}, Runs{6, INT64_MAX, 6}, Runs{INT64_MAX, INT64_MAX}})
    CHECK_THROWS_AS(mask_of(bad, 4, 3), std::invalid_argument);
  CHECK_THROWS_AS(mask_of_runs(Runs{0, 12}, 4, 3, 11), std::invalid_argument);

  // Any mask, at any place, and the way back.
  std::uint32_t state = 5;
  for (int i = 0; i < 200; ++i) {
    const auto next = [&](std::int64_t below) {
      return static_cast<std::int64_t>((state = state * 1664525 + 1013904223) >> 8) % below;
    };
    const std::int64_t w = 1 + next(9), h = 1 + next(7);
    MaskRectangle place{next(w), next(h), 0, 0, {}};
    place.w = next(w - place.x + 1);
    place.h = next(h - place.y + 1);
    std::vector<std::uint8_t> all(static_cast<std::size_t>(w * h), 0), part;
    for (std::int64_t y = 0; y < place.h; ++y)
      for (std::int64_t x = 0; x < place.w; ++x) {
        part.push_back(static_cast<std::uint8_t>(i % 5 == 0 ? 1 : next(2)));
        all[static_cast<std::size_t>((place.y + y) * w + place.x + x)] = part.back();
      }
    const Runs runs = runs_of_mask(part.data(), static_cast<std::ptrdiff_t>(place.w), place, w, h);
    const MaskRectangle back = mask_of(runs, w, h);
    std::vector<std::uint8_t> again(all.size(), 0);
    for (std::int64_t y = 0; y < back.h; ++y)
      for (std::int64_t x = 0; x < back.w; ++x)
        again[static_cast<std::size_t>((back.y + y) * w + back.x + x)] =
            back.bytes[static_cast<std::size_t>(y * back.w + x)];
    CHECK(again == all);
  }
}

TEST_CASE("a file of objects is read as it was written, whichever form its counts have") {
  const DetectionsHandle d = parse_detections(
      R"({"width": 4, "height": 3, "objects": [
 {"class": "teddy bear", "score": 0.75, "box": [0.5, 0, 4.0, 2.5], "segmentation": {"size": [3, 4], "counts": "254L"}},
 {"class": "cat", "box": [-3, 1, 90, 2], "segmentation": {"size": [3, 4], "counts": [12]}}]})",
      "d.json");
  REQUIRE(cuhue_detections_count(d.get()) == 2);
  auto o = sized<cuhue_detection>();
  call(cuhue_detections_at, d.get(), 0, &o);
  CHECK(class_name(o.class_index) == "teddy bear");
  CHECK(o.score == 0.75f);
  CHECK(o.y1 == 2.5f);
  CHECK(std::vector<std::uint8_t>(o.mask, o.mask + 12) ==
        std::vector<std::uint8_t>{0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 1});
  call(cuhue_detections_at, d.get(), 1, &o);
  CHECK(o.x0 == 0.0f);  // clipped to the photo
  CHECK(o.x1 == 4.0f);
  CHECK(o.score == 1.0f);
  CHECK(o.mask_width == 0);
  const std::string text = detections_text(d.get());
  CHECK(text.find("\"counts\":\"254L\"") != std::string::npos);
  CHECK(detections_text(parse_detections(text, "d.json").get()) == text);
  const DetectionsHandle none = parse_detections(R"({"width": 4, "height": 3, "objects": []})", "d.json");
  CHECK(cuhue_detections_count(none.get()) == 0);
  CHECK(detections_text(none.get()) == "{\"width\": 4, \"height\": 3, \"objects\": [\n]}\n");
}

TEST_CASE("a list of COCO's results is read too") {
  const DetectionsHandle d = parse_detections(
      R"([{"image_id": 7, "category_id": 17, "bbox": [1, 0.5, 2, 2], "score": 0.5,
           "segmentation": {"size": [3, 4], "counts": "254L"}}])",
      "d.json");
  std::int64_t w = 0, h = 0;
  call(cuhue_detections_size, d.get(), &w, &h);
  CHECK(w == 4);
  CHECK(h == 3);
  auto o = sized<cuhue_detection>();
  call(cuhue_detections_at, d.get(), 0, &o);
  CHECK(class_name(o.class_index) == "cat");
  CHECK(o.x1 == 3.0f);
  CHECK(o.y1 == 2.5f);
}

TEST_CASE("what is wrong with a file of objects is said with its object") {
  CHECK(problem(with("score", "0.25")).empty());
  says("", "no JSON");
  says("[", "no JSON");
  says("7", "no list");
  says("{}", "no list 'objects'");
  says("[]", "empty list");
  says("[[]]", "object 0");
  says(R"({"objects": []})", "'width'");
  says(R"({"width": 0, "height": 3, "objects": []})", "cannot be those of a photo");
  says(R"({"width": 1048576, "height": 1048576, "objects": []})", "cannot be those of a photo");
  says(R"({"width": 4.5, "height": 3, "objects": []})", "whole number");
  says(R"({"width": 4, "height": 3, "objects": [5]})", "object 0: it is no object");
  says(with("class", ""), "'category_id'");
  says(with("class", "\"dragon\""), "none of COCO's 80");
  says(with("class", "\"\\n\\u0000\""), "none of COCO's 80");
  says(with("score", "1.5"), "from 0 to 1");
  says(with("score", "\"x\""), "no number");
  says(with("box", "[0, 0, 4]"), "[x0, y0, x1, y1]");
  says(with("box", "[3, 0, 2, 3]"), "ends before it begins");
  says(with("box", "[0, 0, null, 3]"), "no number");
  says(with("box", ""), "'bbox'");
  says(with("segmentation", ""), "'segmentation'");
  says(with("segmentation", "[[0, 0, 1, 1]]"), "polygons");
  says(with("size", "[4, 3]"), "not the photo's");
  says(with("size", "[3]"), "[height, width]");
  says(with("counts", "[11]"), "fewer pixels");
  says(with("counts", "[13]"), "more pixels");
  says(with("counts", "[3, -3, 12]"), "whole number");
  says(with("counts", "[3, 1e300, 12]"), "whole number");
  says(with("counts", "\"254\""), "fewer pixels");
  says(with("counts", "\"~\""), "character");
  says(with("counts", "{}"), "neither a list");
  std::string many = R"({"width": 4, "height": 3, "objects": [1)";
  for (int i = 0; i < 1000; ++i) many += ",1";
  says(many + "]}", "1001 objects");
  // Small in the file, large in memory.
  says(
      R"({"width": 40000, "height": 40000, "objects": [{"class": "cat", "box": [0, 0, 9, 9],
          "segmentation": {"size": [40000, 40000], "counts": [0, 1, 1599999998, 1]}}]})",
      "too much memory");
}

TEST_CASE("an overlay has the photo, a veil on masks, frames and names") {
  std::vector<std::uint8_t> grey(60 * 40, 100);
  auto photo = sized<cuhue_pixels>();
  photo.data = grey.data();
  photo.width = 60;
  photo.height = 40;
  photo.format = CUHUE_GREY8;
  const DetectionsHandle none = parse_detections(R"({"width": 60, "height": 40, "objects": []})", "d");
  const DetectionsHandle one = parse_detections(
      R"({"width": 60, "height": 40, "objects": [{"class": "cat", "score": 0.5, "box": [10, 5, 50, 35],
          "segmentation": {"size": [40, 60], "counts": [820, 1, 1579]}}]})",
      "d");
  const auto pixel = [](const Picture& p, int x, int y) {
    auto pixels = sized<cuhue_pixels>();
    call(cuhue_image_pixels, p.get(), &pixels);
    const auto* at = static_cast<const std::uint8_t*>(pixels.data) + y * pixels.stride + 3 * x;
    return std::vector<int>{at[0], at[1], at[2]};
  };
  const Picture plain = draw_overlay(photo, none.get()), drawn = draw_overlay(photo, one.get());
  CHECK(pixel(plain, 10, 5) == std::vector<int>{100, 100, 100});
  CHECK(pixel(drawn, 5, 20) == std::vector<int>{100, 100, 100});
  CHECK(pixel(drawn, 30, 30) == std::vector<int>{100, 100, 100});
  CHECK(pixel(drawn, 49, 34) == std::vector<int>{255, 51, 51});  // the frame, red first
  CHECK(pixel(drawn, 20, 20) == std::vector<int>{162, 80, 80});  // the veil on the mask's one pixel
  // The C of CAT, white on red: its first row is .###. at the label's second row.
  CHECK(pixel(drawn, 11, 6) == std::vector<int>{255, 51, 51});
  CHECK(pixel(drawn, 12, 6) == std::vector<int>{255, 255, 255});
}
