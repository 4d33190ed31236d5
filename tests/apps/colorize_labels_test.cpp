// cuhue colorize -n semantic: labels written, edited and given, as a user starts it.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/cuhue/label_view.h"
#include "apps/cuhue/photo_labels.h"
#include "tests/apps/program.h"
#include "tests/apps/scratch.h"

using namespace cuhue::test;
using namespace cuhue::app;

namespace {

constexpr int kW = 60, kH = 44;

std::string pgm(int width, int height, const std::vector<std::uint8_t>& levels) {
  return "P5 " + std::to_string(width) + " " + std::to_string(height) + " 255\n" +
         std::string(levels.begin(), levels.end());
}

cuhue_pixels read(const std::string& file, Picture& picture) {
  picture = make<Picture>(cuhue_image_read, file.c_str());
  auto pixels = sized<cuhue_pixels>();
  call(cuhue_image_pixels, picture.get(), &pixels);
  return pixels;
}

std::vector<std::uint8_t> labels_in(const std::string& file) {
  Picture picture;
  const cuhue_pixels p = read(file, picture);
  CHECK(p.format == CUHUE_GREY8);
  CHECK(p.width == kW);
  CHECK(p.height == kH);
  const auto* data = static_cast<const std::uint8_t*>(p.data);
  return {data, data + kW * kH};
}

ProgramResult colorize(const Scratch& scratch, const std::vector<std::string>& more) {
  std::vector<std::string> words = {"colorize", "--formula", "-i", scratch / "a.pgm"};
  words.insert(words.end(), more.begin(), more.end());
  return run_program(words);
}

}  // namespace

TEST_CASE("regions of a label are rectangles around what touches, the largest first") {
  LabelMap map(6, 4);
  map.labels = {5, 5, 0, 0, 5, 0,  //
                0, 5, 0, 5, 0, 0,  //
                0, 0, 0, 5, 5, 5,  //
                5, 0, 0, 0, 0, 5};
  const std::vector<LabelRegion> regions = regions_of(map, 5);
  REQUIRE(regions.size() == 4);
  const auto is = [&](std::size_t i, const Rectangle& box, std::int64_t pixels) {
    CAPTURE(i);
    CHECK(regions[i].box.x == box.x);
    CHECK(regions[i].box.y == box.y);
    CHECK(regions[i].box.width == box.width);
    CHECK(regions[i].box.height == box.height);
    CHECK(regions[i].pixels == pixels);
  };
  is(0, {3, 1, 3, 3}, 5);
  is(1, {0, 0, 2, 2}, 3);
  is(2, {4, 0, 1, 1}, 1);
  is(3, {0, 3, 1, 1}, 1);
  CHECK(regions_of(map, 7).empty());
}

TEST_CASE("a view has the map's colours and a legend of the labels that are there, each with its name") {
  for (const auto& [w, h] : {std::pair{9, 5}, {800, 20}}) {
    LabelMap map(w, h);
    for (std::size_t i = 0; i < map.labels.size(); ++i) map.labels[i] = i % 3 == 0 ? 50 : 16;
    const Picture view = label_view(map);
    auto p = sized<cuhue_pixels>();
    call(cuhue_image_pixels, view.get(), &p);
    CHECK(p.width >= w);
    CHECK(p.height > h + 8);
    const auto stride = p.stride != 0 ? p.stride : static_cast<std::ptrdiff_t>(3 * p.width);
    const auto* data = static_cast<const std::uint8_t*>(p.data);
    const std::vector<cuhue_label_info> labels = known_labels();
    for (int i = 0; i < w * h; ++i)
      REQUIRE(std::equal(labels[map.labels[static_cast<std::size_t>(i)]].rgb,
                         labels[map.labels[static_cast<std::size_t>(i)]].rgb + 3,
                         data + i / w * stride + i % w * 3));
    // Below: both swatches and ink.
    int swatches[2] = {0, 0}, ink = 0;
    for (std::int64_t y = h; y < p.height; ++y)
      for (std::int64_t x = 0; x < p.width; ++x) {
        const std::uint8_t* pixel = data + y * stride + 3 * x;
        swatches[0] += std::equal(pixel, pixel + 3, labels[50].rgb);
        swatches[1] += std::equal(pixel, pixel + 3, labels[16].rgb);
        ink += pixel[0] + pixel[1] + pixel[2] == 0;
      }
    CHECK(swatches[0] == swatches[1]);
    CHECK(swatches[0] >= 81);
    CHECK(ink > 100);
  }
}

