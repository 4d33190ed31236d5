// The options of `colorize`.
#include <cmath>

#include "apps/cuhue/option_parts.h"

namespace cuhue::app {
namespace {

std::span<const SystemOptions> system_options() {
  static const SystemOptions table[] = {hint_options(), mask_options(), label_options(), saliency_options(),
                                        patch_options()};
  return table;
}

}  // namespace

std::string implied_system(const ColorizeOptions& o) {
  for (const SystemOptions& s : system_options()) {
    if (s.given(o)) return s.system;
  }
  return {};
}

CLI::App* add_colorize(CLI::App& top, ColorizeOptions& o, RawText& raw) {
  CLI::App* app = top.add_subcommand("colorize", "Give a picture, or a folder of them, colours");
  app->add_option("-i,--in", o.input, "Picture, folder of pictures, or - for standard input")
      ->type_name("IN")
      ->required();
  app->add_option("-o,--out", o.output,
                  "Picture, folder, or - for standard output; an existing output is replaced")
      ->type_name("OUT")
      ->required();
  app->add_option("-n,--system", o.system,
                  "Colorizing system; default: lite, else one whose weights are at hand")
      ->type_name("SYSTEM");
  app->add_option("-m,--model", o.weights, "Weight file; repeat it for systems that need several")
      ->type_name("WEIGHTS")
      ->allow_extra_args(false);
  add_device(*app, o, raw);
  add_tune(*app, o);
  app->add_option("-j,--jobs", raw.jobs, "Threads that decode, colorize and encode; default 1:1:2")
      ->type_name("LOAD:PROC:SAVE");
  app->add_option("-f,--format", o.format,
                  "png, jpg, bmp or ppm, where OUT's name does not say it; default png")
      ->type_name("FORMAT");
  add_batch(*app, o.batch, "Pictures in one network run; default 1");
  app->add_flag("--force", o.force, "Allow an output that is an input file");
  app->add_flag("--fail-fast", o.fail_fast, "End a folder's run at the first picture that fails");
  app->add_option("--chroma", o.chroma, "Multiply the colours by F; 1 = as published")->type_name("F");
  app->add_option("--temperature", o.temperature,
                  "Annealed mean of eccv16: below 1 more vivid; 1 = as published")
      ->type_name("T");
  for (const SystemOptions& system : system_options()) system.add(*app, o, raw);
  app->add_option("--set", raw.settings, "A setting of the system's network")->type_name("KEY=VALUE");
  app->add_flag("--as-published", o.as_published, "The original's own arithmetic where it differs");
  app->add_option("--quality", o.quality, "JPEG quality 1..100; default 95")
      ->type_name("Q")
      ->check(CLI::Range(1, 100));
  app->add_flag("--formula", o.formula,
                "Weights computed from their names instead of trained ones: the colours mean nothing");
  add_common(*app, o);
  app->footer(
      "IN's alpha, bit depth, profile and lightness are kept. A folder's pictures (png, jpg, jpeg, bmp, "
      "ppm,\n"
      "pgm, pbm, pnm; not those in folders inside) go to a folder; a picture that fails does not stop the "
      "rest.\n"
      "Without -m, NETWORK.safetensors is looked for in $CUHUE_MODELS, then in the user's data folder.\n" +
      std::string(kExitCodes));
  return app;
}

void finish(ColorizeOptions& o, const RawText& raw) {
  finish_device(o, raw);
  if (!raw.jobs.empty()) o.jobs = parse_jobs(raw.jobs);
  parse_format(o.format);  // refuses unknown names
  std::string implied;
  for (const SystemOptions& s : system_options()) {
    s.finish(o, raw);
    if (!s.given(o)) continue;
    if (!implied.empty()) {
      usage("options of " + implied + " and of " + s.system +
            " were given, but one system colours a photo; give those of one");
    }
    implied = s.system;
  }
  const std::string network = o.system.empty() ? implied : o.system;
  for (const auto& text : raw.settings) o.settings.push_back(parse_setting(text, network));
  if (!std::isfinite(o.chroma) || o.chroma <= 0) usage("--chroma must be a number above 0");
  if (!std::isfinite(o.temperature) || o.temperature <= 0) usage("--temperature must be a number above 0");
  if (o.formula && !o.weights.empty()) usage("--formula and -m exclude each other");
}

}  // namespace cuhue::app
