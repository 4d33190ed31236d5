#include "apps/cuhue/colorize_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cuhue/api.h"
#include "apps/cuhue/console.h"

namespace cuhue::app {
namespace {

nlohmann::ordered_json seconds_json(const StageSeconds& s) {
  return {{"load", s.load},     {"detect", s.detect}, {"prepare", s.prepare}, {"network", s.network},
          {"finish", s.finish}, {"save", s.save},     {"total", s.total()}};
}

const char* state_name(PictureResult::State state) {
  switch (state) {
    case PictureResult::State::written: return "written";
    case PictureResult::State::failed: return "failed";
    case PictureResult::State::skipped: break;
  }
  return "skipped";
}

nlohmann::ordered_json picture_json(const PictureResult& p, const ColorizeJob& job) {
  nlohmann::ordered_json json = {{"input", job.input.empty() ? "-" : job.input.string()},
                                 {"output", job.output.empty() ? "-" : job.output.string()},
                                 {"state", state_name(p.state)},
                                 {"width", p.width},
                                 {"height", p.height},
                                 {"seconds", seconds_json(p.seconds)}};
  if (!p.extras.empty()) json.update(nlohmann::ordered_json::parse(p.extras));
  if (p.state == PictureResult::State::failed) {
    json["status"] = exit_code(p.status);
    json["error"] = p.error;
  }
  return json;
}

}  // namespace

std::size_t ColorizeReport::count(PictureResult::State state) const {
  return static_cast<std::size_t>(std::count_if(pictures.begin(), pictures.end(),
                                                [&](const PictureResult& p) { return p.state == state; }));
}

std::string stage_text(const PictureResult& picture) {
  const StageSeconds& s = picture.seconds;
  return std::to_string(picture.width) + "x" + std::to_string(picture.height) + ", load " +
         format_seconds(s.load) + (s.detect > 0 ? ", detect " + format_seconds(s.detect) : "") +
         ", prepare " + format_seconds(s.prepare) + ", network " + format_seconds(s.network) + ", finish " +
         format_seconds(s.finish) + ", save " + format_seconds(s.save);
}

std::string counts_text(const ColorizeReport& report) {
  using State = PictureResult::State;
  return std::to_string(report.count(State::written)) + " written, " +
         std::to_string(report.count(State::failed)) + " failed, " +
         std::to_string(report.count(State::skipped)) + " skipped";
}

nlohmann::ordered_json report_json(const ColorizeReport& report, const ColorizePlan& plan,
                                   const ColorizeOptions& options) {
  using State = PictureResult::State;
  nlohmann::ordered_json json;
  json["cuhue"] = cuhue_version();
  json["system"] = report.system;
  json["device"] = report.device;
  json["precision"] = precision_name(options.precision);
  json["threads"] = report.threads;
  json["batch"] = options.batch;
  json["weights"] = nlohmann::ordered_json::array();
  for (const auto& w : report.weights) json["weights"].push_back({{"file", w.file}, {"network", w.network}});
  json["images"] = nlohmann::ordered_json::array();
  StageSeconds sum;
  for (std::size_t i = 0; i < plan.jobs.size(); ++i) {
    const PictureResult& p = report.pictures[i];
    json["images"].push_back(picture_json(p, plan.jobs[i]));
    sum.load += p.seconds.load;
    sum.detect += p.seconds.detect;
    sum.prepare += p.seconds.prepare;
    sum.network += p.seconds.network;
    sum.finish += p.seconds.finish;
    sum.save += p.seconds.save;
  }
  nlohmann::ordered_json seconds = seconds_json(sum);
  seconds["weights"] = report.weights_seconds;
  seconds["compile"] = report.compile_seconds;
  seconds["wall"] = report.wall_seconds;
  json["totals"] = {{"written", report.count(State::written)},
                    {"failed", report.count(State::failed)},
                    {"skipped", report.count(State::skipped)},
                    {"seconds", seconds}};
  json["memory"] = {{"weight_bytes", report.weight_bytes},
                    {"arena_bytes", report.arena_bytes},
                    {"peak_bytes", peak_bytes()}};
  return json;
}

}  // namespace cuhue::app
