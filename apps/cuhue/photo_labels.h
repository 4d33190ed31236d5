// What is in a photo: label maps read, edited, listed and written around `colorize`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/cuhue/api.h"
#include "apps/cuhue/extra.h"
#include "apps/cuhue/options.h"

namespace cuhue::app {

// A byte a pixel, as the library takes it.
struct LabelMap {
  std::int64_t width = 0, height = 0;
  std::vector<std::uint8_t> labels;

  LabelMap(std::int64_t w, std::int64_t h) : width(w), height(h), labels(static_cast<std::size_t>(w * h)) {}
  cuhue_pixels pixels();
};

std::vector<cuhue_label_info> known_labels();
// Throws Failure with CUHUE_USAGE that names the nearest ones, or all.
std::uint8_t label_named(const std::string& name);

// A part of the map where the label's pixels touch (by sides), and the rectangle around it.
struct LabelRegion {
  Rectangle box;
  std::int64_t pixels = 0;
};
// The largest first.
std::vector<LabelRegion> regions_of(const LabelMap& map, std::uint8_t label);

class PhotoLabels final : public Extra {
 public:
  // Reads --labels and masks. Throws Failure: CUHUE_INPUT for what they hold, CUHUE_USAGE for names.
  explicit PhotoLabels(const ColorizeOptions& options);
  std::vector<FileUse> inputs() const override;
  std::vector<FileUse> outputs() const override;
  // Labels are one photo's: a folder is CUHUE_USAGE.
  void check_plan(const ColorizePlan& plan) const override;
  // CUHUE_USAGE when the system has no labels.
  void set_up(cuhue_colorizer* colorizer) const override;
  void before(const ExtraCall& call) const override;
  void after(const ExtraCall& call, std::span<nlohmann::ordered_json> reports) const override;

 private:
  struct Change {
    LabelOptions::Relabel asked;
    Picture mask;  // empty: a rectangle
    std::uint8_t label = 0;
  };
  void apply(const Change& change, LabelMap& map) const;
  void list(const LabelMap& map) const;
  void write(LabelMap& map) const;

  LabelOptions options_;
  bool as_published_;
  Picture map_;  // empty: the library's own
  std::vector<Change> changes_;
  std::vector<std::uint8_t> listed_;
};

// nullptr when no option asks for labels.
std::unique_ptr<Extra> make_labels_extra(const ColorizeOptions& options);

}  // namespace cuhue::app