TEST_CASE("letters, digits, the dot and the percent sign have glyphs, all different") {
  const std::string characters = "abcdefghijklmnopqrstuvwxyz0123456789.%";
  for (const char a : characters) {
    CHECK(std::any_of(glyph_of(a), glyph_of(a) + kGlyphRows, [](std::uint8_t row) { return row != 0; }));
    CHECK(std::all_of(glyph_of(a), glyph_of(a) + kGlyphRows, [](std::uint8_t row) { return row < 32; }));
    for (const char b : characters)
      if (a != b) CHECK_FALSE(std::equal(glyph_of(a), glyph_of(a) + kGlyphRows, glyph_of(b)));
  }
}

TEST_CASE("--labels: what is saved can be edited, given back, listed and viewed") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(kW, kH));
  // Edited as the program labels the photo itself.
  ProgramResult r =
      colorize(scratch, {"-o", scratch / "1.ppm", "-n", "semantic", "--relabel", "0,0,60,20=sky", "--relabel",
                         "5,30,10,8=flower", "--save-labels", scratch / "1.png", "--save-label-view",
                         scratch / "view.png", "--label", "flower", "--label", "sky", "--json",
                         scratch / "report.json"});
  CAPTURE(r.err);
  REQUIRE(r.code == 0);
  const std::vector<std::uint8_t> labels = labels_in(scratch / "1.png");
  for (int i = 0; i < kW * 20; ++i) REQUIRE(labels[static_cast<std::size_t>(i)] == 50);
  for (int y = 30; y < 38; ++y)
    for (int x = 5; x < 15; ++x) REQUIRE(labels[static_cast<std::size_t>(y * kW + x)] == 34);
  CHECK(r.out.find("flower 5,30,10,8 80\n") != std::string::npos);
  CHECK(r.out.find("sky 0,0,60,20 1200\n") != std::string::npos);
  Picture view;
  CHECK(read(scratch / "view.png", view).format == CUHUE_RGB8);
  const auto report = nlohmann::json::parse(read_text(scratch / "report.json"));
  std::int64_t pixels = 0;
  for (const auto& label : report["images"][0]["labels"]) pixels += label["pixels"].get<std::int64_t>();
  CHECK(pixels == kW * kH);
  // Given back it makes the same picture, and a mask of its own an equal map.
  r = colorize(scratch,
               {"-o", scratch / "2.ppm", "--labels", scratch / "1.png", "--save-labels", scratch / "2.png"});
  CAPTURE(r.err);
  REQUIRE(r.code == 0);
  CHECK(read_text(scratch / "2.ppm") == read_text(scratch / "1.ppm"));
  CHECK(labels_in(scratch / "2.png") == labels);
  std::vector<std::uint8_t> mask(kW * kH, 0), want = labels;
  for (int i = kW * 40; i < kW * kH; ++i) {
    mask[static_cast<std::size_t>(i)] = 255;
    want[static_cast<std::size_t>(i)] = 57;
  }
  write_text(scratch / "m.pgm", pgm(kW, kH, mask));
  r = colorize(scratch,
               {"-o", scratch / "3.ppm", "--labels", scratch / "1.png", "--relabel-mask",
                scratch / "m.pgm" + "=water", "--save-labels", scratch / "3.png", "--label", "aeroplane"});
  CAPTURE(r.err);
  REQUIRE(r.code == 0);
  CHECK(labels_in(scratch / "3.png") == want);
  CHECK(read_text(scratch / "3.ppm") != read_text(scratch / "1.ppm"));
  if (std::ranges::find(want, std::uint8_t{1}) == want.end()) {
    CHECK(r.out.empty());
    CHECK(r.err.find("'aeroplane' is nowhere") != std::string::npos);
  }
}

TEST_CASE("--as-published: the original's size, and its map as it comes back") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(kW, kH));
  write_text(scratch / "map.pgm", pgm(352, 352, std::vector<std::uint8_t>(352 * 352, 7)));
  const ProgramResult r =
      colorize(scratch, {"-o", scratch / "o.png", "-n", "semantic", "--as-published", "--labels",
                         scratch / "map.pgm", "--save-labels", scratch / "l.png"});
  CAPTURE(r.err);
  REQUIRE(r.code == 0);
  Picture picture, map;
  const cuhue_pixels p = read(scratch / "o.png", picture), l = read(scratch / "l.png", map);
  CHECK(p.width == 352);
  CHECK(p.height == 352);
  CHECK(l.width == 352);
  CHECK(static_cast<const std::uint8_t*>(l.data)[0] == 6);  // a car comes back as a bus
}

