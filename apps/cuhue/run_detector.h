// cuhue run, bench and info of a network that finds objects.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/cuhue/api.h"
#include "apps/cuhue/options.h"
#include "apps/npy.h"

namespace cuhue::app {

using DetectorHandle = std::unique_ptr<cuhue_detector, Freer<cuhue_detector_free>>;
using DetectionsHandle = std::unique_ptr<cuhue_detections, Freer<cuhue_detections_free>>;

DetectorHandle make_detector(cuhue_engine* engine, cuhue_weights* weights,
                             const std::vector<Setting>& settings);

// `picture` was read from `file`. Writes the outputs and the report that the options ask for.
int run_detector(const RunOptions& options, const std::string& file, const NpyArray& picture);

// What a picture of this size needs.
cuhue_memory detector_memory(cuhue_engine* engine, cuhue_weights* weights, const Size& size);

// A picture to measure with.
std::vector<std::uint8_t> bench_picture(const Size& size);
// Seconds of one call; timings may be nullptr.
double detect_once(cuhue_detector* detector, const std::vector<std::uint8_t>& picture, const Size& size,
                   cuhue_detect_timings* timings);
nlohmann::ordered_json timings_json(const cuhue_detect_timings& timings);

}  // namespace cuhue::app
