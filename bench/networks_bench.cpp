// Forward passes of every network over sizes, batches and threads, through the C API with formula weights.
#include <benchmark/benchmark.h>
#include <cuhue/cuhue.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/peak_fma.h"

namespace {

struct Case {
  std::string network;
  std::int64_t height = 0, width = 0, batch = 1;
  int threads = 1;
};

template <class T, void (*Free)(T*)>
struct Freed {
  void operator()(T* p) const { Free(p); }
};
using Engine = std::unique_ptr<cuhue_engine, Freed<cuhue_engine, cuhue_engine_free>>;
using Weights = std::unique_ptr<cuhue_weights, Freed<cuhue_weights, cuhue_weights_free>>;
using Network = std::unique_ptr<cuhue_network, Freed<cuhue_network, cuhue_network_free>>;

template <class T>
T sized() {
  T t{};
  t.struct_size = sizeof t;
  return t;
}

// A network prepared for one case, its input filled; or the message of what failed.
struct Prepared {
  Engine engine;
  Weights weights;
  Network network;
  std::int64_t macs = 0;
  std::string error;
};

bool fill_inputs(cuhue_network* network, const std::string& name, cuhue_error& error) {
  auto info = sized<cuhue_network_info>();
  if (cuhue_network_find(name.c_str(), &info, &error) != CUHUE_OK) return false;
  for (std::size_t i = 0; i < info.input_count; ++i) {
    auto port = sized<cuhue_port_info>();
    auto tensor = sized<cuhue_tensor>();
    if (cuhue_network_input_at(name.c_str(), i, &port, &error) != CUHUE_OK) return false;
    if (cuhue_network_input(network, port.name, &tensor, &error) != CUHUE_OK) return false;
    const std::int64_t count = tensor.n * tensor.c * tensor.h * tensor.w;
    for (std::int64_t k = 0; k < count; ++k) tensor.data[k] = static_cast<float>(k * 37 % 101) / 101.0f;
  }
  return true;
}

bool prepare(const Case& c, Prepared& p, cuhue_error& error) {
  auto options = sized<cuhue_engine_options>();
  options.device = "cpu";
  options.threads = c.threads;
  cuhue_engine* engine = nullptr;
  if (cuhue_engine_create(&options, &engine, &error) != CUHUE_OK) return false;
  p.engine.reset(engine);
  cuhue_weights* weights = nullptr;
  if (cuhue_weights_formula(c.network.c_str(), &weights, &error) != CUHUE_OK) return false;
  p.weights.reset(weights);
  cuhue_network* network = nullptr;
  if (cuhue_network_create(engine, weights, &network, &error) != CUHUE_OK) return false;
  p.network.reset(network);
  const char* const outputs[] = {"ab"};
  if (cuhue_network_prepare(network, c.batch, c.height, c.width, outputs, 1, &error) != CUHUE_OK)
    return false;
  if (!fill_inputs(network, c.network, error)) return false;
  if (cuhue_network_profile(network, &error) != CUHUE_OK) return false;
  for (std::size_t i = 0; i < cuhue_network_layer_count(network); ++i) {
    auto layer = sized<cuhue_layer>();
    if (cuhue_network_layer(network, i, &layer, &error) != CUHUE_OK) return false;
    p.macs += layer.macs;
  }
  return true;
}

double quantile(std::vector<double> sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - std::floor(at));
}

double peak_for(int threads) {
  static std::map<int, double> measured;
  const auto found = measured.find(threads);
  return found != measured.end()
             ? found->second
             : measured.emplace(threads, cuhue::bench::peak_macs_per_second(threads)).first->second;
}

