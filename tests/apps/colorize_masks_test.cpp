// cuhue colorize --mask, --mask-rect and --gate, as a user starts it.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/cuhue/photo_mask.h"
#include "tests/apps/program.h"
#include "tests/apps/scratch.h"

using namespace cuhue::test;
using namespace cuhue::app;

namespace {

constexpr int kW = 40, kH = 35;

std::string pgm(int width, int height, const std::vector<std::uint8_t>& levels) {
  return "P5 " + std::to_string(width) + " " + std::to_string(height) + " 255\n" +
         std::string(levels.begin(), levels.end());
}

// The pixels of a picture that the program wrote as ppm.
std::string pixels_of(const std::string& ppm) {
  return ppm.substr(ppm.size() - std::size_t{kW} * kH * 3);
}

}  // namespace

TEST_CASE("rectangles are drawn where they are, as far as the photo goes") {
  const std::vector<Rectangle> rectangles = {{1, 0, 2, 1}, {3, 1, 9, 9}};
  CHECK(draw_rectangles(rectangles, 5, 3) ==
        std::vector<std::uint8_t>{0, 255, 255, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 255, 255});
}

TEST_CASE("--mask: a file, rectangles that are the same, a gate and the norm's name reach the network") {
  const Scratch scratch;
  const std::string photo = grey_picture(kW, kH);
  write_text(scratch / "a.pgm", photo);
  const std::vector<Rectangle> rectangles = {{5, 6, 20, 9}, {30, 20, 4, 4}};
  const std::vector<std::uint8_t> levels = draw_rectangles(rectangles, kW, kH);
  write_text(scratch / "m.pgm", pgm(kW, kH, levels));
  const auto colorize = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> words = {"colorize", "--formula", "-i", scratch / "a.pgm", "-o", scratch / out};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramResult r = run_program(words);
    CAPTURE(r.err);
    CHECK(r.code == 0);
    return read_text(scratch / out);
  };
  const std::string masked = colorize("1.ppm", {"-n", "masks-gan", "--mask", scratch / "m.pgm"});
  const std::vector<std::string> two = {"--mask-rect", "5,6,20,9", "--mask-rect", "30,20,4,4"};
  CHECK(colorize("2.ppm", two) == masked);  // masks-gan is meant
  CHECK(colorize("3.ppm", {"--mask-rect", "0,0,40,35"}) != masked);
  CHECK(colorize("4.ppm", {"--mask", scratch / "m.pgm", "--set", "norm=running"}) != masked);
  const std::string gated = pixels_of(colorize("5.ppm", {"--mask", scratch / "m.pgm", "--gate"}));
  std::size_t wrong = 0, colored = 0;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const char grey = photo[photo.size() - levels.size() + i];
    const bool same = std::all_of(&gated[3 * i], &gated[3 * i] + 3, [&](char c) { return c == grey; });
    if (levels[i] == 0 && !same) ++wrong;
    if (levels[i] != 0 && !same) ++colored;
  }
  CHECK(wrong == 0);
  CHECK(colored > 100);
}

TEST_CASE(
    "--mask: a folder's photos get rectangles of their own size; one of another size than the file fails") {
  const Scratch scratch;
  std::filesystem::create_directory(scratch / "in");
  write_text(scratch / "in/a.pgm", grey_picture(kW, kH));
  write_text(scratch / "in/b.pgm", grey_picture(33, 20));
  write_text(scratch / "in/c.pgm", grey_picture(kW, kH));
  write_text(scratch / "m.pgm", pgm(kW, kH, std::vector<std::uint8_t>(kW * kH, 255)));
  const std::vector<std::string> start = {"colorize", "--formula", "-i", scratch / "in", "--batch", "2"};
  std::vector<std::string> words = start;
  words.insert(words.end(), {"-o", scratch / "rect", "--mask-rect", "4,4,9,9"});
  CHECK(run_program(words).code == 0);
  words = start;
  words.insert(words.end(), {"-o", scratch / "file", "--mask", scratch / "m.pgm"});
  const ProgramResult r = run_program(words);
  CHECK(r.code == 1);
  CHECK(r.err.find("b.pgm") != std::string::npos);
  CHECK(r.err.find("40x35") != std::string::npos);
  CHECK(std::filesystem::exists(scratch / "file/a.png"));
  CHECK_FALSE(std::filesystem::exists(scratch / "file/b.png"));
  CHECK(std::filesystem::exists(scratch / "file/c.png"));
}

TEST_CASE("--mask: each bad one has its exit code, one line, and no output") {
  const Scratch scratch;
  const std::string a = scratch / "a.pgm", m = scratch / "m.pgm", size = scratch / "size.pgm";
  write_text(a, grey_picture(kW, kH));
  write_text(m, pgm(kW, kH, std::vector<std::uint8_t>(kW * kH, 255)));
  write_text(size, pgm(kH, kW, std::vector<std::uint8_t>(kW * kH, 255)));
  write_text(scratch / "text.png", "no picture");
  struct Case {
    std::vector<std::string> more;
    int code;
    std::string says;
  };
  for (const Case& c : {Case{{"--formula", "-n", "masks-gan"}, 2, "--mask FILE"},
                        {{"-n", "masks-gan"}, 2, "--mask FILE"},  // before weights are missing
                        {{"--formula", "--mask", size}, 3, "size.pgm: the mask is 35x40, the photo 40x35"},
                        {{"--formula", "--mask", scratch / "text.png"}, 3, "text.png"},
                        {{"--formula", "--mask", scratch / "none.png"}, 3, "none.png"},
                        {{"--formula", "--mask-rect", "40,0,1,1"}, 2, "the photo 40x35 ends before it"},
                        {{"--formula", "--mask-rect", "1,2,3"}, 2, "X,Y,W,H"},
                        {{"--formula", "--mask-rect", "1,2,0,3"}, 2, "X,Y,W,H"},
                        {{"--formula", "--mask-rect", "1,2,3,4,"}, 2, "X,Y,W,H"},
                        {{"--formula", "--mask", m, "--mask-rect", "1,2,3,4"}, 2, "exclude"},
                        {{"--formula", "--gate"}, 2, "--mask"},
                        {{"--formula", "-n", "lite", "--mask", m}, 2, "masks-gan"},
                        {{"--formula", "-n", "lite", "--mask-rect", "1,2,3,4"}, 2, "masks-gan"},
                        {{"--formula", "--mask", m, "--set", "norm=median"}, 2, "norm"},
                        {{"--formula", "--mask", m, "--as-published"}, 2, "multiples of 32"}}) {
    CAPTURE(c.says);
    std::vector<std::string> words = {"colorize", "-i", a, "-o", scratch / "o.png"};
    words.insert(words.end(), c.more.begin(), c.more.end());
    const ProgramResult r = run_program(words);
    CAPTURE(r.err);
    CHECK(r.code == c.code);
    CHECK(r.err.starts_with("cuhue: "));
    CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
    CHECK(r.err.find(c.says) != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(scratch / "o.png"));
  }
}
