// cuhue colorize -n patch with objects from files, as a user starts it.
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/apps/program.h"
#include "tests/apps/scratch.h"

using namespace cuhue::test;

namespace {

constexpr int kW = 40, kH = 35;

// A cat in the middle: columns 10 to 29, rows 5 to 29 of 35.
std::string one_cat(const std::string& width = "40") {
  std::string counts = "355,25";
  for (int i = 1; i < 20; ++i) counts += ",10,25";
  return R"({"width": )" + width +
         R"(, "height": 35, "objects": [{"class": "cat", "score": 0.9, "box": [10, 5, 30, 30],
          "segmentation": {"size": [35, )" +
         width + R"(], "counts": [)" + counts + (width == "40" ? ",355" : ",390") + "]}}]}";
}

struct Run {
  ProgramResult result;
  std::string picture;
};

class Folder {
 public:
  Folder() {
    write_text(scratch_ / "a.pgm", grey_picture(kW, kH));
    write_text(scratch_ / "d.json", one_cat());
  }
  Run colorize(const std::vector<std::string>& more, const std::string& out = "o.ppm") const {
    std::vector<std::string> words = {"colorize",         "--formula", "-i",
                                      scratch_ / "a.pgm", "-o",        scratch_ / out};
    words.insert(words.end(), more.begin(), more.end());
    Run run;
    run.result = run_program(words);
    if (std::filesystem::exists(scratch_ / out)) run.picture = read_text(scratch_ / out);
    std::filesystem::remove(scratch_ / out);
    return run;
  }
  std::string operator/(const std::string& name) const { return scratch_ / name; }

 private:
  Scratch scratch_;
};

// Grey levels as a BMP whose palette runs the other way: index i is level 255 - i.
std::string palette_picture(const std::string& levels, int width, int height) {
  std::string bytes = "BM";
  const auto put = [&](std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> 8 * i & 255);
  };
  constexpr std::uint32_t kHead = 14 + 40 + 4 * 256;
  const auto w = static_cast<std::uint32_t>(width), h = static_cast<std::uint32_t>(height);
  for (const std::uint32_t v : {kHead + w * h, 0u, kHead, 40u, w, h}) put(v, 4);
  put(1, 2);
  put(8, 2);
  for (const std::uint32_t v : {0u, w * h, 2835u, 2835u, 256u, 0u}) put(v, 4);
  for (std::uint32_t i = 0; i < 256; ++i) put((255 - i) * 0x010101u, 4);
  for (int y = height - 1; y >= 0; --y)  // from below; a row of whole words
    for (int x = 0; x < width; ++x)
      bytes += static_cast<char>(~levels[static_cast<std::size_t>(y * width + x)]);
  return bytes;
}

}  // namespace

TEST_CASE("--detections: objects from a file colour a photo, and come back as they were, with an overlay") {
  const Folder f;
  const Run first = f.colorize({"--detections", f / "d.json", "--save-detections", f / "s.json", "--overlay",
                                f / "v.png", "--json", f / "r.json"});
  CAPTURE(first.result.err);
  REQUIRE(first.result.code == 0);
  const auto saved = nlohmann::json::parse(read_text(f / "s.json"));
  CHECK(saved["objects"][0]["class"] == "cat");
  CHECK(saved["objects"][0]["segmentation"]["counts"].is_string());
  CHECK(read_text(f / "v.png").substr(1, 3) == "PNG");
  const auto report = nlohmann::json::parse(read_text(f / "r.json"));
  CHECK(report["system"] == "patch");
  CHECK(report.dump().find("\"class\":\"cat\"") != std::string::npos);
  // What was saved is what was given; and every option has an effect.
  CHECK(f.colorize({"-n", "patch", "--detections", f / "s.json"}).picture == first.picture);
  for (const std::vector<std::string>& option :
       {std::vector<std::string>{"--no-saturation"}, {"--feather", "5"}, {"--min-area", "0.9"}}) {
    std::vector<std::string> words = {"--detections", f / "d.json"};
    words.insert(words.end(), option.begin(), option.end());
    const Run run = f.colorize(words);
    CAPTURE(run.result.err);
    CHECK(run.result.code == 0);
    CHECK(run.picture.size() == first.picture.size());
    CHECK(run.picture != first.picture);
  }
}

