#include "bench/gpu/network_bench.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>
#include <vector>

#include "bench/gpu/system_bench.h"
#include "runtime/cuda/program.h"
#include "runtime/graph/backend.h"
#include "runtime/networks/network.h"
#include "runtime/stopwatch.h"

namespace cuhue::bench {

std::string quantiles(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&](double q) {
    return number(1e3 * seconds[static_cast<std::size_t>(q * static_cast<double>(seconds.size() - 1))]);
  };
  return R"("median_ms": )" + at(0.5) + R"(, "p10_ms": )" + at(0.1) + R"(, "p90_ms": )" + at(0.9) +
         R"(, "p99_ms": )" + at(0.99) + R"(, "runs": )" + std::to_string(seconds.size());
}

namespace {

constexpr int kReplays = 1000;
constexpr double kSecondsOfABatch = 2;
constexpr std::int64_t kPhotoWidth = 1920, kPhotoHeight = 1080;

struct Mode {
  const char* name;
  Precision precision;
};
constexpr Mode kModes[] = {{"fp32", Precision::fp32}, {"tf32", Precision::tf32}, {"fp16", Precision::fp16}};

struct Loaded {
  const Network* network = nullptr;
  const Mode* mode = nullptr;
  std::shared_ptr<Backend> backend;
  std::shared_ptr<DeviceWeights> weights;

  std::string about(std::int64_t batch, std::int64_t side) const {
    return R"("network": ")" + std::string(network->name) + R"(", "precision": ")" + mode->name +
           R"(", "batch": )" + std::to_string(batch) + R"(, "side": )" + std::to_string(side);
  }
  // What people run the network for: its last output that is no by-product.
  std::string_view result() const {
    std::string_view name = network->outputs.front().name;
    for (const TensorSpec& output : network->outputs) {
      if (!output.by_product) name = output.name;
    }
    return name;
  }
  // Of a detector its first part, where nearly all of its work is.
  const std::vector<TensorSpec>& inputs() const {
    return network->parts.empty() ? network->inputs : network->parts.front().inputs;
  }
  std::unique_ptr<Program> compile(std::int64_t batch, std::int64_t side) const {
    if (!network->parts.empty())
      return backend->compile(build_part(*network, network->parts.front().name, batch, side, side), weights,
                              {});
    const std::string_view outputs[] = {result()};
    return backend->compile(build_graph(*network, batch, side, side, {}, outputs), weights, {});
  }
};

void fill(const Loaded& loaded, Program& program) {
  std::mt19937 random(5);
  for (const TensorSpec& input : loaded.inputs()) {
    const TensorRef x = program.input(input.name);
    const float range = input.about.find("0..100") != std::string_view::npos ? 100.0f : 1.0f;
    for (std::int64_t i = 0; i < x.dims.count(); ++i)
      x.data[i] = static_cast<float>(random() >> 8) * (1.0f / (1 << 24)) * range;
  }
}

void bench_forward(const Loaded& loaded, std::int64_t batch, std::int64_t side) {
  Stopwatch watch;
  const auto program = loaded.compile(batch, side);
  const double compile = watch.lap();
  fill(loaded, *program);
  for (int run = 0; run < 2; ++run) program->run();  // the second one is a launch of the recording
  auto& cuda = dynamic_cast<cuda::CudaProgram&>(*program);
  // Clocks and caches as in steady state. A large batch and a detector are replayed for some seconds only.
  const bool all = batch == 1 && loaded.network->parts.empty();
  const std::vector<double> first = cuda.device_seconds(all ? kReplays / 5 : 10);
  const int fewer = static_cast<int>(kSecondsOfABatch / std::max(first.back(), 1e-6));
  const int replays = all ? kReplays : std::clamp(fewer, 20, kReplays);
  note(R"({"fact": "forward", )" + loaded.about(batch, side) + ", " +
       quantiles(cuda.device_seconds(replays)) + R"(, "compile_s": )" + number(compile) +
       R"(, "arena_bytes": )" + std::to_string(program->arena_bytes()) + R"(, "weight_bytes": )" +
       std::to_string(loaded.weights->bytes()) + R"(, "graph_nodes": )" +
       std::to_string(program->counts().graph_nodes) + "}");
}

// Photo after photo of 1920x1080, from host bytes to host bytes. about: what it is of, in JSON.
void time_photos(Program& program, const PhotoEnds& ends, const std::string& about) {
  std::mt19937 random(3);
  std::vector<std::uint8_t> photo(static_cast<std::size_t>(kPhotoWidth * kPhotoHeight * 3)),
      result(photo.size());
  for (auto& byte : photo) byte = static_cast<std::uint8_t>(random());
  PhotoJob job;
  job.in = rgb_photo<const std::uint8_t>(photo.data(), kPhotoWidth, kPhotoHeight);
  job.out = rgb_photo(result.data(), kPhotoWidth, kPhotoHeight);
  PhotoTimings timings;
  for (int warm_up = 0; warm_up < 50; ++warm_up) program.run_photos(ends, {&job, 1}, {}, {}, timings);
  std::vector<double> seconds;
  Stopwatch watch;
  for (int i = 0; i < kReplays; ++i) {
    program.run_photos(ends, {&job, 1}, {}, {}, timings);
    seconds.push_back(watch.lap());
  }
  note(R"({"fact": "photo", )" + about + R"(, "photo": "1920x1080", )" + quantiles(std::move(seconds)) +
       R"(, "graph_nodes": )" + std::to_string(program.counts().graph_nodes) + "}");
}

