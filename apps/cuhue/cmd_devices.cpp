// cuhue devices
#include <nlohmann/json.hpp>

#include "apps/cuhue/api.h"
#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/files.h"

namespace cuhue::app {

int run_command(const DevicesOptions& options) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::string text;
  for (std::size_t i = 0; i < cuhue_device_count(); ++i) {
    auto device = sized<cuhue_device_info>();
    call(cuhue_device, i, &device);
    nlohmann::ordered_json precisions = nlohmann::ordered_json::array();
    std::string names;
    for (const cuhue_precision p : {CUHUE_FP32, CUHUE_TF32, CUHUE_FP16, CUHUE_INT8}) {
      if ((device.precisions & (1U << p)) == 0) continue;
      precisions.push_back(precision_name(p));
      names.append(" ").append(precision_name(p));
    }
    list.push_back({{"name", device.name},
                    {"description", device.description},
                    {"memory_bytes", device.memory_bytes},
                    {"threads", device.threads},
                    {"precisions", precisions}});
    text += std::string(device.name) + "  " + device.description + ", " + std::to_string(device.threads) +
            (std::string_view(device.name) == "cpu" ? " cores, " : " multiprocessors, ") +
            format_bytes(static_cast<double>(device.memory_bytes)) + ", precisions" + names + "\n";
  }
  if (options.json != "-") write_stdout(text);
  write_json(options.json, list);
  return CUHUE_OK;
}

}  // namespace cuhue::app
