// patch: which objects of a photo get colours of their own, and how.
#include <cmath>

#include "apps/cuhue/option_parts.h"

namespace cuhue::app {
namespace {

// An option that is a number is a setting of the colorizer.
struct NumberOption {
  const char *option, *setting, *type, *about;
};
constexpr NumberOption kNumbers[] = {
    {"--score-threshold", "score_threshold", "S",
     "patch: objects of at most this score are left out; default 0.3"},
    {"--nms-threshold", "nms_threshold", "T",
     "patch: objects of one class that overlap by more than this part are one; default 0.3"},
    {"--max-size", "max_size", "PX",
     "patch: longer side of what the detector sees; default 1333, less takes less memory"},
    {"--min-area", "min_area", "A",
     "patch: boxes of at most this part of the photo are left out; default 0.001"},
    {"--feather", "feather", "PX",
     "patch: an object's colours set in over PX pixels from its edge; default 0, as published"},
};

void add(CLI::App& app, ColorizeOptions& o, RawText& raw) {
  app.add_option("--detections", o.detections,
                 "patch: the objects in the photo, as JSON (see README), in place of what the detector finds")
      ->type_name("FILE");
  app.add_option("--save-detections", o.save_detections,
                 "patch: write the objects, as --detections reads them")
      ->type_name("FILE");
  app.add_option("--overlay", o.overlay, "patch: write the result with boxes, masks and names of the objects")
      ->type_name("FILE");
  raw.patch_numbers.resize(std::size(kNumbers));
  for (std::size_t i = 0; i < std::size(kNumbers); ++i) {
    app.add_option(kNumbers[i].option, raw.patch_numbers[i], kNumbers[i].about)->type_name(kNumbers[i].type);
  }
  app.add_flag("--no-saturation", o.no_saturation,
               "patch: do not pale the colours of dark and of light pixels");
}

void finish_patch(ColorizeOptions& o, const RawText& raw) {
  for (std::size_t i = 0; i < raw.patch_numbers.size(); ++i) {
    const std::string& text = raw.patch_numbers[i];
    if (text.empty()) continue;
    double value = 0;
    if (!parse_number(std::string_view(text), value) || !std::isfinite(value) || value < 0)
      usage(std::string(kNumbers[i].option) + " '" + text + "' must be a number of at least 0");
    o.patch_settings.emplace_back(kNumbers[i].setting, value);
  }
  if (o.no_saturation) o.patch_settings.emplace_back("adjust_saturation", 0.0);
}

bool given(const ColorizeOptions& o) {
  return !o.detections.empty() || !o.save_detections.empty() || !o.overlay.empty() ||
         !o.patch_settings.empty();
}

}  // namespace

SystemOptions patch_options() {
  return {"patch", add, finish_patch, given};
}

}  // namespace cuhue::app
