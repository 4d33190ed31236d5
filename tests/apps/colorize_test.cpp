// cuhue colorize: streams, folders, names, formats, reports.
#include <cuhue/cuhue.h>
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/cuhue/api.h"
#include "tests/apps/program.h"
#include "tests/apps/scratch.h"

using namespace cuhue::test;
using namespace cuhue::app;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

std::vector<std::string> colorize(const std::string& in, const std::string& out,
                                  const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {"colorize", "--formula", "-i", in, "-o", out};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// A picture of any format with a gradient, written through the API.
void make_picture(const std::string& path, int width, int height, cuhue_pixel_format format) {
  const auto image = make<Picture>(cuhue_image_create, width, height, format, nullptr);
  auto pixels = sized<cuhue_pixels>();
  call(cuhue_image_pixels, image.get(), &pixels);
  auto* bytes = static_cast<unsigned char*>(pixels.data);
  for (std::ptrdiff_t i = 0; i < pixels.stride * height; ++i)
    bytes[i] = static_cast<unsigned char>(i * 7 / 3);
  auto o = sized<cuhue_encode_options>();
  call(cuhue_image_write, image.get(), path.c_str(), &o);
}

cuhue_pixel_format format_of(const std::string& path) {
  const auto image = make<Picture>(cuhue_image_read, path.c_str());
  auto pixels = sized<cuhue_pixels>();
  call(cuhue_image_pixels, image.get(), &pixels);
  return pixels.format;
}

}  // namespace

TEST_CASE("stdin to stdout gives the same bytes as file to file, and nothing else on stdout") {
  const Scratch scratch;
  const std::string picture = grey_picture(50, 37);
  write_text(scratch / "a.pgm", picture);
  REQUIRE(run_program(colorize(scratch / "a.pgm", scratch / "a.png")).code == 0);
  ProgramOptions options;
  options.input = picture;
  const ProgramResult stream = run_program(colorize("-", "-"), options);
  CHECK(stream.code == 0);
  CHECK(stream.out == read_text(scratch / "a.png"));
  const ProgramResult jpeg = run_program(colorize("-", "-", {"-f", "jpg", "--quiet"}), options);
  CHECK(jpeg.out.starts_with("\xff\xd8\xff"));
  CHECK(jpeg.err.empty());
}

TEST_CASE("every threads and batch setting gives the same bytes") {
  const Scratch scratch;
  fs::create_directory(scratch / "in");
  for (int i = 0; i < 9; ++i) {
    write_text(scratch / ("in/" + std::to_string(i) + ".pgm"), grey_picture(30 + 11 * i, 64 - 3 * i, i));
  }
  REQUIRE(run_program(colorize(scratch / "in", scratch / "first")).code == 0);
  int round = 0;
  for (const std::vector<std::string>& more : {std::vector<std::string>{"-j", "3:1:3"},
                                               {"-j", "2:3:2"},
                                               {"--batch", "4"},
                                               {"-j", "3:2:1", "--batch", "3"},
                                               {"--threads", "1"}}) {
    CAPTURE(more[1]);
    const std::string out = scratch / ("out" + std::to_string(round++));
    REQUIRE(run_program(colorize(scratch / "in", out, more)).code == 0);
    CHECK(count_files(out) == 9);
    for (int i = 0; i < 9; ++i) {
      const std::string name = "/" + std::to_string(i) + ".png";
      CHECK(read_text(out + name) == read_text((scratch / "first") + name));
    }
  }
}

