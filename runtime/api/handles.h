// What the opaque handles of the C API hold.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cuhue/cuhue.h"
#include "runtime/colorizers/colorizer.h"
#include "runtime/colorizers/detections.h"
#include "runtime/colorizers/detector.h"
#include "runtime/graph/backend.h"
#include "runtime/image/pixels.h"
#include "runtime/networks/loaded_network.h"
#include "weights/weight_file.h"

namespace cuhue::api {

// Shared by the weights handle and everything created from it, so handles may be freed in any order.
struct WeightData : std::enable_shared_from_this<WeightData> {
  const Network* network = nullptr;
  std::optional<WeightFile> file;  // empty: formula weights
  std::shared_ptr<const ParamSource> source;
  std::vector<std::pair<std::string, std::string>> metadata;
  Settings properties;  // settings of the network that the file states

  // One packed copy a backend, however many networks and colorizers use it.
  std::shared_ptr<DeviceWeights> on_device(const std::shared_ptr<Backend>& backend);

 private:
  std::mutex mutex_;
  std::map<const Backend*, std::weak_ptr<DeviceWeights>> packed_;
};

// Where an engine's messages go. What outlives the engine holds it weakly, and is silent afterwards.
struct Log {
  cuhue_log_fn function = nullptr;
  void* user = nullptr;
  cuhue_log_level level = CUHUE_LOG_WARNING;

  void say(cuhue_log_level of_message, const std::string& message) const {
    if (function != nullptr && of_message <= level) function(user, of_message, message.c_str());
  }
};

PixelView to_view(const cuhue_pixels& p);
PixelView to_picture_view(const cuhue_pixels& p);  // refuses video and device memory
cuhue_pixels to_pixels(const PixelView& v);
// A picture of the caller's in host memory; Error(Status::usage) names it when it is NULL, empty, or no
// picture.
PixelView picture_given(const cuhue_pixels* pixels, const char* what);
ColorizeOptions to_options(const cuhue_colorize_options& o);
const Network& network_named(const char* name);
// Layer `index` of a profile; `call` is what makes one.
void write_layer(cuhue_layer* layer, const std::vector<StepProfile>& profile, size_t index, const char* call);

}  // namespace cuhue::api

struct cuhue_engine {
  std::shared_ptr<cuhue::Backend> backend;
  std::string device;  // "cpu", "cuda:0"
  bool on_gpu = false;
  cuhue::CompileOptions compile;
  std::shared_ptr<cuhue::api::Log> log = std::make_shared<cuhue::api::Log>();

  void say(cuhue_log_level level, const std::string& message) const { log->say(level, message); }
  cuhue::LoadedNetwork load(const cuhue_weights& weights) const;
};

struct cuhue_weights {
  std::shared_ptr<cuhue::api::WeightData> data;
};

struct cuhue_network {
  cuhue::LoadedNetwork loaded;
  std::shared_ptr<cuhue::api::WeightData> weights;
  cuhue::Settings settings;
  std::unique_ptr<cuhue::Program> program;
  std::vector<cuhue::StepProfile> profile;
};

struct cuhue_detector {
  std::shared_ptr<cuhue::api::WeightData> weights;
  std::unique_ptr<cuhue::Detector> detector;
  std::vector<cuhue::StepProfile> profile;
};

struct cuhue_detections {
  cuhue::Detections found;
};

struct cuhue_image {
  cuhue::Image image;
};

struct cuhue_colorizer {
  const cuhue::System* system = nullptr;
  std::string device;  // the engine's
  bool on_gpu = false;
  std::vector<std::shared_ptr<cuhue::api::WeightData>> weights;
  std::unique_ptr<cuhue::Colorizer> colorizer;
  std::vector<cuhue::ColorizeJob> jobs;  // kept so that a second call allocates nothing
};
