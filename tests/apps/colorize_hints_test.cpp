// cuhue colorize --hints, as a user starts it.
#include <cuhue/cuhue.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/cuhue/api.h"
#include "tests/apps/program.h"
#include "tests/apps/scratch.h"

using namespace cuhue::test;
using namespace cuhue::app;

namespace {

constexpr int kW = 96, kH = 64;

// Orange pixels in a rectangle of an otherwise transparent picture.
void write_hint_picture(const std::string& path, int width, int height, cuhue_pixel_format format) {
  const auto image = make<Picture>(cuhue_image_create, width, height, format, nullptr);
  auto pixels = sized<cuhue_pixels>();
  call(cuhue_image_pixels, image.get(), &pixels);
  auto* bytes = static_cast<unsigned char*>(pixels.data);
  const int channels = format == CUHUE_RGBA8 ? 4 : 3;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      unsigned char* p = bytes + y * pixels.stride + x * channels;
      const unsigned char orange[] = {255, 128, 0, static_cast<unsigned char>(x == 40 && y == 30 ? 255 : 0)};
      std::copy_n(orange, channels, p);
    }
  auto o = sized<cuhue_encode_options>();
  call(cuhue_image_write, image.get(), path.c_str(), &o);
}

}  // namespace

TEST_CASE("--hints: JSON and PNG, in the photo's own system; --set reaches the network") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(kW, kH));
  const auto colorize = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> words = {"colorize", "--formula", "-i", scratch / "a.pgm", "-o", scratch / out};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramResult r = run_program(words);
    CAPTURE(r.err);
    CHECK(r.code == 0);
    return read_text(scratch / out);
  };
  write_text(scratch / "none.json", "[]");
  write_hint_picture(scratch / "h.png", kW, kH, CUHUE_RGBA8);
  write_text(scratch / "h.json", R"([{"x": 40, "y": 30, "radius": 8, "color": "#ff8000"}])");
  const std::string plain = colorize("1.ppm", {"-n", "siggraph17"});
  CHECK(colorize("2.ppm", {"--hints", scratch / "none.json"}) == plain);  // siggraph17 is meant
  const std::string from_json = colorize("3.ppm", {"--hints", scratch / "h.json"});
  CHECK(from_json != plain);
  const std::string from_png = colorize("4.ppm", {"-n", "siggraph17", "--hints", scratch / "h.png"});
  CHECK(from_png != plain);
  CHECK(colorize("5.ppm", {"-n", "siggraph17", "--set", "mask_cent=0.5"}) != plain);
}

TEST_CASE("--hints: each bad one has its exit code, one line, and no output") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(kW, kH));
  write_text(scratch / "outside.json", "[\n{\"x\": 96, \"y\": 0, \"ab\": [1, 2]}]");
  write_text(scratch / "bad.json", "[{\"x\": 1,\n \"y\" 2}]");
  write_text(scratch / "color.json", R"([{"x": 1, "y": 2, "color": [300, 0, 0]}])");
  write_text(scratch / "good.json", R"([{"x": 1, "y": 2, "color": [30, 0, 0]}])");
  write_text(scratch / "text.png", "no picture");
  write_hint_picture(scratch / "size.png", kW + 1, kH, CUHUE_RGBA8);
  write_hint_picture(scratch / "opaque.png", kW, kH, CUHUE_RGB8);
  std::filesystem::create_directory(scratch / "in");
  write_text(scratch / "in/a.pgm", grey_picture(kW, kH));
  struct Case {
    std::vector<std::string> more;
    int code;
    std::string says;
  };
  const std::string a = scratch / "a.pgm";
  for (const Case& c :
       {Case{{"-i", a, "--hints", scratch / "outside.json"}, 3, "outside.json: line 2: (96, 0)"},
        {{"-i", a, "--hints", scratch / "bad.json"}, 3, "bad.json: line 2"},
        {{"-i", a, "--hints", scratch / "color.json"}, 3, "color.json: line 1"},
        {{"-i", a, "--hints", scratch / "text.png"}, 3, "text.png"},
        {{"-i", a, "--hints", scratch / "none.json"}, 3, "none.json"},
        {{"-i", a, "--hints", scratch / "size.png"}, 3, "97x64"},
        {{"-i", a, "--hints", scratch / "opaque.png"}, 3, "no transparency"},
        {{"-i", a, "-n", "lite", "--hints", scratch / "good.json"}, 2, "siggraph17"},
        {{"-i", a, "-n", "lite", "--set", "mask_cent=0.5"}, 2, "mask_cent"},
        {{"-i", a, "-n", "siggraph17", "--set", "mask_cent=2"}, 2, "mask_cent"},
        {{"-i", scratch / "in", "--hints", scratch / "good.json"}, 2, "folder"}}) {
    CAPTURE(c.says);
    std::vector<std::string> words = {"colorize", "--formula", "-o", scratch / "o.png"};
    words.insert(words.end(), c.more.begin(), c.more.end());
    const ProgramResult r = run_program(words);
    CAPTURE(r.err);
    CHECK(r.code == c.code);
    CHECK(r.err.starts_with("cuhue: "));
    CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
    CHECK(r.err.find(c.says) != std::string::npos);
    CHECK((!std::filesystem::exists(scratch / "o.png") || std::filesystem::is_empty(scratch / "o.png")));
    std::filesystem::remove_all(scratch / "o.png");
  }
}
