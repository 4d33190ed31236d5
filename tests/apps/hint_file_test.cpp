// Files of hints: what they mean, and what is said of a bad one.
#include "apps/cuhue/hint_file.h"

#include <doctest/doctest.h>

#include <string>
#include <tuple>

#include "tests/apps/scratch.h"

using namespace cuhue::app;
using namespace cuhue::test;

namespace {

std::string problem(const std::string& json) {
  try {
    parse_hints(json, "h.json");
  } catch (const Failure& f) {
    CHECK(f.status() == CUHUE_INPUT);
    const std::string what = f.what();
    CHECK(what.find('\n') == std::string::npos);
    CHECK(what.size() < 600);
    return what;
  }
  return "";
}

bool says(const std::string& json, const std::string& line, const std::string& what) {
  const std::string text = problem(json);
  CAPTURE(text);
  const bool right = text.starts_with("h.json: line " + line + ": ") && text.find(what) != std::string::npos;
  CHECK(right);
  return right;
}

}  // namespace

TEST_CASE("hint files: squares, scribbles, each way to name a colour") {
  const auto hints = parse_hints(R"([
  {"x": 10, "y": 20, "color": "#FF8000"},
  {"points": [[1, 2], [30, 40], [5, 6]],
   "radius": 0, "color": [1, 2, 3]}, {"ab": [40.5, -110], "y": 0, "x": 7, "radius": 255}
])",
                                 "h.json");
  REQUIRE(hints.size() == 3);
  CHECK(hints[0].line == 2);
  CHECK(hints[0].hint.side == 0);  // the library's default, 7
  CHECK(hints[0].hint.point_count == 1);
  CHECK(hints[0].hint.points[0].x == 10);
  CHECK(hints[0].hint.points[0].y == 20);
  CHECK(hints[0].hint.color == CUHUE_HINT_RGB);
  CHECK(hints[0].hint.rgb[0] == 255);
  CHECK(hints[0].hint.rgb[1] == 128);
  CHECK(hints[0].hint.rgb[2] == 0);
  CHECK(hints[1].line == 3);
  CHECK(hints[1].hint.side == 1);
  REQUIRE(hints[1].hint.point_count == 3);
  CHECK(hints[1].hint.points[2].y == 6);
  CHECK(hints[1].hint.rgb[2] == 3);
  CHECK(hints[2].line == 4);
  CHECK(hints[2].hint.side == 511);
  CHECK(hints[2].hint.color == CUHUE_HINT_AB);
  CHECK(hints[2].hint.a == 40.5f);
  CHECK(hints[2].hint.b == -110.0f);
  CHECK(parse_hints("[]", "h.json").empty());
}

TEST_CASE("hint files: what is wrong, and in which line") {
  const std::string good = R"({"x": 1, "y": 2, "color": "#000000"},)";
  says("", "1", "no JSON");
  says("[\n" + good + "\n{\"x\": }]", "3", "no JSON");
  says("{}", "1", "no list");
  says("[" + good + "\n\n 5]", "3", "no object");
  says("[" + good + "\n{\"x\": 1, \"y\": 2}]", "2", "a color or an ab");
  const auto one = [](const std::string& members) { return "[\n{" + members + "}]"; };
  const std::string place = R"("x": 1, "y": 2, )", black = R"("color": "#000000")";
  says(one(R"("x": 1, )" + black), "2", "only one of x and y");
  says(one(black), "2", "either x and y, or points");
  says(one(place + R"("points": [[1, 2]], )" + black), "2", "either x and y, or points");
  says(one(R"("points": [], )" + black), "2", "list of pairs");
  says(one(R"("points": [[1]], )" + black), "2", "list of pairs");
  says(one(R"("x": 1.5, "y": 2, )" + black), "2", "no whole number: 1.5");
  says(one(R"("x": -1, "y": 2, )" + black), "2", "x of -1");
  says(one(R"("x": 18446744073709551615, "y": 2, )" + black), "2", "x of 18446744073709551615");
  says(one(place + R"("radius": 256, )" + black), "2", "radius of 256");
  says(one(place + R"("radius": "3", )" + black), "2", "no whole number");
  says(one(place + R"("color": "red")"), "2", "#rrggbb");
  says(one(place + R"("color": "#12345g")"), "2", "#rrggbb");
  says(one(place + R"("color": [1, 2])"), "2", "#rrggbb");
  says(one(place + R"("color": [1, 2, 256])"), "2", "color value of 256");
  says(one(place + R"("ab": [0, 110.5])"), "2", "-110 to 110");
  CHECK(problem(one(place + R"("ab": [0, 1e999])")).find("1e999") != std::string::npos);
  says(one(place + R"("ab": [0, 1], )" + black), "2", "either a color or an ab");
  says(one(place + R"("colour": "#000000")"), "2", "'colour'");
  says(one(place + R"("a\nb": 1)"), "2", "none of");
  says(one(place + "\"color\": \"" + std::string(5000, '[') + "\""), "2", "...");
  CHECK(problem("[" + good + R"({"x": 3, "y": 4, "ab": [0, 0]}])").empty());
}

TEST_CASE("hint files: hints of another photo") {
  const Scratch scratch;
  write_text(scratch / "h.json",
             "[{\"x\": 9, \"y\": 0, \"ab\": [0, 0]},\n{\"x\": 0, \"y\": 5, \"ab\": [0, 0]}]");
  const HintFile file(scratch / "h.json");
  CHECK_NOTHROW(file.check_photo(10, 6));
  for (const auto& [width, height, line] : {std::tuple{9, 6, "line 1: (9, 0)"}, {10, 5, "line 2: (0, 5)"}}) {
    std::string what;
    try {
      file.check_photo(width, height);
    } catch (const Failure& f) {
      CHECK(f.status() == CUHUE_INPUT);
      what = f.what();
    }
    CHECK(what.find(line) != std::string::npos);
    CHECK(what.find(std::to_string(width) + "x" + std::to_string(height)) != std::string::npos);
  }
  CHECK_THROWS_AS(HintFile(scratch / "none.json"), Failure);
}
