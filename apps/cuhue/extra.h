// What a system takes or gives beside photos: hints, masks, maps. `colorize` asks every extra at the same
// points and knows none of them by name: a new one is a class, a row in extra.cpp and its options.
#pragma once

#include <cuhue/cuhue.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

#include "apps/cuhue/colorize_plan.h"
#include "apps/cuhue/file_use.h"
#include "apps/cuhue/options.h"

namespace cuhue::app {

// A call of cuhue_colorize.
struct ExtraCall {
  cuhue_colorizer* colorizer = nullptr;
  std::span<const cuhue_pixels> photos, outputs;
  std::span<const std::size_t> pictures;  // of each photo: its place in the plan
};

// Every function may throw Failure. Those that are const run on several threads at once, for different
// photos.
class Extra {
 public:
  virtual ~Extra() = default;
  // Files that it reads or writes: no output may be an input.
  virtual std::vector<FileUse> inputs() const { return {}; }
  virtual std::vector<FileUse> outputs() const { return {}; }
  // Before any work.
  virtual void check_plan(const ColorizePlan&) const {}
  // A photo that was read.
  virtual void check_photo(std::int64_t /*width*/, std::int64_t /*height*/) const {}
  // Every worker's colorizer, before its first photo.
  virtual void set_up(cuhue_colorizer*) const {}
  // What only this extra needs of a call.
  virtual void change(cuhue_colorize_options&) const {}
  virtual void before(const ExtraCall&) const {}
  // Adds to the report of the call's pictures what `reports[i]` takes.
  virtual void after(const ExtraCall&, std::span<nlohmann::ordered_json> /*reports*/) const {}
};

// Those that the options ask for. Reads their files.
std::vector<std::unique_ptr<Extra>> make_extras(const ColorizeOptions& options);

// Throws Failure: CUHUE_OUTPUT when an output is a file that is read (by whatever name, unless forced),
// CUHUE_USAGE when two outputs are one file.
void check_files(const ColorizeOptions& options, const ColorizePlan& plan,
                 std::span<const std::unique_ptr<Extra>> extras);

}  // namespace cuhue::app
