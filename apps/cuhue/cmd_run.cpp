// cuhue run: one network on raw tensors.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cuhue/api.h"
#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/file_use.h"
#include "apps/cuhue/files.h"
#include "apps/cuhue/model_files.h"
#include "apps/cuhue/run_detector.h"
#include "apps/cuhue/signals.h"
#include "apps/npy.h"

namespace cuhue::app {
namespace {

using Json = nlohmann::ordered_json;

cuhue_network_info find_network(const std::string& name) {
  auto info = sized<cuhue_network_info>();
  call(cuhue_network_find, name.c_str(), &info);
  return info;
}

using PortAt = cuhue_status (*)(const char*, std::size_t, cuhue_port_info*, cuhue_error*);

std::vector<cuhue_port_info> ports(const std::string& network, std::size_t count, PortAt at) {
  std::vector<cuhue_port_info> list(count, sized<cuhue_port_info>());
  for (std::size_t i = 0; i < count; ++i) call(at, network.c_str(), i, &list[i]);
  return list;
}

std::vector<cuhue_setting_info> settings_of(const cuhue_network_info& network) {
  std::vector<cuhue_setting_info> list(network.setting_count, sized<cuhue_setting_info>());
  for (std::size_t i = 0; i < list.size(); ++i) call(cuhue_network_setting_at, network.name, i, &list[i]);
  return list;
}

const char* type_name(const cuhue_port_info& port) {
  return port.dtype == CUHUE_U8 ? "uint8" : port.dtype == CUHUE_I32 ? "int32" : "float32";
}

Json describe(const cuhue_port_info& port) {
  return {{"name", port.name}, {"shape", port.shape}, {"type", type_name(port)}, {"about", port.about}};
}

Json describe(const cuhue_network_info& network) {
  Json json = {{"name", network.name},
               {"about", network.about},
               {"size_multiple", network.size_multiple},
               {"default_size", network.default_size},
               {"one_size", network.one_size != 0},
               {"parameters", network.parameter_count},
               {"inputs", Json::array()},
               {"outputs", Json::array()},
               {"settings", Json::array()}};
  for (const auto& p : ports(network.name, network.input_count, cuhue_network_input_at)) {
    json["inputs"].push_back(describe(p));
  }
  for (const auto& p : ports(network.name, network.output_count, cuhue_network_output_at)) {
    json["outputs"].push_back(describe(p));
  }
  for (const auto& s : settings_of(network)) {
    json["settings"].push_back(
        {{"name", s.name}, {"about", s.about}, {"default", s.default_value}, {"min", s.min}, {"max", s.max}});
    for (std::size_t v = 0; v < s.value_count; ++v) json["settings"].back()["values"].push_back(s.values[v]);
  }
  return json;
}

std::string as_text(const Json& network) {
  std::string text = network["name"].get<std::string>() + ": " + network["about"].get<std::string>() + "\n";
  for (const auto& [kind, key] : {std::pair{"input ", "inputs"}, {"output", "outputs"}}) {
    for (const Json& p : network[key]) {
      text += std::string("  ") + kind + "  " + p["name"].get<std::string>() + " " +
              p["shape"].get<std::string>() +
              (p["type"] == "float32" ? "" : " " + p["type"].get<std::string>()) + "  " +
              p["about"].get<std::string>() + "\n";
    }
  }
  for (const Json& s : network["settings"]) {
    text += "  setting " + s["name"].get<std::string>() + " = " + s["default"].dump() + " (" +
            s["min"].dump() + " to " + s["max"].dump() + ")  " + s["about"].get<std::string>();
    for (std::size_t v = 0; s.contains("values") && v < s["values"].size(); ++v)
      text += (v == 0 ? "; " : ", ") + std::to_string(v) + " = " + s["values"][v].get<std::string>();
    text += "\n";
  }
  if (network["one_size"].get<bool>()) return text + "  only size " + network["default_size"].dump() + "\n";
  return text + "  usual size " + network["default_size"].dump() + "; H and W multiples of " +
         network["size_multiple"].dump() + "\n";
}

int list(const RunOptions& options) {
  Json json = Json::array();
  std::string text;
  if (options.network.empty()) {
    for (std::size_t i = 0; i < cuhue_network_count(); ++i) {
      auto info = sized<cuhue_network_info>();
      call(cuhue_network_at, i, &info);
      json.push_back(describe(info));
      text += as_text(json.back());
    }
  } else {
    json = describe(find_network(options.network));
    text = as_text(json);
  }
  if (options.json != "-") write_stdout(text);
  write_json(options.json, json);
  return CUHUE_OK;
}

bool has_port(const std::vector<cuhue_port_info>& list, const std::string& name) {
  return std::any_of(list.begin(), list.end(), [&](const cuhue_port_info& p) { return name == p.name; });
}

void check_names(const RunOptions& options, const cuhue_network_info& network) {
  const auto inputs = ports(network.name, network.input_count, cuhue_network_input_at);
  const auto outputs = ports(network.name, network.output_count, cuhue_network_output_at);
  const std::string remedy = "; `cuhue run " + options.network + " --list` prints the names";
  const auto check = [&](const std::vector<NamedFile>& files, const std::vector<cuhue_port_info>& known,
                         const char* kind) {
    const auto refuse = [&](const std::string& name) {
      throw Failure(CUHUE_USAGE, options.network + " has no " + kind + " '" + name + "'" + remedy);
    };
    for (std::size_t i = 0; i < files.size(); ++i) {
      const std::string& name = files[i].first;
      if (!has_port(known, name)) refuse(name);
      for (std::size_t j = 0; j < i; ++j) {
        if (files[j].first == name)
          throw Failure(CUHUE_USAGE, std::string(kind) + " '" + name + "' is given twice");
      }
    }
  };
  check(options.inputs, inputs, "input");
  check(options.outputs, outputs, "output");
  for (const auto& port : inputs) {
    const auto given = [&](const NamedFile& f) { return f.first == port.name; };
    if (std::none_of(options.inputs.begin(), options.inputs.end(), given)) {
      throw Failure(CUHUE_USAGE, std::string("input '") + port.name + "' is missing" + remedy);
    }
  }
}

NpyArray read_array(const std::string& file) {
  const std::vector<std::byte> bytes = read_file(file);
  try {
    return parse_npy(bytes, file);
  } catch (const NpyError& e) {
    throw Failure(CUHUE_INPUT, e.what());
  }
}

struct Input {
  std::string name, file;
  NpyArray array;
};

// [n, h, w] of the run: from the first input that has a height and a width.
std::array<std::int64_t, 3> run_size(const std::vector<Input>& inputs) {
  for (const Input& input : inputs) {
    const auto& s = input.array.shape;
    if (s.size() == 4) return {s[0], s[2], s[3]};
    if (s.size() != 2) {
      throw Failure(CUHUE_INPUT, input.file + ": input '" + input.name + "' has shape " + shape_text(s) +
                                     "; save it as [N,C,H,W]");
    }
  }
  throw Failure(CUHUE_INPUT, inputs[0].file + ": no input has a height and a width; save [N,C,H,W] arrays");
}

// Is the named one among these of bytes?
bool is_of_bytes(const std::vector<cuhue_port_info>& list, const std::string& name) {
  return std::any_of(list.begin(), list.end(),
                     [&](const cuhue_port_info& p) { return name == p.name && p.dtype == CUHUE_U8; });
}

bool is_byte(float v) {
  return v >= 0.0f && v <= 255.0f && v == std::floor(v);
}

void fill_input(cuhue_network* network, const Input& input, bool of_bytes) {
  auto tensor = sized<cuhue_tensor>();
  call(cuhue_network_input, network, input.name.c_str(), &tensor);
  std::vector<std::int64_t> wanted = {tensor.n, tensor.c, tensor.h, tensor.w};
  if (input.array.shape.size() == 2 && tensor.h == 1 && tensor.w == 1) wanted.resize(2);
  if (input.array.shape != wanted) {
    throw Failure(CUHUE_INPUT, input.file + ": input '" + input.name + "' has shape " +
                                   shape_text(input.array.shape) + ", the network takes " +
                                   shape_text(wanted));
  }
  const std::span values(tensor.data, static_cast<std::size_t>(tensor.n * tensor.c * tensor.h * tensor.w));
  to_float(input.array, values);
  if (of_bytes && !std::all_of(values.begin(), values.end(), is_byte)) {
    throw Failure(CUHUE_INPUT, input.file + ": input '" + input.name +
                                   "' is of whole numbers 0..255; save it as a uint8 array");
  }
}

void write_output(cuhue_network* network, const NamedFile& output, bool of_bytes) {
  auto tensor = sized<cuhue_tensor>();
  call(cuhue_network_output, network, output.first.c_str(), &tensor);
  const std::array<std::int64_t, 4> shape = {tensor.n, tensor.c, tensor.h, tensor.w};
  const auto count = static_cast<std::size_t>(tensor.n * tensor.c * tensor.h * tensor.w);
  const std::span values(tensor.data, count);
  if (of_bytes) {
    if (!std::all_of(values.begin(), values.end(), is_byte)) {
      throw Failure(CUHUE_WEIGHTS, "output '" + output.first +
                                       "' holds what is no number; convert the network's checkpoint again");
    }
    const std::vector<std::uint8_t> bytes(values.begin(), values.end());
    write_file(output.second, npy_bytes(NpyType::u8, shape, std::as_bytes(std::span(bytes))));
  } else {
    write_file(output.second, npy_bytes(NpyType::f32, shape, std::as_bytes(values)));
  }
  print_detail(output.second + ": " + output.first + " " + shape_text(shape));
}

void check_files(const RunOptions& options) {
  std::vector<FileUse> inputs = {{options.weights, "-m"}}, outputs = {{options.json, "--json"}};
  for (const auto& [name, file] : options.inputs) inputs.push_back({file, "--input " + name});
  for (const auto& [name, file] : options.outputs) outputs.push_back({file, "--output " + name});
  check_file_uses(inputs, outputs);
}

}  // namespace

int run_command(const RunOptions& options) {
  if (options.list) return list(options);
  const cuhue_network_info info = find_network(options.network);
  check_names(options, info);
  check_files(options);
  std::vector<Input> inputs;
  for (const auto& [name, file] : options.inputs) inputs.push_back({name, file, read_array(file)});
  if (info.detects != 0) return run_detector(options, inputs[0].file, inputs[0].array);
  const auto [n, h, w] = run_size(inputs);
  const Weights weights = network_weights(options.network, options.weights, options.formula);
  const Engine engine = make_engine(options);
  const auto network = make<NetworkHandle>(cuhue_network_create, engine.get(), weights.get());
  for (const auto& [key, value] : options.settings)
    call(cuhue_network_set, network.get(), key.c_str(), value);
  std::vector<const char*> wanted;
  for (const NamedFile& output : options.outputs) wanted.push_back(output.first.c_str());
  call(cuhue_network_prepare, network.get(), n, h, w, wanted.data(), wanted.size());
  const auto takes = ports(info.name, info.input_count, cuhue_network_input_at);
  const auto gives = ports(info.name, info.output_count, cuhue_network_output_at);
  for (Input& input : inputs) {
    fill_input(network.get(), input, is_of_bytes(takes, input.name));
    input.array.data = {};
  }
  const auto start = std::chrono::steady_clock::now();
  call(cuhue_network_run, network.get(), cancel_on_signal, nullptr);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  print_detail(options.network + ": " + format_seconds(seconds));
  for (const NamedFile& output : options.outputs)
    write_output(network.get(), output, is_of_bytes(gives, output.first));
  if (!options.json.empty()) {
    auto memory = sized<cuhue_memory>();
    call(cuhue_network_memory, network.get(), &memory);
    Json json = {{"network", options.network},
                 {"device", cuhue_engine_device(engine.get())},
                 {"precision", precision_name(options.precision)},
                 {"threads", cuhue_engine_threads(engine.get())},
                 {"batch", n},
                 {"size", std::to_string(h) + "x" + std::to_string(w)},
                 {"seconds", seconds},
                 {"arena_bytes", memory.arena_bytes},
                 {"peak_bytes", peak_bytes()}};
    write_json(options.json, json);
  }
  return CUHUE_OK;
}

}  // namespace cuhue::app
