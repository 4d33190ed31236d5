// What `colorize` writes of where people look: --save-saliency, --saliency-view; and --norm.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "apps/cuhue/api.h"
#include "apps/cuhue/extra.h"
#include "apps/cuhue/options.h"

namespace cuhue::app {

// Of one photo files, of a folder folders with a PNG of each picture's name.
class SaliencyFiles final : public Extra {
 public:
  // Throws Failure with CUHUE_USAGE for names that are no PNGs.
  explicit SaliencyFiles(const ColorizeOptions& options);
  std::vector<FileUse> outputs() const override;
  // Makes the folders. CUHUE_USAGE when one is that of the photos or their results.
  void check_plan(const ColorizePlan& plan) const override;
  // CUHUE_USAGE when the system tells no saliency or has no such norm.
  void set_up(cuhue_colorizer* colorizer) const override;
  void before(const ExtraCall& call) const override;
  void after(const ExtraCall& call, std::span<nlohmann::ordered_json> reports) const override;

 private:
  struct Target {
    const char* option;
    std::string path;  // empty = not wanted
  };
  const Target& map() const { return targets_[0]; }
  const Target& view() const { return targets_[1]; }
  std::string file_of(const Target& target, std::size_t picture) const;
  void write_map(const ExtraCall& call, std::size_t index, const std::string& path) const;
  void write_view(const ExtraCall& call, std::size_t index, const std::string& path) const;

  std::array<Target, 2> targets_;
  std::string norm_;
  std::array<std::string, 2> photos_here_;  // -i and -o
  bool is_folder_ = false;
  mutable std::vector<std::string> names_;  // of a folder's pictures, from check_plan()
  // A photo may be coloured in its own memory; the view wants its grey. By its place in the plan.
  mutable std::mutex mutex_;
  mutable std::map<std::size_t, Picture> photos_;
};

// nullptr when the options ask for none of it.
std::unique_ptr<Extra> make_saliency_extra(const ColorizeOptions& options);

}  // namespace cuhue::app
