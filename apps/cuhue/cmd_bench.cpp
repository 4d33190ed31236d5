// cuhue bench: latency of one network.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/cuhue/api.h"
#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/file_use.h"
#include "apps/cuhue/files.h"
#include "apps/cuhue/model_files.h"
#include "apps/cuhue/run_detector.h"
#include "apps/cuhue/signals.h"

namespace cuhue::app {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr int kWarmUpRuns = 3;
constexpr double kWarmUpSeconds = 0.5;
constexpr std::size_t kLeastRuns = 10, kFewestRuns = 3;

// Values between 0 and 1: no denormals, no zeros that a kernel could profit from.
void fill_inputs(cuhue_network* network, const cuhue_network_info& info) {
  for (std::size_t i = 0; i < info.input_count; ++i) {
    auto port = sized<cuhue_port_info>();
    call(cuhue_network_input_at, info.name, i, &port);
    auto tensor = sized<cuhue_tensor>();
    call(cuhue_network_input, network, port.name, &tensor);
    std::uint32_t state = 1;
    const std::int64_t count = tensor.n * tensor.c * tensor.h * tensor.w;
    for (std::int64_t k = 0; k < count; ++k) {
      state = state * 1664525U + 1013904223U;
      tensor.data[k] = static_cast<float>(state >> 8) / 16777216.0F;
    }
  }
}

double run_once(cuhue_network* network) {
  const auto start = Clock::now();
  call(cuhue_network_run, network, cancel_on_signal, nullptr);
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// once(): the seconds of a run. Of runs that take long as few as say something.
template <class Once>
std::vector<double> measure(double seconds, Once&& once) {
  double spent = 0;
  for (int i = 0; (i < kWarmUpRuns && spent < seconds) || spent < std::min(kWarmUpSeconds, seconds); ++i)
    spent += once();
  std::vector<double> times;
  for (spent = 0; spent < seconds || times.size() < (spent < 10 * seconds ? kLeastRuns : kFewestRuns);) {
    times.push_back(once());
    spent += times.back();
  }
  std::sort(times.begin(), times.end());
  return times;
}

// Linear between the neighbouring ranks; sorted is not empty.
double quantile(const std::vector<double>& sorted, double q) {
  const double rank = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (rank - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

// read(i, layer) for each of `count` layers.
template <class Read>
Json layers_json(std::size_t count, Read&& read) {
  Json list = Json::array();
  for (std::size_t i = 0; i < count; ++i) {
    auto layer = sized<cuhue_layer>();
    read(i, &layer);
    list.push_back({{"name", layer.name},
                    {"op", layer.op},
                    {"provider", layer.provider},
                    {"shape", {layer.n, layer.c, layer.h, layer.w}},
                    {"macs", layer.macs},
                    {"ms", layer.seconds * 1e3}});
  }
  return list;
}

// The layers' sums over the first parts of their names, "model1", in the order of the network.
Json stages_json(const Json& layers) {
  struct Stage {
    std::string name;
    int layers = 0;
    std::int64_t macs = 0;
    double ms = 0;
  };
  std::vector<Stage> stages;
  for (const Json& l : layers) {
    const auto layer = l["name"].get<std::string>();
    const std::string name = layer.substr(0, layer.find('.'));
    auto stage = std::ranges::find(stages, name, &Stage::name);
    if (stage == stages.end()) stage = stages.insert(stage, Stage{.name = name});
    ++stage->layers;
    stage->macs += l["macs"].get<std::int64_t>();
    stage->ms += l["ms"].get<double>();
  }
  Json list = Json::array();
  for (const Stage& s : stages)
    list.push_back({{"name", s.name}, {"layers", s.layers}, {"macs", s.macs}, {"ms", s.ms}});
  return list;
}

std::string as_text(const Json& r) {
  std::array<char, 256> line{};
  std::snprintf(line.data(), line.size(), "median %.3f ms, p10 %.3f, p90 %.3f, p99 %.3f (%zu runs)\n",
                r["median_ms"].get<double>(), r["p10_ms"].get<double>(), r["p90_ms"].get<double>(),
                r["p99_ms"].get<double>(), r["runs"].get<std::size_t>());
  std::string text = r["network"].get<std::string>() + " " + r["size"].get<std::string>() + " batch " +
                     r["batch"].dump() + " on " + r["device"].get<std::string>() + ", " +
                     r["precision"].get<std::string>() + ", " + r["threads"].dump() + " threads\n" +
                     line.data() + "arena " + format_bytes(r["arena_bytes"].get<double>()) +
                     ", peak memory of the process " + format_bytes(r["peak_bytes"].get<double>()) + "\n";
  if (r.contains("detector_seconds")) {
    for (const auto& [stage, seconds] : r["detector_seconds"].items()) {
      std::snprintf(line.data(), line.size(), "%10.3f ms %s\n", seconds.get<double>() * 1e3, stage.c_str());
      text += line.data();
    }
  }
  if (!r.contains("layers")) return text;
  for (const Json& l : r["layers"]) {
    const double ms = l["ms"].get<double>();
    const double gflops = ms > 0 ? 2e-6 * l["macs"].get<double>() / ms : 0;
    std::snprintf(line.data(), line.size(), "%10.3f ms %8.1f GFLOP/s  %-14s %-22s ", ms, gflops,
                  l["op"].get<std::string>().c_str(), l["shape"].dump().c_str());
    text += line.data() + l["name"].get<std::string>() + " (" + l["provider"].get<std::string>() + ")\n";
  }
  for (const Json& s : r["stages"]) {
    const double ms = s["ms"].get<double>();
    const double gflops = ms > 0 ? 2e-6 * s["macs"].get<double>() / ms : 0;
    std::snprintf(line.data(), line.size(), "%10.3f ms %8.1f GFLOP/s  %3d steps of ", ms, gflops,
                  s["layers"].get<int>());
    text += line.data() + s["name"].get<std::string>() + "\n";
  }
  return text;
}

Weights bench_weights(const BenchOptions& options) {
  if (options.weights.empty() && !options.formula && !find_weights(options.network)) {
    throw Failure(CUHUE_WEIGHTS, "no weights of " + options.network +
                                     " are at hand; name a file with -m, or use --formula: it is as fast");
  }
  return network_weights(options.network, options.weights, options.formula);
}

void add_times(const std::vector<double>& times, const cuhue_memory& memory, Json& result) {
  for (const auto& [name, q] :
       {std::pair{"median_ms", 0.5}, {"p10_ms", 0.1}, {"p90_ms", 0.9}, {"p99_ms", 0.99}})
    result[name] = quantile(times, q) * 1e3;
  result["runs"] = times.size();
  result["arena_bytes"] = memory.arena_bytes;
  result["peak_bytes"] = peak_bytes();
}

void bench_network(const BenchOptions& options, const Size& size, cuhue_engine* engine,
                   cuhue_weights* weights, Json& result) {
  auto info = sized<cuhue_network_info>();
  call(cuhue_network_find, options.network.c_str(), &info);
  const auto network = make<NetworkHandle>(cuhue_network_create, engine, weights);
  for (const auto& [key, value] : options.settings)
    call(cuhue_network_set, network.get(), key.c_str(), value);
  const std::vector<const char*> outputs = result_outputs(info);
  call(cuhue_network_prepare, network.get(), options.batch, size.height, size.width, outputs.data(),
       outputs.size());
  fill_inputs(network.get(), info);
  const std::vector<double> times = measure(options.seconds, [&] { return run_once(network.get()); });
  auto memory = sized<cuhue_memory>();
  call(cuhue_network_memory, network.get(), &memory);
  add_times(times, memory, result);
  if (options.layers) {
    call(cuhue_network_profile, network.get());
    result["layers"] = layers_json(
        cuhue_network_layer_count(network.get()),
        [&](std::size_t i, cuhue_layer* layer) { call(cuhue_network_layer, network.get(), i, layer); });
    result["stages"] = stages_json(result["layers"]);
  }
}

void bench_detector(const BenchOptions& options, const Size& size, cuhue_engine* engine,
                    cuhue_weights* weights, Json& result) {
  if (options.batch != 1)
    throw Failure(CUHUE_USAGE, options.network + " looks at one picture at a time; leave out --batch");
  const DetectorHandle detector = make_detector(engine, weights, options.settings);
  const std::vector<std::uint8_t> picture = bench_picture(size);
  auto timings = sized<cuhue_detect_timings>();
  const std::vector<double> times =
      measure(options.seconds, [&] { return detect_once(detector.get(), picture, size, &timings); });
  auto memory = sized<cuhue_memory>();
  call(cuhue_detector_memory, detector.get(), &memory);
  add_times(times, memory, result);
  result["detector_seconds"] = timings_json(timings);  // of the latest
  if (!options.layers) return;
  call(cuhue_detector_profile, detector.get(), size.height, size.width);
  result["layers"] = layers_json(
      cuhue_detector_layer_count(detector.get()),
      [&](std::size_t i, cuhue_layer* layer) { call(cuhue_detector_layer, detector.get(), i, layer); });
  result["stages"] = stages_json(result["layers"]);
}

}  // namespace

int run_command(const BenchOptions& options) {
  check_file_uses({{options.weights, "-m"}}, {{options.json, "--json"}});
  auto info = sized<cuhue_network_info>();
  call(cuhue_network_find, options.network.c_str(), &info);
  const Size size = options.size.height > 0 ? options.size : Size{info.default_size, info.default_size};
  const Weights weights = bench_weights(options);
  const Engine engine = make_engine(options);
  Json result = {{"network", options.network},
                 {"device", cuhue_engine_device(engine.get())},
                 {"precision", precision_name(options.precision)},
                 {"threads", cuhue_engine_threads(engine.get())},
                 {"batch", options.batch},
                 {"size", std::to_string(size.height) + "x" + std::to_string(size.width)}};
  if (info.detects != 0)
    bench_detector(options, size, engine.get(), weights.get(), result);
  else
    bench_network(options, size, engine.get(), weights.get(), result);
  if (options.json != "-") write_stdout(as_text(result));
  write_json(options.json, result);
  return CUHUE_OK;
}

}  // namespace cuhue::app