TEST_CASE("progress is n/N lines when stderr is no terminal; the counts come last; --quiet says nothing") {
  const Scratch scratch;
  fs::create_directory(scratch / "in");
  for (const char* name : {"in/a.pgm", "in/b.pgm", "in/c.pgm"})
    write_text(scratch / name, grey_picture(16, 16));
  const ProgramResult r = run_program(colorize(scratch / "in", scratch / "out", {"-j", "1:1:1"}));
  CHECK(r.code == 0);
  CHECK(r.err == "1/3 " + (scratch / "out/a.png") + "\n2/3 " + (scratch / "out/b.png") + "\n3/3 " +
                     (scratch / "out/c.png") + "\n3 written, 0 failed, 0 skipped\n");
  const ProgramResult quiet = run_program(colorize(scratch / "in", scratch / "out", {"--quiet"}));
  CHECK(quiet.code == 0);
  CHECK(quiet.err.empty());
}

TEST_CASE("clashing names keep the source's whole name") {
  const Scratch scratch;
  fs::create_directory(scratch / "in");
  write_text(scratch / "in/a.pgm", grey_picture(16, 16));
  make_picture(scratch / "in/a.png", 16, 16, CUHUE_RGB8);
  REQUIRE(run_program(colorize(scratch / "in", scratch / "out")).code == 0);
  CHECK(fs::exists(scratch / "out/a.pgm.png"));
  CHECK(fs::exists(scratch / "out/a.png.png"));
  CHECK(count_files(scratch / "out") == 2);
}

TEST_CASE("alpha and bit depth are kept in PNG and refused in JPEG") {
  const Scratch scratch;
  struct Case {
    cuhue_pixel_format in, out;
    bool jpeg;
  };
  for (const Case c : {Case{CUHUE_GREY8, CUHUE_RGB8, true},
                       {CUHUE_RGB8, CUHUE_RGB8, true},
                       {CUHUE_GREY_ALPHA8, CUHUE_RGBA8, false},
                       {CUHUE_RGBA8, CUHUE_RGBA8, false},
                       {CUHUE_GREY16, CUHUE_RGB16, false},
                       {CUHUE_RGB16, CUHUE_RGB16, false},
                       {CUHUE_RGBA16, CUHUE_RGBA16, false}}) {
    CAPTURE(c.in);
    const std::string in = scratch / ("in" + std::to_string(c.in) + ".png");
    make_picture(in, 20, 14, c.in);
    REQUIRE(run_program(colorize(in, scratch / "o.png")).code == 0);
    CHECK(format_of(scratch / "o.png") == c.out);
    fs::remove(scratch / "o.jpg");
    const ProgramResult jpeg = run_program(colorize(in, scratch / "o.jpg"));
    CHECK(jpeg.code == (c.jpeg ? 0 : 2));
    CHECK(fs::exists(scratch / "o.jpg") == c.jpeg);
    if (!c.jpeg) CHECK(jpeg.err.find("png") != std::string::npos);
  }
}

TEST_CASE("the input is written to only with --force, and then whole") {
  const Scratch scratch;
  make_picture(scratch / "a.png", 20, 14, CUHUE_GREY8);
  const std::string before = read_text(scratch / "a.png");
  fs::create_hard_link(scratch / "a.png", scratch / "b.png");
  for (const char* name : {"a.png", "b.png"}) {
    CHECK(run_program(colorize(scratch / "a.png", scratch / name)).code == 7);
    CHECK(read_text(scratch / "a.png") == before);
  }
  CHECK(run_program(colorize(scratch.path().string(), scratch.path().string())).code == 7);
  CHECK(run_program(colorize(scratch / "a.png", scratch / "a.png", {"--force"})).code == 0);
  CHECK(format_of(scratch / "a.png") == CUHUE_RGB8);
}

TEST_CASE("an existing output that is no input is replaced") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(16, 16));
  write_text(scratch / "o.png", "old");
  CHECK(run_program(colorize(scratch / "a.pgm", scratch / "o.png")).code == 0);
  CHECK(read_text(scratch / "o.png").starts_with("\x89PNG"));
  CHECK(count_files(scratch.path()) == 2);
}

