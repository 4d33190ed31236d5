// semantic: what is in the photo.
#include "apps/cuhue/option_parts.h"

namespace cuhue::app {
namespace {

void add(CLI::App& app, ColorizeOptions& o, RawText& raw) {
  app.add_option("--labels", o.labels.map, "semantic: label map of the result's size, a byte a pixel")
      ->type_name("PNG");
  app.add_option("--save-labels", o.labels.save, "semantic: write the label map")->type_name("PNG");
  app.add_option("--save-label-view", o.labels.view, "semantic: write the labels as colours, with a legend")
      ->type_name("PNG");
  app.add_option("--relabel", raw.relabel, "semantic: a rectangle is NAME; may be repeated")
      ->type_name("X,Y,W,H=NAME")
      ->allow_extra_args(false);
  app.add_option("--relabel-mask", raw.relabel_masks,
                 "semantic: what is white in a picture of the result's size is NAME; behind --relabel")
      ->type_name("FILE=NAME")
      ->allow_extra_args(false);
  app.add_option("--label", o.labels.listed,
                 "semantic: print where NAME is, a rectangle and its pixels a line; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
}

bool given(const ColorizeOptions& o) {
  const LabelOptions& l = o.labels;
  return !l.map.empty() || !l.save.empty() || !l.view.empty() || !l.relabel.empty() || !l.listed.empty();
}

// At the last '=': files may have others.
std::pair<std::string, std::string> split(const std::string& text, const char* option, const char* form) {
  const std::size_t at = text.rfind('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size())
    usage(std::string(option) + " '" + text + "' is not " + form);
  return {text.substr(0, at), text.substr(at + 1)};
}

void refuse_lossy(const std::string& file, const char* option) {
  if (!file.empty() && !file.ends_with(".png") && !file.ends_with(".PNG"))
    usage(file + ": labels are written as PNG; name a .png with " + option);
}

void finish_labels(ColorizeOptions& o, const RawText& raw) {
  for (const std::string& text : raw.relabel) {
    const auto [where, name] = split(text, "--relabel", "X,Y,W,H=NAME, e.g. 10,20,300,200=sky");
    o.labels.relabel.push_back({parse_rectangle(where, "--relabel"), {}, name});
  }
  for (const std::string& text : raw.relabel_masks) {
    const auto [file, name] = split(text, "--relabel-mask", "FILE=NAME, e.g. mask.png=sky");
    o.labels.relabel.push_back({{}, file, name});
  }
  refuse_lossy(o.labels.save, "--save-labels");
  refuse_lossy(o.labels.view, "--save-label-view");
  if (!o.labels.listed.empty() && (o.output == "-" || o.json == "-"))
    usage("--label prints to standard output, where the picture or the report goes; name files for these");
}

}  // namespace

SystemOptions label_options() {
  return {"semantic", add, finish_labels, given};
}

}  // namespace cuhue::app
