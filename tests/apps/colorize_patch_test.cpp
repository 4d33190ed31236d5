// cuhue colorize -n patch with objects from files, as a user starts it.
#include <doctest/doctest.h>

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
