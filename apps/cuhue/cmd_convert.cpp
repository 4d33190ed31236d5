// cuhue convert: a foreign checkpoint becomes a cuhue weight file.
#include <nlohmann/json.hpp>

#include "apps/cuhue/api.h"
#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/files.h"
#include "converter/convert.h"

namespace cuhue::app {
namespace {

nlohmann::ordered_json as_json(const ConvertReport& r, const ConvertOptions& options) {
  return {{"checkpoint", options.checkpoint},
          {"output", options.output},
          {"network", r.network},
          {"network_version", r.network_version},
          {"format", r.format},
          {"sha256", r.sha256},
          {"licence", r.licence},
          {"source_bytes", r.source_bytes},
          {"tensors", r.tensors},
          {"values", r.values},
          {"widened", r.widened},
          {"properties", r.properties},
          {"left_out", r.left_out},
          {"unwrapped", r.unwrapped}};
}

}  // namespace

int run_command(const ConvertOptions& options) {
  const ConvertReport report =
      convert_checkpoint(options.checkpoint, options.output,
                         {.network = options.network,
                          .allow_extra = options.allow_extra,
                          .overwrite = options.force ? Overwrite::yes : Overwrite::no,
                          .extra = {},
                          .settings = {options.settings.begin(), options.settings.end()}});
  for (const std::string& name : report.left_out) print_warning("left out: " + name);
  print_note(options.output + ": " + report.network + ", " + std::to_string(report.tensors) +
             " tensors, from " + report.format);
  print_detail("source SHA-256 " + report.sha256);
  write_json(options.json, as_json(report, options));
  return CUHUE_OK;
}

}  // namespace cuhue::app