TEST_CASE("--detections: what is wrong ends the run with its exit code, one line and no file") {
  const Folder f;
  write_text(f / "wide.json", one_cat("41"));
  write_text(f / "bad.json", "{\"width\": 40");
  const auto refused = [&](const std::vector<std::string>& words, int code, const std::string& what) {
    const Run run = f.colorize(words);
    CAPTURE(run.result.err);
    CHECK(run.result.code == code);
    CHECK(run.result.last_error_line().find(what) != std::string::npos);
    CHECK(run.picture.empty());
  };
  refused({"--detections", f / "wide.json"}, 3, "41x35");
  refused({"--detections", f / "bad.json"}, 3, "bad.json");
  refused({"--detections", f / "none.json"}, 3, "none.json");
  refused({"--detections", f / "d.json", "--feather", "-1"}, 2, "--feather");
  refused({"--detections", f / "d.json", "--min-area", "2"}, 2, "min_area");
  refused({"--detections", f / "d.json", "--overlay", f / "v.webp"}, 2, "webp");
  refused({"--detections", f / "d.json", "--save-detections", f / "d.json"}, 7, "d.json");
  refused({"-n", "lite", "--detections", f / "d.json"}, 2, "patch");
  std::filesystem::create_directory(f / "in");
  write_text(f / "in/a.pgm", grey_picture(kW, kH));
  const ProgramResult folder =
      run_program({"colorize", "--formula", "-i", f / "in", "-o", f / "out", "--detections", f / "d.json"});
  CHECK(folder.code == 2);
  CHECK(folder.last_error_line().find("--detections") != std::string::npos);
}

TEST_CASE("patch without weights of a detector says so; with objects they are not needed") {
  const Folder f;
  std::filesystem::create_directory(f / "models");
  ProgramOptions models;
  models.environment["CUHUE_MODELS"] = f / "models";
  const ProgramResult r =
      run_program({"colorize", "-n", "patch", "-i", f / "a.pgm", "-o", f / "o.ppm"}, models);
  CHECK(r.code == 4);
  CHECK(r.last_error_line().find("eccv16") != std::string::npos);
}

TEST_CASE("without objects the detector looks for them, and says how long") {
  const Folder f;
  const Run run = f.colorize({"-n", "patch", "--max-size", "64", "--score-threshold", "0.9",
                              "--save-detections", f / "s.json", "--json", f / "r.json"});
  CAPTURE(run.result.err);
  REQUIRE(run.result.code == 0);
  const auto saved = nlohmann::json::parse(read_text(f / "s.json"));
  CHECK(saved["width"] == kW);
  CHECK(saved["objects"].is_array());
  const auto report = nlohmann::json::parse(read_text(f / "r.json"));
  CHECK(report["totals"]["seconds"]["detect"].get<double>() > 0);
  CHECK(report["weights"].size() == 2);
}

TEST_CASE("photos with a palette and of 16 bits have the objects of the same photo in grey") {
  const Folder f;
  std::filesystem::create_directory(f / "in");
  const std::string grey = grey_picture(kW, kH), levels = grey.substr(grey.size() - std::size_t{kW} * kH);
  std::string wide = "P5 40 35 65535\n";
  for (const char level : levels) wide += std::string(2, level);
  write_text(f / "in/a.pgm", grey);
  write_text(f / "in/b.bmp", palette_picture(levels, kW, kH));
  write_text(f / "in/c.pgm", wide);
  const ProgramResult run =
      run_program({"colorize", "--formula", "-n", "patch", "--max-size", "64", "--score-threshold", "0.5",
                   "-i", f / "in", "-o", f / "out", "-f", "ppm", "--json", f / "r.json"});
  CAPTURE(run.err);
  REQUIRE(run.code == 0);
  const auto images = nlohmann::json::parse(read_text(f / "r.json"))["images"];
  REQUIRE(images.size() == 3);
  CHECK(images[0]["objects"].size() > 0);
  for (const auto& image : images) CHECK(image["objects"] == images[0]["objects"]);
  CHECK(read_text(f / "out/a.ppm") == read_text(f / "out/b.ppm"));
  CHECK(read_text(f / "out/c.ppm").size() > 6 * std::size_t{kW} * kH);
}
