#include "apps/cuhue/extra.h"

#include "apps/cuhue/hint_file.h"
#include "apps/cuhue/patch_extra.h"
#include "apps/cuhue/photo_classes.h"
#include "apps/cuhue/photo_labels.h"
#include "apps/cuhue/photo_mask.h"
#include "apps/cuhue/saliency_files.h"

namespace cuhue::app {
namespace {

// nullptr when the options do not ask for it.
using MakeExtra = std::unique_ptr<Extra> (*)(const ColorizeOptions&);
constexpr MakeExtra kExtras[] = {make_hints_extra,   make_mask_extra,     make_labels_extra,
                                 make_classes_extra, make_saliency_extra, make_patch_extra};

}  // namespace

std::vector<std::unique_ptr<Extra>> make_extras(const ColorizeOptions& options) {
  std::vector<std::unique_ptr<Extra>> extras;
  for (const MakeExtra make : kExtras) {
    if (auto extra = make(options)) extras.push_back(std::move(extra));
  }
  return extras;
}

void check_files(const ColorizeOptions& options, const ColorizePlan& plan,
                 std::span<const std::unique_ptr<Extra>> extras) {
  std::vector<FileUse> inputs, outputs = {{options.json, "--json"}};
  for (const ColorizeJob& job : plan.jobs) {
    inputs.push_back({job.input, "-i"});
    outputs.push_back({job.output, "-o"});
  }
  for (const std::string& weights : options.weights) inputs.push_back({weights, "-m"});
  for (const auto& extra : extras) {
    for (FileUse& use : extra->inputs()) inputs.push_back(std::move(use));
    for (FileUse& use : extra->outputs()) outputs.push_back(std::move(use));
  }
  if (!options.force) refuse_inputs_as_outputs(inputs, outputs);
  refuse_shared_outputs(outputs);
}

}  // namespace cuhue::app
