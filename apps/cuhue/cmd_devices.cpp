// cuhue devices
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cuhue/api.h"
#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/files.h"
#include "apps/cuhue/options.h"

namespace cuhue::app {

namespace {

using Json = nlohmann::ordered_json;

std::vector<cuhue_device_info> all_devices() {
  std::vector<cuhue_device_info> devices;
  for (std::size_t i = 0; i < cuhue_device_count(); ++i) {
    devices.push_back(sized<cuhue_device_info>());
    call(cuhue_device, i, &devices.back());
  }
  return devices;
}

// What `-g cuda` would say on a machine that shows no GPU, as a device that cannot be used.
cuhue_device_info missing_gpu() {
  auto device = sized<cuhue_device_info>();
  std::snprintf(device.name, sizeof device.name, "cuda");
  try {
    make_engine({.device = "cuda"});
  } catch (const Failure& e) {
    constexpr std::string_view kPrefix = "device 'cuda': ";
    std::string_view why = e.what();
    if (why.starts_with(kPrefix)) why.remove_prefix(kPrefix.size());
    std::snprintf(device.unusable, sizeof device.unusable, "%.*s", static_cast<int>(why.size()), why.data());
  }
  return device;
}

std::vector<std::string_view> precisions_of(const cuhue_device_info& device) {
  std::vector<std::string_view> names;
  for (const cuhue_precision p : {CUHUE_FP32, CUHUE_TF32, CUHUE_FP16, CUHUE_INT8}) {
    if ((device.precisions & (1U << p)) != 0) names.push_back(precision_name(p));
  }
  return names;
}

Json as_json(const cuhue_device_info& device) {
  return {{"name", device.name},
          {"description", device.description},
          {"memory_bytes", device.memory_bytes},
          {"threads", device.threads},
          {"precisions", precisions_of(device)},
          {"unusable", device.unusable}};
}

std::string as_text(const cuhue_device_info& device) {
  std::string text = std::string(device.name) + "  ";
  if (device.memory_bytes > 0) {
    text += std::string(device.description) + ", " + std::to_string(device.threads) +
            (std::string_view(device.name) == "cpu" ? " cores, " : " multiprocessors, ") +
            format_bytes(static_cast<double>(device.memory_bytes));
  }
  const std::vector<std::string_view> precisions = precisions_of(device);
  if (!precisions.empty()) text += ", precisions";
  for (const std::string_view p : precisions) text.append(" ").append(p);
  if (device.unusable[0] != '\0') {
    text += std::string(device.memory_bytes > 0 ? "; " : "") + "cannot be used: " + device.unusable;
  }
  return text + "\n";
}

}  // namespace

int run_command(const DevicesOptions& options) {
  std::vector<cuhue_device_info> devices = all_devices();
  if (devices.size() == 1) devices.push_back(missing_gpu());
  Json list = Json::array();
  std::string text;
  for (const cuhue_device_info& device : devices) {
    list.push_back(as_json(device));
    text += as_text(device);
  }
  if (options.json != "-") write_stdout(text);
  write_json(options.json, list);
  return CUHUE_OK;
}

}  // namespace cuhue::app
