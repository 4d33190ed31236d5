// cuhue colorize --save-saliency, --saliency-view and --norm, as a user starts it.
#include <cuhue/cuhue.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/cuhue/api.h"
#include "tests/apps/program.h"
#include "tests/apps/scratch.h"

using namespace cuhue::test;
using namespace cuhue::app;

namespace {

constexpr int kW = 40, kH = 35;

struct Read {
  cuhue_pixels pixels = sized<cuhue_pixels>();
  std::vector<std::uint16_t> grey;  // of 16 bits
};

Read read_png(const std::string& path) {
  const auto picture = make<Picture>(cuhue_image_read, path.c_str());
  Read r;
  call(cuhue_image_pixels, picture.get(), &r.pixels);
  if (r.pixels.format == CUHUE_GREY16) {
    for (std::int64_t y = 0; y < r.pixels.height; ++y) {
      const auto* row = static_cast<const std::byte*>(r.pixels.data) + y * r.pixels.stride;
      for (std::int64_t x = 0; x < r.pixels.width; ++x) {
        std::uint16_t v = 0;
        std::memcpy(&v, row + 2 * x, sizeof v);
        r.grey.push_back(v);
      }
    }
  }
  return r;
}

ProgramResult colorize(const std::vector<std::string>& more) {
  std::vector<std::string> words = {"colorize", "--formula"};
  words.insert(words.end(), more.begin(), more.end());
  return run_program(words);
}

}  // namespace

TEST_CASE(
    "--save-saliency and --saliency-view: 16 bits and a heat map of the photo's size, colours as without") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(kW, kH));
  const ProgramResult plain = colorize({"-n", "scgan", "-i", scratch / "a.pgm", "-o", scratch / "plain.ppm"});
  CAPTURE(plain.err);
  REQUIRE(plain.code == 0);
  const ProgramResult both =
      colorize({"-i", scratch / "a.pgm", "-o", scratch / "both.ppm", "--save-saliency", scratch / "s.png",
                "--saliency-view", scratch / "v.png", "--json", "-"});  // scgan is meant
  CAPTURE(both.err);
  REQUIRE(both.code == 0);
  CHECK(read_text(scratch / "both.ppm") == read_text(scratch / "plain.ppm"));
  const Read map = read_png(scratch / "s.png"), view = read_png(scratch / "v.png");
  REQUIRE(map.pixels.format == CUHUE_GREY16);
  CHECK((map.pixels.width == kW && map.pixels.height == kH));
  const auto [least, most] = std::ranges::minmax(map.grey);
  CHECK(most - least > 1000);
  CHECK((view.pixels.width == kW && view.pixels.height == kH && view.pixels.format == CUHUE_RGB8));
  CHECK(both.out.find("s.png") != std::string::npos);

  const ProgramResult batch = colorize({"-i", scratch / "a.pgm", "-o", scratch / "b.ppm", "--save-saliency",
                                        scratch / "b.png", "--norm", "batch"});
  CHECK(batch.code == 0);
  CHECK(read_text(scratch / "b.ppm") != read_text(scratch / "plain.ppm"));
  CHECK(read_png(scratch / "b.png").grey != map.grey);
}

TEST_CASE("--save-saliency of a folder is a folder with a PNG of each picture's name") {
  const Scratch scratch;
  std::filesystem::create_directory(scratch / "in");
  write_text(scratch / "in/a.pgm", grey_picture(kW, kH));
  write_text(scratch / "in/b.pgm", grey_picture(9, 12));
  const ProgramResult r =
      colorize({"-i", scratch / "in", "-o", scratch / "out", "--batch", "2", "--save-saliency",
                scratch / "maps", "--saliency-view", scratch / "views"});
  CAPTURE(r.err);
  REQUIRE(r.code == 0);
  CHECK(read_png(scratch / "maps/a.png").pixels.width == kW);
  CHECK(read_png(scratch / "maps/b.png").pixels.height == 12);
  CHECK(read_png(scratch / "views/b.png").pixels.width == 9);
  for (const char* folder : {"out", "in"}) {
    const ProgramResult same =
        colorize({"-i", scratch / "in", "-o", scratch / "out", "--save-saliency", scratch / folder});
    CHECK(same.code == 2);
    CHECK(same.err.find("another folder") != std::string::npos);
  }
}

TEST_CASE("--save-saliency: what cannot be is said before any work, and nothing is written") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(kW, kH));
  const auto refused = [&](const std::vector<std::string>& more, const std::string& word) {
    std::vector<std::string> words = {"-i", scratch / "a.pgm", "-o", scratch / "out.ppm"};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramResult r = colorize(words);
    CAPTURE(r.err);
    CHECK(r.code == 2);
    CHECK(r.err.find(word) != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(scratch / "out.ppm"));
  };
  refused({"--save-saliency", scratch / "s.jpg"}, ".png");
  refused({"--saliency-view", scratch / "s"}, ".png");
  refused({"-n", "lite", "--save-saliency", scratch / "s.png"}, "scgan");
  refused({"-n", "lite", "--norm", "batch"}, "lite");
  refused({"-n", "scgan", "--norm", "none"}, "running, batch");
  refused({"--save-saliency", scratch / "s.png", "--saliency-view", scratch / "s.png"}, "s.png");
}
