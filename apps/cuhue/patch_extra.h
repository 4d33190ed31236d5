// patch: the objects of a photo from a file and to files.
#pragma once

#include <string>
#include <vector>

#include "apps/cuhue/detection_file.h"
#include "apps/cuhue/extra.h"

namespace cuhue::app {

class PatchExtra final : public Extra {
 public:
  // Reads --detections. Throws Failure with CUHUE_INPUT.
  explicit PatchExtra(const ColorizeOptions& options);
  std::vector<FileUse> inputs() const override { return {{options_.detections, "--detections"}}; }
  std::vector<FileUse> outputs() const override;
  void check_plan(const ColorizePlan& plan) const override;
  void check_photo(std::int64_t width, std::int64_t height) const override;
  void set_up(cuhue_colorizer* colorizer) const override;
  void after(const ExtraCall& photos, std::span<nlohmann::ordered_json> reports) const override;

 private:
  const ColorizeOptions& options_;
  DetectionsHandle given_;  // empty: the detector looks for them
};

// nullptr when no option and no system asks for it.
std::unique_ptr<Extra> make_patch_extra(const ColorizeOptions& options);

}  // namespace cuhue::app
