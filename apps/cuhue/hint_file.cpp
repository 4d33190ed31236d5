#include "apps/cuhue/hint_file.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cuhue/files.h"

namespace cuhue::app {
namespace {

using Json = nlohmann::json;

std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20; }, ' ');
  return text;
}

// One hint of the list, and where it is for messages.
class HintParser {
 public:
  HintParser(std::string where, const Json& json) : where_(std::move(where)), json_(json) {}

  void parse(JsonHint& to) const {
    if (!json_.is_object()) refuse("is no object; write {\"x\": 10, \"y\": 20, \"color\": \"#ff8000\"}");
    for (const auto& [key, _] : json_.items()) {
      static constexpr const char* kKeys[] = {"x", "y", "points", "radius", "color", "ab"};
      if (std::ranges::find(kKeys, key) == std::end(kKeys)) {
        refuse("has '" + key + "', which is none of x, y, points, radius, color, ab");
      }
    }
    to.hint = sized<cuhue_hint>();
    parse_points(to);
    if (json_.contains("radius")) {
      constexpr std::int64_t kMost = 255;
      to.hint.side = static_cast<int>(2 * whole(json_["radius"], "radius", kMost) + 1);
    }
    parse_color(to.hint);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    constexpr std::size_t kMost = 400;  // of a message; what it quotes may be of any length
    const std::string shown = what.size() > kMost ? what.substr(0, kMost) + "..." : what;
    throw Failure(CUHUE_INPUT, where_ + ": the hint " + printable(shown));
  }

  std::int64_t whole(const Json& json, const std::string& what, std::int64_t most) const {
    if (!json.is_number_integer()) refuse("has a " + what + " that is no whole number: " + json.dump());
    const bool large = json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX;
    const std::int64_t value = large ? INT64_MAX : json.get<std::int64_t>();
    if (value < 0 || value > most) {
      refuse("has a " + what + " of " + json.dump() + "; give one from 0 to " + std::to_string(most));
    }
    return value;
  }

  cuhue_point point(const Json& x, const Json& y) const {
    constexpr std::int64_t kMost = std::int64_t{1} << 30;  // a photo's sides are shorter
    return {whole(x, "x", kMost), whole(y, "y", kMost)};
  }

  void parse_points(JsonHint& to) const {
    const bool square = json_.contains("x") || json_.contains("y");
    if (square == json_.contains("points")) {
      refuse("must have either x and y, or points of a scribble");
    }
    if (square) {
      if (!json_.contains("x") || !json_.contains("y")) refuse("has only one of x and y");
      to.points.push_back(point(json_["x"], json_["y"]));
      return;
    }
    const Json& points = json_["points"];
    const auto is_pair = [](const Json& p) { return p.is_array() && p.size() == 2; };
    if (!points.is_array() || points.empty() || !std::ranges::all_of(points, is_pair)) {
      refuse("has points that are no list of pairs; write [[10, 20], [30, 25]]");
    }
    for (const Json& p : points) to.points.push_back(point(p[0], p[1]));
  }

  void parse_color(cuhue_hint& hint) const {
    if (json_.contains("color") == json_.contains("ab")) refuse("must have either a color or an ab");
    if (json_.contains("ab")) return parse_ab(json_["ab"], hint);
    const Json& color = json_["color"];
    if (color.is_array() && color.size() == 3) {
      constexpr std::int64_t kMost = 255;
      for (std::size_t i = 0; i < 3; ++i)
        hint.rgb[i] = static_cast<std::uint8_t>(whole(color[i], "color value", kMost));
      return;
    }
    const std::string text = color.is_string() ? color.get<std::string>() : "";
    const bool hex = text.size() == 7 && text[0] == '#' &&
                     text.find_first_not_of("0123456789abcdefABCDEF", 1) == std::string::npos;
    if (!hex) refuse("has a color that is neither \"#rrggbb\" nor [r, g, b]: " + color.dump());
    for (std::size_t i = 0; i < 3; ++i)
      hint.rgb[i] = static_cast<std::uint8_t>(std::stoi(text.substr(1 + 2 * i, 2), nullptr, 16));
  }

  void parse_ab(const Json& ab, cuhue_hint& hint) const {
    constexpr double kMost = 110;
    const auto good = [](const Json& v) { return v.is_number() && std::abs(v.get<double>()) <= kMost; };
    if (!ab.is_array() || ab.size() != 2 || !std::ranges::all_of(ab, good)) {
      refuse("has an ab that is no pair of numbers from -110 to 110: " + ab.dump());
    }
    hint.color = CUHUE_HINT_AB;
    hint.a = ab[0].get<float>();
    hint.b = ab[1].get<float>();
  }

  std::string where_;
  const Json& json_;
};

