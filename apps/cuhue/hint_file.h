// Colour hints from a file: a JSON list, or a picture whose opaque pixels are hints.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cuhue/api.h"
#include "apps/cuhue/extra.h"

namespace cuhue::app {

struct JsonHint {
  int line = 1;  // of the file
  cuhue_hint hint{};
  std::vector<cuhue_point> points;  // one for a square
};

// [{"x": 10, "y": 20, "radius": 3, "color": "#ff8000"}, {"points": [[0, 0], [9, 5]], "color": [255, 128, 0]},
//  {"x": 1, "y": 2, "ab": [40.5, -20]}]
// radius: squares have 2 * radius + 1 pixels of the network's 256 x 256 a side; 3 when it is not given.
// Throws Failure with CUHUE_INPUT that names the line; `name` is the file's.
std::vector<JsonHint> parse_hints(std::string_view json, const std::string& name);

class HintFile final : public Extra {
 public:
  // Throws Failure with CUHUE_INPUT.
  explicit HintFile(const std::filesystem::path& path);
  std::vector<FileUse> inputs() const override { return {{name_, "--hints"}}; }
  // Hints are places of one photo: a folder is CUHUE_USAGE.
  void check_plan(const ColorizePlan& plan) const override;
  // CUHUE_INPUT when the hints are not of a photo of this size.
  void check_photo(std::int64_t width, std::int64_t height) const override;
  // CUHUE_USAGE when the system takes no hints.
  void set_up(cuhue_colorizer* colorizer) const override;

 private:
  std::string name_;
  std::vector<JsonHint> hints_;
  Picture picture_;  // empty: JSON
  cuhue_pixels pixels_{};
};

std::unique_ptr<Extra> make_hints_extra(const ColorizeOptions& options);

}  // namespace cuhue::app
