// masks-gan: which part of a photo gets colours.
#include <algorithm>
#include <sstream>

#include "apps/cuhue/option_parts.h"

namespace cuhue::app {
namespace {

void add(CLI::App& app, ColorizeOptions& o, RawText& raw) {
  app.add_option("--mask", o.mask,
                 "masks-gan: picture of IN's size, white where it is to get colours, black where not")
      ->type_name("FILE");
  app.add_option("--mask-rect", raw.rectangles, "masks-gan: a rectangle to get colours; may be repeated")
      ->type_name("X,Y,W,H")
      ->allow_extra_args(false);
  app.add_flag("--gate", o.gate, "masks-gan: no colours outside of the mask, whatever the network says");
}

bool given(const ColorizeOptions& o) {
  return !o.mask.empty() || !o.mask_rectangles.empty();
}

void finish_mask(ColorizeOptions& o, const RawText& raw) {
  for (const auto& text : raw.rectangles) o.mask_rectangles.push_back(parse_rectangle(text, "--mask-rect"));
  if (!o.mask.empty() && !o.mask_rectangles.empty()) usage("--mask and --mask-rect exclude each other");
  if (o.gate && !given(o)) usage("--gate needs --mask or --mask-rect");
}

}  // namespace

SystemOptions mask_options() {
  return {"masks-gan", add, finish_mask, given};
}

Rectangle parse_rectangle(const std::string& text, const char* option) {
  constexpr std::int64_t kMost = std::int64_t{1} << 30;  // a photo's sides are shorter
  std::vector<std::int64_t> values;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    std::int64_t value = 0;
    if (!parse_number(std::string_view(part), value) || value < 0 || value > kMost) break;
    values.push_back(value);
  }
  if (values.size() == 4 && std::count(text.begin(), text.end(), ',') == 3 && values[2] > 0 && values[3] > 0)
    return {values[0], values[1], values[2], values[3]};
  usage(std::string(option) + " '" + text +
        "' is not X,Y,W,H, pixels from the top left, W and H at least 1, e.g. 10,20,300,200");
}

}  // namespace cuhue::app