TEST_CASE("--labels: each bad one has its exit code, one line, and no output") {
  const Scratch scratch;
  const std::string a = scratch / "a.pgm", m = scratch / "m.pgm", size = scratch / "size.pgm",
                    o = scratch / "o.png";
  write_text(a, grey_picture(kW, kH));
  write_text(m, pgm(kW, kH, std::vector<std::uint8_t>(kW * kH, 50)));
  write_text(size, pgm(kH, kW, std::vector<std::uint8_t>(kW * kH, 50)));
  std::vector<std::uint8_t> wrong(kW * kH, 50);
  wrong[kW + 3] = 99;
  write_text(scratch / "wrong.pgm", pgm(kW, kH, wrong));
  write_text(scratch / "text.png", "no picture");
  write_text(scratch / "rgb.ppm", "P6 1 1 255\nabc");
  std::filesystem::create_directory(scratch / "folder");
  write_text(scratch / "folder/a.pgm", grey_picture(kW, kH));
  struct Case {
    std::vector<std::string> more;
    int code;
    std::string says;
  };
  for (const Case& c :
       {Case{{"--formula", "--labels", size}, 3, "size.pgm: the label map is 44x60, the result 60x44"},
        {{"--formula", "--labels", scratch / "wrong.pgm"}, 3, "pixel 3,1 is 99; labels are 0 to 59"},
        {{"--formula", "--labels", scratch / "text.png"}, 3, "text.png"},
        {{"--formula", "--labels", scratch / "none.png"}, 3, "none.png"},
        {{"--formula", "--labels", scratch / "rgb.ppm"}, 3, "rgb.ppm: is no label map"},
        {{"--formula", "--labels", m, "--as-published"}, 3, "352x352"},
        {{"--formula", "--relabel", "1,2,3,4=skyy"}, 2, "did you mean sky"},
        {{"--formula", "--relabel", "1,2,3,4=cheese"}, 2, "there are: background, aeroplane"},
        {{"--formula", "--relabel", "1,2,3=sky"}, 2, "X,Y,W,H"},
        {{"--formula", "--relabel", "1,2,3,4"}, 2, "X,Y,W,H=NAME"},
        {{"--formula", "--labels", m, "--relabel", "60,0,1,1=sky"}, 2, "60x44 ends before it"},
        {{"--formula", "--relabel-mask", m}, 2, "FILE=NAME"},
        {{"--formula", "--labels", m, "--relabel-mask", size + "=sky"}, 3, "the mask is 44x60"},
        {{"--formula", "--label", "cheese"}, 2, "cheese"},
        {{"--formula", "--labels", m, "--save-labels", scratch / "l.jpg"}, 2, "PNG"},
        {{"--formula", "--labels", m, "--save-labels", m + ".png", "--save-label-view", m + ".png"},
         2,
         "m.pgm.png"},
        {{"--formula", "-n", "lite", "--labels", m}, 2, "semantic"},
        {{"--formula", "--labels", m, "--mask", m}, 2, "one system"},
        {{"-n", "semantic", "--labels", m}, 4, "colornet"}}) {
    CAPTURE(c.says);
    std::vector<std::string> words = {"colorize", "-i", a, "-o", o};
    words.insert(words.end(), c.more.begin(), c.more.end());
    const ProgramResult r = run_program(words);
    CAPTURE(r.err);
    CHECK(r.code == c.code);
    CHECK(r.err.starts_with("cuhue: "));
    CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
    CHECK(r.err.find(c.says) != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(o));
  }
  const auto refused = [&](const std::vector<std::string>& words, int code, const std::string& says) {
    const ProgramResult r = run_program(words);
    CAPTURE(r.err);
    CHECK(r.code == code);
    CHECK(r.err.find(says) != std::string::npos);
  };
  refused({"colorize", "--formula", "-i", scratch / "folder", "-o", scratch / "out", "--label", "sky"}, 2,
          "one photo");
  refused({"colorize", "--formula", "-i", a, "-o", "-", "--label", "sky"}, 2, "standard output");
  // Outputs that are inputs.
  std::filesystem::copy_file(m, scratch / "map.png");
  const std::string before = read_text(scratch / "map.png");
  refused({"colorize", "--formula", "-i", a, "-o", o, "--labels", scratch / "map.png", "--save-labels",
           scratch / "map.png"},
          7, "map.png");
  refused({"colorize", "--formula", "-i", a, "-o", o, "--relabel-mask", scratch / "map.png=sky",
           "--save-label-view", scratch / "map.png"},
          7, "map.png");
  CHECK(read_text(scratch / "map.png") == before);
}