void bench_photo(const Loaded& loaded) {
  const auto program = loaded.compile(1, loaded.network->default_size);
  // Comparable to a photo's colouring only where one plane becomes two.
  if (program->input(loaded.network->inputs[0].name).dims.c != 1 ||
      program->output(loaded.result()).dims.c != 2)
    return;
  const PhotoEnds ends{loaded.network->inputs[0].name, loaded.result(),
                       loaded.network->name == "lite" ? Luminance::rec709_luma : Luminance::cie_l};
  time_photos(*program, ends, loaded.about(1, loaded.network->default_size));
}

// deep-koalarization's two networks, side by side in one launch. Beside what "photo" and "forward" say of
// each of them this tells what side by side is worth.
void bench_side_by_side(const Loaded& colours) {
  const Network& other = network_or_throw("inception-resnet-v2");
  const auto compile = [&](const Network& network, std::string_view output, const char* keep) {
    CompileOptions options;
    if (keep != nullptr) options.keep = {keep};
    const std::int64_t side = network.default_size;
    return colours.backend->compile(build_graph(network, 1, side, side, {}, {&output, 1}),
                                    colours.backend->make_weights(std::make_shared<FormulaSource>(network)),
                                    options);
  };
  const auto companion = compile(other, "logits", nullptr);
  const auto program = compile(*colours.network, "ab", "l");
  PhotoEnds ends{"l", "ab"};
  ends.companion = {companion.get(), "image", "logits", "embedding", 0.5};
  time_photos(*program, ends,
              R"("network": "koalarization beside inception-resnet-v2", "precision": ")" +
                  std::string(colours.mode->name) + R"(", "batch": 1, "side": 224)");
}

void bench_layers(const Loaded& loaded) {
  const auto program = loaded.compile(1, loaded.network->default_size);
  fill(loaded, *program);
  program->profile();  // warms up
  for (const StepProfile& step : program->profile()) {
    note(R"({"fact": "layer", )" + loaded.about(1, loaded.network->default_size) + R"(, "layer": ")" +
         step.name + R"(", "op": ")" + step.op + R"(", "provider": ")" + step.provider + R"(", "us": )" +
         number(1e6 * step.seconds) + R"(, "gmac": )" + number(static_cast<double>(step.macs) / 1e9) + "}");
  }
}

}  // namespace

namespace {

void bench_mode(const Network& network, const Mode& mode, const std::string& cache) {
  Loaded loaded{&network, &mode, nullptr, nullptr};
  CudaOptions options;
  options.precision = mode.precision;
  options.tune = true;
  options.plan_cache = cache;
  loaded.backend = make_cuda_backend(options);
  loaded.weights = loaded.backend->make_weights(std::make_shared<FormulaSource>(network));
  const std::int64_t side = network.default_size;
  bench_forward(loaded, 1, side);
  LoadedNetwork whole;
  whole.network = &network;
  whole.backend = loaded.backend;
  whole.weights = loaded.weights;
  if (!network.parts.empty()) {
    bench_detector(whole, mode.name);
    return bench_layers(loaded);
  }
  for (const std::int64_t batch : {8, 32}) bench_forward(loaded, batch, side);
  if (side != 512 && usable_side(network, 512) == 512) bench_forward(loaded, 1, 512);
  bench_photo(loaded);
  if (network.name == "eccv16") bench_patches(whole, mode.name);
  if (network.name == "koalarization") bench_side_by_side(loaded);
  bench_layers(loaded);
}

}  // namespace

bool bench_networks(const std::string& filter) {
  const std::filesystem::path cache =
      std::filesystem::temp_directory_path() / ("cuhue-bench-plans-" + std::to_string(getpid()));
  bool complete = true;
  for (const Network& network : networks()) {
    if (network.name.find(filter) == std::string_view::npos) continue;
    for (const Mode& mode : kModes) {
      try {
        bench_mode(network, mode, cache.string());
      } catch (const std::exception& e) {  // the others are measured all the same
        note(R"({"fact": "forward", "network": ")" + std::string(network.name) + R"(", "precision": ")" +
             mode.name + R"(", "failed": )" + quoted(e.what()) + "}");
        complete = false;
      }
    }
  }
  std::error_code ignored;
  std::filesystem::remove(cache, ignored);
  return complete;
}

}  // namespace cuhue::bench
