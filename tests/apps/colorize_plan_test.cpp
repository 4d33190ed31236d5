#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "apps/cuhue/api.h"
#include "apps/cuhue/colorize_plan.h"
#include "apps/cuhue/extra.h"
#include "tests/apps/scratch.h"

using namespace cuhue::app;
using namespace cuhue::test;
namespace fs = std::filesystem;

namespace {

ColorizeOptions options(const std::string& input, const std::string& output) {
  ColorizeOptions o;
  o.input = input;
  o.output = output;
  return o;
}

cuhue_status status_of(const ColorizeOptions& o) {
  try {
    check_files(o, plan_colorize(o), make_extras(o));
  } catch (const Failure& e) {
    return e.status();
  }
  return CUHUE_OK;
}

}  // namespace

TEST_CASE("the format is the extension's, then -f's, then PNG") {
  CHECK(choose_format("a.jpg", "") == CUHUE_FILE_JPEG);
  CHECK(choose_format("a.JPEG", "png") == CUHUE_FILE_JPEG);
  CHECK(choose_format("a.bmp", "") == CUHUE_FILE_BMP);
  CHECK(choose_format("a.ppm", "") == CUHUE_FILE_PNM);
  CHECK(choose_format("a", "jpg") == CUHUE_FILE_JPEG);
  CHECK(choose_format("a.tmp", "ppm") == CUHUE_FILE_PNM);
  CHECK(choose_format("a", "") == CUHUE_FILE_PNG);
  CHECK(choose_format("a.tmp", "") == CUHUE_FILE_PNG);
  CHECK(choose_format("a.webp", "png") == CUHUE_FILE_PNG);
  for (const char* name : {"a.webp", "a.TIFF", "a.gif", "a.pgm"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(choose_format(name, ""), Failure);
  }
}

TEST_CASE("sources whose names would meet keep their full names") {
  using Names = std::vector<std::string>;
  CHECK(output_names({"a.jpg", "b.png"}, ".png") == Names{"a.png", "b.png"});
  CHECK(output_names({"a.jpg", "a.png", "b.png"}, ".png") == Names{"a.jpg.png", "a.png.png", "b.png"});
  // a.jpg's full name meets the short name of a.jpg.bmp, which then becomes full too.
  CHECK(output_names({"a.jpg", "a.jpg.bmp", "a.png"}, ".png") ==
        Names{"a.jpg.png", "a.jpg.bmp.png", "a.png.png"});
}

TEST_CASE(
    "a folder's pictures are found by extension in any case, sorted, hidden files and folders left out") {
  const Scratch scratch;
  for (const char* name : {"b.PNG", "a.jpg", "c.txt", ".d.png", "noextension", "e.Pgm"})
    write_text(scratch / name, "x");
  fs::create_directories(scratch / "f.png/inner");
  const ColorizePlan plan = plan_colorize(options(scratch.path().string(), scratch / "out/deep"));
  REQUIRE(plan.jobs.size() == 3);
  CHECK(plan.is_folder);
  CHECK(plan.jobs[0].output == scratch / "out/deep/a.png");
  CHECK(plan.jobs[1].output == scratch / "out/deep/b.png");
  CHECK(plan.jobs[2].output == scratch / "out/deep/e.png");
  CHECK(fs::is_directory(scratch / "out/deep"));
}

TEST_CASE("one picture into a folder, or to a name") {
  const Scratch scratch;
  write_text(scratch / "a.jpg", "x");
  fs::create_directory(scratch / "out");
  ColorizeOptions o = options(scratch / "a.jpg", scratch / "out");
  CHECK(plan_colorize(o).jobs[0].output == scratch / "out/a.png");
  o.format = "jpg";
  CHECK(plan_colorize(o).jobs[0].output == scratch / "out/a.jpg");
  CHECK(plan_colorize(options("-", scratch / "out")).jobs[0].output == scratch / "out/stdin.png");
  CHECK(plan_colorize(options(scratch / "a.jpg", scratch / "b.bmp")).jobs[0].format == CUHUE_FILE_BMP);
}

TEST_CASE("what cannot be planned has its own status") {
  const Scratch scratch;
  write_text(scratch / "a.png", "x");
  write_text(scratch / "file", "x");
  fs::create_directory(scratch / "empty");
  CHECK(status_of(options(scratch / "none.png", scratch / "b.png")) == CUHUE_INPUT);
  CHECK(status_of(options(scratch / "empty", scratch / "out")) == CUHUE_INPUT);
  CHECK(status_of(options(scratch.path().string(), "-")) == CUHUE_USAGE);
  CHECK(status_of(options(scratch.path().string(), scratch / "file")) == CUHUE_OUTPUT);
  CHECK(status_of(options(scratch / "a.png", scratch / "none/b.png")) == CUHUE_OUTPUT);
  CHECK(status_of(options(scratch / "a.png", scratch / "none/")) == CUHUE_OUTPUT);
}

TEST_CASE("an output that is an input is refused by whatever name, unless forced") {
  const Scratch scratch;
  write_text(scratch / "a.png", "x");
  write_text(scratch / "b.png", "x");
  write_text(scratch / "other.png", "x");
  fs::create_symlink("a.png", scratch / "soft.png");
  fs::create_hard_link(scratch / "a.png", scratch / "hard.png");
  for (const char* name : {"a.png", "./a.png", "soft.png", "hard.png"}) {
    CAPTURE(name);
    ColorizeOptions o = options(scratch / "a.png", scratch / name);
    CHECK(status_of(o) == CUHUE_OUTPUT);
    o.force = true;
    CHECK(status_of(o) == CUHUE_OK);
  }
  CHECK(status_of(options(scratch / "a.png", scratch / "other.png")) == CUHUE_OK);
  // A folder onto itself, and one whose output is a link to another of its inputs.
  CHECK(status_of(options(scratch.path().string(), scratch.path().string())) == CUHUE_OUTPUT);
  fs::create_directory(scratch / "out");
  CHECK(status_of(options(scratch.path().string(), scratch / "out")) == CUHUE_OK);
  fs::create_symlink("../b.png", scratch / "out/a.png");
  CHECK(status_of(options(scratch.path().string(), scratch / "out")) == CUHUE_OUTPUT);
  ColorizeOptions report = options(scratch / "a.png", scratch / "c.png");
  report.json = scratch / "hard.png";
  CHECK(status_of(report) == CUHUE_OUTPUT);
}

TEST_CASE("an output that is a mask or a weight file is refused; so are two outputs of one name") {
  const Scratch scratch;
  write_text(scratch / "a.png", "x");
  write_text(scratch / "m.pgm", "P5 1 1 255\nx");
  fs::create_symlink("m.pgm", scratch / "soft.png");
  ColorizeOptions o = options(scratch / "a.png", scratch / "soft.png");
  CHECK(status_of(o) == CUHUE_OK);
  o.mask = scratch / "m.pgm";
  CHECK(status_of(o) == CUHUE_OUTPUT);
  o.output = scratch / "b.png";
  CHECK(status_of(o) == CUHUE_OK);
  o.weights = {scratch / "soft.png"};
  CHECK(status_of(o) == CUHUE_OK);
  o.json = scratch / "m.pgm";
  CHECK(status_of(o) == CUHUE_OUTPUT);
  o.force = true;
  o.json = scratch / "./b.png";
  CHECK(status_of(o) == CUHUE_USAGE);
}

TEST_CASE("a format that would lose alpha or depth is refused and png named") {
  const auto message = [](cuhue_file_format format, cuhue_pixel_format pixels) -> std::string {
    try {
      check_format_holds(format, pixels, "p");
    } catch (const Failure& e) {
      CHECK(e.status() == CUHUE_USAGE);
      return e.what();
    }
    return "";
  };
  CHECK(message(CUHUE_FILE_JPEG, CUHUE_RGBA8).find("transparency") != std::string::npos);
  CHECK(message(CUHUE_FILE_JPEG, CUHUE_GREY16).find("16 bits") != std::string::npos);
  CHECK(message(CUHUE_FILE_JPEG, CUHUE_RGBA16).find("png") != std::string::npos);
  CHECK(message(CUHUE_FILE_BMP, CUHUE_RGB16) != "");
  CHECK(message(CUHUE_FILE_PNM, CUHUE_GREY_ALPHA8) != "");
  for (const cuhue_pixel_format p : {CUHUE_GREY8, CUHUE_RGB8}) {
    CHECK(message(CUHUE_FILE_JPEG, p) == "");
    CHECK(message(CUHUE_FILE_BMP, p) == "");
  }
  CHECK(message(CUHUE_FILE_PNG, CUHUE_RGBA16) == "");
  CHECK(message(CUHUE_FILE_PNM, CUHUE_RGB16) == "");
}
