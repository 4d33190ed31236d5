// scgan: where people look.
#include "apps/cuhue/option_parts.h"

namespace cuhue::app {
namespace {

void add(CLI::App& app, ColorizeOptions& o, RawText& /*raw*/) {
  app.add_option("--save-saliency", o.save_saliency,
                 "scgan: write where people look, 16-bit grey of IN's size; of a folder a folder")
      ->type_name("PNG");
  app.add_option("--saliency-view", o.saliency_view, "scgan: write it as heat over the photo")
      ->type_name("PNG");
  app.add_option("--norm", o.norm, "scgan, masks-gan: statistics of the norms, running or batch")
      ->type_name("NAME");
}

void finish_saliency(ColorizeOptions& /*o*/, const RawText& /*raw*/) {}

bool given(const ColorizeOptions& o) {
  return !o.save_saliency.empty() || !o.saliency_view.empty();
}

}  // namespace

SystemOptions saliency_options() {
  return {"scgan", add, finish_saliency, given};
}

}  // namespace cuhue::app