TEST_CASE("--json tells each picture's fate, size and seconds, the totals and the memory") {
  const Scratch scratch;
  fs::create_directory(scratch / "in");
  write_text(scratch / "in/a.pgm", grey_picture(40, 24));
  write_text(scratch / "in/b.pgm", "broken");
  const ProgramResult r =
      run_program(colorize(scratch / "in", scratch / "out", {"--json", "-", "--batch", "2"}));
  CHECK(r.code == 1);
  const Json json = Json::parse(r.out);
  CHECK(json["system"] == "lite");
  CHECK(json["device"] == "cpu");
  CHECK(json["precision"] == "fp32");
  CHECK(json["threads"].get<int>() >= 1);
  CHECK(json["batch"] == 2);
  CHECK(json["weights"][0]["network"] == "lite");
  CHECK(json["weights"][0]["file"] == "formula");
  REQUIRE(json["images"].size() == 2);
  const Json& good = json["images"][0];
  CHECK(good["input"] == scratch / "in/a.pgm");
  CHECK(good["output"] == scratch / "out/a.png");
  CHECK(good["state"] == "written");
  CHECK(good["width"] == 40);
  CHECK(good["height"] == 24);
  double sum = 0;
  for (const char* stage : {"load", "prepare", "network", "finish", "save"}) {
    CAPTURE(stage);
    CHECK(good["seconds"][stage].get<double>() > 0);
    sum += good["seconds"][stage].get<double>();
  }
  CHECK(good["seconds"]["total"].get<double>() == doctest::Approx(sum));
  CHECK(json["images"][1]["state"] == "failed");
  CHECK(json["images"][1]["status"] == 3);
  CHECK(json["images"][1]["error"].get<std::string>().find("b.pgm") != std::string::npos);
  CHECK(json["totals"]["written"] == 1);
  CHECK(json["totals"]["failed"] == 1);
  CHECK(json["totals"]["skipped"] == 0);
  for (const char* stage : {"weights", "compile", "wall"})
    CHECK(json["totals"]["seconds"][stage].get<double>() > 0);
  for (const char* key : {"weight_bytes", "arena_bytes", "peak_bytes"})
    CHECK(json["memory"][key].get<double>() > 0);
  CHECK(json["memory"]["peak_bytes"] > json["memory"]["arena_bytes"]);
  // To a file: the same shape, and stdout stays empty.
  const ProgramResult to_file =
      run_program(colorize(scratch / "in/a.pgm", scratch / "o.png", {"--json", scratch / "r.json"}));
  CHECK(to_file.out.empty());
  CHECK(Json::parse(read_text(scratch / "r.json"))["images"].size() == 1);
  CHECK(run_program(colorize(scratch / "in/a.pgm", "-", {"--json", "-"})).code == 2);
}

TEST_CASE("--fail-fast ends a folder's run at the first failure") {
  const Scratch scratch;
  fs::create_directory(scratch / "in");
  write_text(scratch / "in/0.pgm", "broken");
  for (int i = 1; i < 60; ++i)
    write_text(scratch / ("in/" + std::to_string(i) + ".pgm"), grey_picture(200, 200));
  const ProgramResult r =
      run_program(colorize(scratch / "in", scratch / "out", {"--fail-fast", "-j", "1:1:1"}));
  CHECK(r.code == 1);
  CHECK(r.last_error_line().find(" 1 failed, ") != std::string::npos);
  CHECK(r.last_error_line().find(" 0 skipped") == std::string::npos);
}

TEST_CASE("chroma and temperature change the colours") {
  const Scratch scratch;
  make_picture(scratch / "a.png", 48, 40, CUHUE_GREY8);
  REQUIRE(run_program(colorize(scratch / "a.png", scratch / "1.ppm", {"-n", "eccv16"})).code == 0);
  for (const char* option : {"--chroma", "--temperature"}) {
    CAPTURE(option);
    REQUIRE(
        run_program(colorize(scratch / "a.png", scratch / "2.ppm", {"-n", "eccv16", option, "0.4"})).code ==
        0);
    CHECK(read_text(scratch / "1.ppm") != read_text(scratch / "2.ppm"));
  }
}