// The lines where the elements of a list begin. `json` is well-formed and a list.
std::vector<int> lines_of_elements(std::string_view json) {
  std::vector<int> lines;
  int line = 1, depth = 0;
  bool in_string = false, expected = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      continue;
    }
    if (c == '\n') ++line;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (expected && depth == 1 && c != ']') {
      lines.push_back(line);
      expected = false;
    }
    in_string = c == '"';
    if (c == '[' || c == '{') expected = ++depth == 1;
    if (c == ']' || c == '}') --depth;
    if (c == ',' && depth == 1) expected = true;
  }
  return lines;
}

Json parse_json(std::string_view json, const std::string& name) {
  try {
    return Json::parse(json);
  } catch (const Json::parse_error& e) {
    const std::size_t end = std::min(e.byte, json.size());
    const auto line = 1 + std::count(json.begin(), json.begin() + static_cast<std::ptrdiff_t>(end), '\n');
    std::string what = e.what();
    const std::size_t text = what.find(": syntax error");
    if (text != std::string::npos) what = what.substr(text + 2);
    throw Failure(CUHUE_INPUT, name + ": line " + std::to_string(line) + ": no JSON: " + printable(what));
  } catch (const Json::exception& e) {  // a number that no double holds; it has no place
    const std::string what = e.what();
    throw Failure(CUHUE_INPUT, name + ": no JSON: " + printable(what.substr(what.find("] ") + 2)));
  }
}

bool names_json(const std::filesystem::path& path) {
  std::string e = path.extension().string();
  std::ranges::transform(e, e.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return e == ".json";
}

}  // namespace

std::vector<JsonHint> parse_hints(std::string_view json, const std::string& name) {
  const Json list = parse_json(json, name);
  if (!list.is_array()) {
    throw Failure(CUHUE_INPUT, name +
                                   ": line 1: no list of hints; write [{\"x\": 10, \"y\": 20, \"color\": "
                                   "\"#ff8000\"}]");
  }
  const std::vector<int> lines = lines_of_elements(json);
  std::vector<JsonHint> hints(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    hints[i].line = lines.at(i);
    HintParser(name + ": line " + std::to_string(lines[i]), list[i]).parse(hints[i]);
  }
  for (JsonHint& h : hints) {  // behind the last move of a list
    h.hint.points = h.points.data();
    h.hint.point_count = h.points.size();
  }
  return hints;
}

HintFile::HintFile(const std::filesystem::path& path) : name_(path.string()) {
  if (names_json(path)) {
    const std::vector<std::byte> bytes = read_file(path);
    hints_ = parse_hints({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, name_);
    return;
  }
  picture_ = make<Picture>(cuhue_image_read, path.c_str());
  pixels_ = sized<cuhue_pixels>();
  call(cuhue_image_pixels, picture_.get(), &pixels_);
  const bool alpha = pixels_.format == CUHUE_GREY_ALPHA8 || pixels_.format == CUHUE_RGBA8 ||
                     pixels_.format == CUHUE_BGRA8 || pixels_.format == CUHUE_GREY_ALPHA16 ||
                     pixels_.format == CUHUE_RGBA16;
  if (!alpha) {
    throw Failure(CUHUE_INPUT, name_ +
                                   ": has no transparency: its opaque pixels are the hints, so the others "
                                   "must be transparent");
  }
}

void HintFile::check_plan(const ColorizePlan& plan) const {
  if (!plan.is_folder) return;
  throw Failure(CUHUE_USAGE, "--hints are for one photo, but the input is a folder; name a photo with -i");
}

void HintFile::check_photo(std::int64_t width, std::int64_t height) const {
  const std::string photo = "the photo, which is " + std::to_string(width) + "x" + std::to_string(height);
  for (const JsonHint& h : hints_) {
    for (const cuhue_point& p : h.points) {
      if (p.x < width && p.y < height) continue;
      throw Failure(CUHUE_INPUT, name_ + ": line " + std::to_string(h.line) + ": (" + std::to_string(p.x) +
                                     ", " + std::to_string(p.y) + ") is outside of " + photo);
    }
  }
  if (picture_ && (pixels_.width != width || pixels_.height != height)) {
    throw Failure(CUHUE_INPUT, name_ + ": is " + std::to_string(pixels_.width) + "x" +
                                   std::to_string(pixels_.height) + ", unlike " + photo);
  }
}

void HintFile::set_up(cuhue_colorizer* colorizer) const {
  if (picture_) {
    call(cuhue_colorizer_set_hint_picture, colorizer, CUHUE_ALL_PHOTOS, &pixels_);
    return;
  }
  std::vector<cuhue_hint> hints;
  for (const JsonHint& h : hints_) hints.push_back(h.hint);
  call(cuhue_colorizer_set_hints, colorizer, CUHUE_ALL_PHOTOS, hints.data(), hints.size());
}

std::unique_ptr<Extra> make_hints_extra(const ColorizeOptions& options) {
  if (options.hints.empty()) return nullptr;
  return std::make_unique<HintFile>(options.hints);
}

}  // namespace cuhue::app
