// cuhue colorize -n koalarization, as a user starts it: sizes, classes in the report, raw tensors of both
// networks.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/apps/program.h"
#include "tests/apps/scratch.h"

using namespace cuhue::test;

TEST_CASE("koalarization: a photo at its own size or as published, and what it shows in the report") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(40, 35));
  const auto colorize = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> words = {"colorize",        "-n", "koalarization", "--formula", "-i",
                                      scratch / "a.pgm", "-o", scratch / out,   "--json",    "-"};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramResult r = run_program(words);
    CAPTURE(r.err);
    CHECK(r.code == 0);
    const auto picture = nlohmann::json::parse(r.out).at("images").at(0);
    REQUIRE(picture.at("classes").size() == 5);
    double last = 1.0;
    for (const auto& c : picture.at("classes")) {
      CHECK(c.at("class").get<int>() >= 0);
      CHECK(c.at("class").get<int>() <= 1000);
      CHECK(c.at("probability").get<double>() <= last);
      last = c.at("probability").get<double>();
    }
    return read_text(scratch / out);
  };
  CHECK(colorize("1.ppm", {}).starts_with("P6\n40 35\n255\n"));
  CHECK(colorize("2.ppm", {"--as-published"}).starts_with("P6\n224 224\n255\n"));
}

TEST_CASE("koalarization: one of its two networks is not enough, and the other is named") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(40, 35));
  const ProgramResult r =
      run_program({"colorize", "-n", "koalarization", "-i", scratch / "a.pgm", "-o", scratch / "b.png"});
  CHECK(r.code == 4);
  CHECK(r.err.find("inception-resnet-v2") != std::string::npos);
}

TEST_CASE("inception-resnet-v2 sees one size, and says which") {
  const ProgramResult list = run_program({"run", "inception-resnet-v2", "--list"});
  CHECK(list.code == 0);
  CHECK(list.out.find("[N,3,299,299]") != std::string::npos);
  CHECK(list.out.find("only size 299") != std::string::npos);
  const ProgramResult bench = run_program({"bench", "inception-resnet-v2", "--formula", "--size", "64x64"});
  CHECK(bench.code == 2);
  CHECK(bench.err.find("299x299") != std::string::npos);
}