void forward(benchmark::State& state, const Case& c) {
  auto error = sized<cuhue_error>();
  Prepared p;
  if (!prepare(c, p, error)) {
    state.SkipWithError(error.message);
    return;
  }
  std::vector<double> seconds;
  for ([[maybe_unused]] auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    if (cuhue_network_run(p.network.get(), nullptr, nullptr, &error) != CUHUE_OK) {
      state.SkipWithError(error.message);
      return;
    }
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    state.SetIterationTime(seconds.back());
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = quantile(seconds, 0.5);
  const double rate = static_cast<double>(p.macs) / median;
  state.counters["median_ms"] = 1e3 * median;
  state.counters["p10_ms"] = 1e3 * quantile(seconds, 0.1);
  state.counters["p90_ms"] = 1e3 * quantile(seconds, 0.9);
  state.counters["GMAC/s"] = 1e-9 * rate;
  // Of the direct form's multiplications: Winograd may pass 1.
  state.counters["of_peak"] = rate / peak_for(c.threads);
}

// What follows the change of a label: colornet as the system `semantic` runs it, all of it or what sees
// labels.
void label_edit(benchmark::State& state, int threads, bool keep_photo) {
  auto error = sized<cuhue_error>();
  auto engine_options = sized<cuhue_engine_options>();
  engine_options.device = "cpu";
  engine_options.threads = threads;
  cuhue_engine* engine = nullptr;
  cuhue_weights* weights = nullptr;
  cuhue_colorizer* made = nullptr;
  if (cuhue_engine_create(&engine_options, &engine, &error) != CUHUE_OK)
    return state.SkipWithError(error.message);
  const Engine owned_engine(engine);
  if (cuhue_weights_formula("colornet", &weights, &error) != CUHUE_OK)
    return state.SkipWithError(error.message);
  const Weights owned_weights(weights);
  if (cuhue_colorizer_create(engine, "semantic", &weights, 1, &made, &error) != CUHUE_OK)
    return state.SkipWithError(error.message);
  const std::unique_ptr<cuhue_colorizer, Freed<cuhue_colorizer, cuhue_colorizer_free>> colorizer(made);
  constexpr std::int64_t kSide = 352;
  std::vector<std::uint8_t> grey(kSide * kSide), rgb(3 * kSide * kSide), labels(kSide * kSide);
  for (std::size_t i = 0; i < grey.size(); ++i) grey[i] = static_cast<std::uint8_t>(i * 37 % 211);
  auto photo = sized<cuhue_pixels>();
  photo.width = photo.height = kSide;
  cuhue_pixels out = photo, map = photo;
  photo.data = grey.data();
  out.data = rgb.data();
  map.data = labels.data();
  photo.format = map.format = CUHUE_GREY8;
  out.format = CUHUE_RGB8;
  auto options = sized<cuhue_colorize_options>();
  auto timings = sized<cuhue_timings>();
  std::vector<double> seconds;
  const auto edit = [&] {
    for (std::size_t i = 0; i < labels.size() / 4; ++i)
      labels[i] = static_cast<std::uint8_t>((labels[i] + 1) % 60);
    return cuhue_colorizer_set_labels(made, 0, &map, &error) == CUHUE_OK &&
           cuhue_colorize(made, &photo, &out, 1, &options, &timings, &error) == CUHUE_OK;
  };
  bool ok = edit();
  options.keep_photos = keep_photo ? 1 : 0;
  for ([[maybe_unused]] auto _ : state) {
    ok = ok && edit();
    seconds.push_back(timings.network);
    state.SetIterationTime(timings.network);
  }
  if (!ok) return state.SkipWithError(error.message);
  std::sort(seconds.begin(), seconds.end());
  state.counters["median_ms"] = 1e3 * quantile(seconds, 0.5);
}

std::vector<Case> cases() {
  struct Size {
    std::int64_t height, width, batch;
  };
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::vector<Case> all;
  for (std::size_t i = 0; i < cuhue_network_count(); ++i) {
    auto info = sized<cuhue_network_info>();
    if (cuhue_network_at(i, &info, nullptr) != CUHUE_OK || info.detects != 0) continue;
    const std::int64_t usual = info.default_size;
    for (const Size& s :
         {Size{usual, usual, 1}, Size{usual, usual, 4}, Size{64, 96, 1}, Size{2 * usual, 2 * usual, 1}}) {
      for (int threads = 1; threads <= cores; threads *= 2)
        all.push_back({info.name, s.height, s.width, s.batch, threads});
    }
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  for (const Case& c : cases()) {
    const std::string name = c.network + "/" + std::to_string(c.height) + "x" + std::to_string(c.width) +
                             "/batch:" + std::to_string(c.batch) + "/threads:" + std::to_string(c.threads);
    benchmark::RegisterBenchmark(name.c_str(), [c](benchmark::State& state) { forward(state, c); })
        ->UseManualTime()
        ->MinTime(2.0)
        ->Unit(benchmark::kMillisecond);
  }
  for (const int threads : {1, 2}) {
    for (const bool keep_photo : {false, true}) {
      const std::string name = std::string("semantic/352x352/") +
                               (keep_photo ? "edit of a kept photo" : "whole") +
                               "/threads:" + std::to_string(threads);
      benchmark::RegisterBenchmark(name.c_str(),
                                   [=](benchmark::State& state) { label_edit(state, threads, keep_photo); })
          ->UseManualTime()
          ->MinTime(2.0)
          ->Unit(benchmark::kMillisecond);
    }
  }
  benchmark::AddCustomContext("cuhue", cuhue_version());
  auto device = sized<cuhue_device_info>();
  if (cuhue_device(0, &device, nullptr) == CUHUE_OK) benchmark::AddCustomContext("cpu", device.description);
  benchmark::AddCustomContext("peak GMAC/s of one thread", std::to_string(1e-9 * peak_for(1)) + " (" +
                                                               cuhue::bench::peak_instructions() + ")");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
