// cuhue info, cuhue verify: what a weight file holds, and whether it is whole.
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/cuhue/api.h"
#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/file_use.h"
#include "apps/cuhue/files.h"
#include "apps/cuhue/run_detector.h"

namespace cuhue::app {
namespace {

using Json = nlohmann::ordered_json;

Json tensors_json(const cuhue_weights* weights) {
  Json list = Json::array();
  for (std::size_t i = 0; i < cuhue_weights_tensor_count(weights); ++i) {
    auto t = sized<cuhue_tensor_info>();
    call(cuhue_weights_tensor, weights, i, &t);
    Json shape = Json::array();
    for (int d = 0; d < t.rank; ++d) shape.push_back(t.shape[d]);
    list.push_back({{"name", t.name}, {"dtype", dtype_name(t.dtype)}, {"shape", shape}, {"bytes", t.bytes}});
  }
  return list;
}

Json metadata_json(const cuhue_weights* weights) {
  Json json = Json::object();
  for (std::size_t i = 0; i < cuhue_weights_metadata_count(weights); ++i) {
    const char* key = nullptr;
    const char* value = nullptr;
    call(cuhue_weights_metadata, weights, i, &key, &value);
    json[key] = value;
  }
  return json;
}

std::int64_t element_count(const Json& tensor) {
  std::int64_t count = 1;
  for (const Json& d : tensor["shape"]) count *= d.get<std::int64_t>();
  return count;
}

cuhue_memory network_memory(const InfoOptions& options, const Size& size, cuhue_engine* engine,
                            cuhue_weights* weights, const cuhue_network_info& network) {
  const auto handle = make<NetworkHandle>(cuhue_network_create, engine, weights);
  const std::vector<const char*> outputs = result_outputs(network);
  call(cuhue_network_prepare, handle.get(), options.batch, size.height, size.width, outputs.data(),
       outputs.size());
  auto memory = sized<cuhue_memory>();
  call(cuhue_network_memory, handle.get(), &memory);
  return memory;
}

Json memory_json(const InfoOptions& options, cuhue_weights* weights, const cuhue_network_info& network) {
  const Size size = options.size.height > 0 ? options.size : Size{network.default_size, network.default_size};
  const Engine engine = make_engine(options);
  const cuhue_memory memory = network.detects != 0
                                  ? detector_memory(engine.get(), weights, size)
                                  : network_memory(options, size, engine.get(), weights, network);
  return {{"device", cuhue_engine_device(engine.get())},
          {"size", std::to_string(size.height) + "x" + std::to_string(size.width)},
          {"batch", options.batch},
          {"weight_bytes", memory.weight_bytes},
          {"arena_bytes", memory.arena_bytes}};
}

std::string as_text(const Json& info, bool with_tensors) {
  const Json& memory = info["memory"];
  std::string text = info["file"].get<std::string>() + "\n";
  const auto line = [&](const std::string& key, const std::string& value) {
    text += "  " + key + std::string(key.size() < 18 ? 18 - key.size() : 1, ' ') + value + "\n";
  };
  line("network", info["network"].get<std::string>() + " (" + info["about"].get<std::string>() + ")");
  for (const auto& [key, value] : info["metadata"].items()) {
    if (key != "network") line(key, value.get<std::string>());
  }
  line("file size", format_bytes(info["file_bytes"].get<double>()));
  line("tensors", info["tensor_count"].dump() + ", " + info["values"].dump() + " values");
  const double weights = memory["weight_bytes"].get<double>(), arena = memory["arena_bytes"].get<double>();
  line("memory", format_bytes(weights + arena) + ": " + format_bytes(weights) + " weights and " +
                     format_bytes(arena) + " arena at " + memory["size"].get<std::string>() + ", batch " +
                     memory["batch"].dump() + ", on " + memory["device"].get<std::string>());
  if (!with_tensors) return text;
  for (const Json& t : info["tensors"]) {
    text += "  " + t["dtype"].get<std::string>() + " " + t["shape"].dump() + " " +
            t["name"].get<std::string>() + "\n";
  }
  return text;
}

}  // namespace

int run_command(const InfoOptions& options) {
  check_file_uses({{options.file, "FILE"}}, {{options.json, "--json"}});
  const Weights weights = open_weights(options.file);
  auto network = sized<cuhue_network_info>();
  call(cuhue_network_find, cuhue_weights_network(weights.get()), &network);
  std::error_code error;
  const auto file_bytes = std::filesystem::file_size(options.file, error);
  Json info = {{"file", options.file},
               {"file_bytes", error ? 0 : file_bytes},
               {"network", network.name},
               {"about", network.about},
               {"metadata", metadata_json(weights.get())}};
  const Json tensors = tensors_json(weights.get());
  std::int64_t values = 0;
  for (const Json& t : tensors) values += element_count(t);
  info["tensor_count"] = tensors.size();
  info["values"] = values;
  info["memory"] = memory_json(options, weights.get(), network);
  info["tensors"] = tensors;
  if (options.json != "-") write_stdout(as_text(info, options.tensors));
  write_json(options.json, info);
  return CUHUE_OK;
}

int run_command(const VerifyOptions& options) {
  check_file_uses({{options.file, "FILE"}}, {{options.json, "--json"}});
  // Opening checks the checksums of the header and of every tensor, and the network's schema.
  const Weights weights = open_weights(options.file);
  const std::string network = cuhue_weights_network(weights.get());
  const std::size_t tensors = cuhue_weights_tensor_count(weights.get());
  if (options.json != "-") {
    write_stdout(options.file + ": ok, " + network + ", " + std::to_string(tensors) +
                 " tensors, checksums and schema hold\n");
  }
  write_json(options.json,
             Json{{"file", options.file}, {"ok", true}, {"network", network}, {"tensors", tensors}});
  return CUHUE_OK;
}

}  // namespace cuhue::app
