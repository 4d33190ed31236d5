// siggraph17: colours at places.
#include "apps/cuhue/option_parts.h"

namespace cuhue::app {
namespace {

void add(CLI::App& app, ColorizeOptions& o, RawText& /*raw*/) {
  app.add_option("--hints", o.hints,
                 "siggraph17: colours at places, as JSON (x, y, color; see README), or a PNG of IN's size "
                 "whose opaque pixels are hints")
      ->type_name("FILE");
}

void finish_hints(ColorizeOptions& /*o*/, const RawText& /*raw*/) {}

bool given(const ColorizeOptions& o) {
  return !o.hints.empty();
}

}  // namespace

SystemOptions hint_options() {
  return {"siggraph17", add, finish_hints, given};
}

}  // namespace cuhue::app
