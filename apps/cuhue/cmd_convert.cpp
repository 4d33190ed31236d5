// cuhue convert: a foreign checkpoint becomes a cuhue weight file.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/cuhue/api.h"
#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/file_use.h"
#include "apps/cuhue/files.h"
#include "converter/convert.h"

namespace cuhue::app {
namespace {

nlohmann::ordered_json skipped_json(const ConvertReport& r) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ConvertReport::Skipped& s : r.skipped) list.push_back({{"name", s.name}, {"why", s.why}});
  return list;
}

// A line a reason, in the order of their first: "skipped 56, state of the optimizer: 'conv2d_1/bias/Adam',
// ..."
void print_skipped(const ConvertReport& r) {
  constexpr std::size_t kShown = 3;
  struct Group {
    std::string why, names;
    std::size_t count = 0;
  };
  std::vector<Group> groups;
  for (const ConvertReport::Skipped& s : r.skipped) {
    auto group = std::ranges::find(groups, s.why, &Group::why);
    if (group == groups.end()) group = groups.insert(group, {s.why, "", 0});
    if (group->count < kShown) group->names += (group->count == 0 ? "'" : ", '") + s.name + "'";
    ++group->count;
  }
  for (const Group& g : groups)
    print_note("skipped " + std::to_string(g.count) + ", " + g.why + ": " + g.names +
               (g.count > kShown ? ", ..." : ""));
}

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
          {"skipped", skipped_json(r)},
          {"unwrapped", r.unwrapped}};
}

}  // namespace

int run_command(const ConvertOptions& options) {
  const std::vector<FileUse> outputs = {{options.output, "-o"}, {options.json, "--json"}};
  if (!options.force)
    refuse_inputs_as_outputs(std::vector<FileUse>{{options.checkpoint, "CHECKPOINT"}}, outputs);
  refuse_shared_outputs(outputs);
  const ConvertReport report =
      convert_checkpoint(options.checkpoint, options.output,
                         {.network = options.network,
                          .sha256 = options.sha256,
                          .allow_extra = options.allow_extra,
                          .overwrite = options.force ? Overwrite::yes : Overwrite::no,
                          .extra = {},
                          .settings = {options.settings.begin(), options.settings.end()}});
  print_skipped(report);
  for (const std::string& name : report.left_out) print_warning("left out: " + name);
  print_note(options.output + ": " + report.network + ", " + std::to_string(report.tensors) +
             " tensors, from " + report.format);
  print_detail("source SHA-256 " + report.sha256);
  write_json(options.json, as_json(report, options));
  return CUHUE_OK;
}

}  // namespace cuhue::app
