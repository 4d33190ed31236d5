// What happened to each picture, for people and as JSON.
#pragma once

#include <cuhue/cuhue.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/cuhue/colorize_plan.h"

namespace cuhue::app {

struct StageSeconds {
  double load = 0, detect = 0, prepare = 0, network = 0, finish = 0, save = 0;
  double total() const { return load + detect + prepare + network + finish + save; }
};

struct PictureResult {
  enum class State : std::uint8_t { skipped, written, failed } state = State::skipped;
  cuhue_status status = CUHUE_OK;
  std::string error;
  std::int64_t width = 0, height = 0;
  // A network batch's time is divided evenly among its pictures.
  StageSeconds seconds;
  std::string extras;  // a JSON object: what the system gave beside the picture; empty = nothing
};

struct ColorizeReport {
  struct WeightsUsed {
    std::string file, network;
  };
  std::vector<PictureResult> pictures;  // one a job, in the jobs' order
  std::string system, device;
  int threads = 0;
  std::vector<WeightsUsed> weights;
  std::int64_t weight_bytes = 0, arena_bytes = 0;
  double weights_seconds = 0;  // opening and checking weight files
  double compile_seconds = 0;  // preparing the networks
  double wall_seconds = 0;

  std::size_t count(PictureResult::State state) const;
};

// "640x427, load 3.1 ms, prepare 0.8 ms, network 41 ms, finish 6 ms, save 20 ms"
std::string stage_text(const PictureResult& picture);
std::string counts_text(const ColorizeReport& report);  // "12 written, 1 failed, 0 skipped"
nlohmann::ordered_json report_json(const ColorizeReport& report, const ColorizePlan& plan,
                                   const ColorizeOptions& options);

}  // namespace cuhue::app
