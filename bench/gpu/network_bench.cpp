#include "bench/gpu/network_bench.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>
#include <vector>

#include "runtime/cuda/program.h"
#include "runtime/graph/backend.h"
#include "runtime/networks/network.h"
#include "runtime/stopwatch.h"

namespace cuhue::bench {
namespace {

constexpr int kReplays = 1000;
constexpr std::int64_t kPhotoWidth = 1920, kPhotoHeight = 1080;

struct Mode {
  const char* name;
  Precision precision;
};
constexpr Mode kModes[] = {{"fp32", Precision::fp32}, {"tf32", Precision::tf32}, {"fp16", Precision::fp16}};

std::string quantiles(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&](double q) {
    return number(1e3 * seconds[static_cast<std::size_t>(q * static_cast<double>(seconds.size() - 1))]);
  };
  return R"("median_ms": )" + at(0.5) + R"(, "p10_ms": )" + at(0.1) + R"(, "p90_ms": )" + at(0.9) +
         R"(, "p99_ms": )" + at(0.99) + R"(, "runs": )" + std::to_string(seconds.size());
}

struct Loaded {
  const Network* network = nullptr;
  const Mode* mode = nullptr;
  std::unique_ptr<Backend> backend;
  std::shared_ptr<DeviceWeights> weights;

  std::string about(std::int64_t batch, std::int64_t side) const {
    return R"("network": ")" + std::string(network->name) + R"(", "precision": ")" + mode->name +
           R"(", "batch": )" + std::to_string(batch) + R"(, "side": )" + std::to_string(side);
  }
  std::unique_ptr<Program> compile(std::int64_t batch, std::int64_t side) const {
    const std::string_view outputs[] = {network->outputs.back().name};
    return backend->compile(build_graph(*network, batch, side, side, {}, outputs), weights, {});
  }
};

void fill(const Network& network, Program& program) {
  std::mt19937 random(5);
  for (const TensorSpec& input : network.inputs) {
    const TensorRef x = program.input(input.name);
    for (std::int64_t i = 0; i < x.dims.count(); ++i)
      x.data[i] =
          static_cast<float>(random() >> 8) * (1.0f / (1 << 24)) * (network.name == "eccv16" ? 100.0f : 1.0f);
  }
}

void bench_forward(const Loaded& loaded, std::int64_t batch, std::int64_t side) {
  Stopwatch watch;
  const auto program = loaded.compile(batch, side);
  const double compile = watch.lap();
  fill(*loaded.network, *program);
  program->run();
  auto& cuda = dynamic_cast<cuda::CudaProgram&>(*program);
  cuda.device_seconds(kReplays / 5);  // clocks and caches as in steady state
  note(R"({"fact": "forward", )" + loaded.about(batch, side) + ", " +
       quantiles(cuda.device_seconds(kReplays)) + R"(, "compile_s": )" + number(compile) +
       R"(, "arena_bytes": )" + std::to_string(program->arena_bytes()) + R"(, "weight_bytes": )" +
       std::to_string(loaded.weights->bytes()) + R"(, "graph_nodes": )" +
       std::to_string(program->counts().graph_nodes) + "}");
}

void bench_photo(const Loaded& loaded) {
  const auto program = loaded.compile(1, loaded.network->default_size);
  std::mt19937 random(3);
  std::vector<std::uint8_t> photo(static_cast<std::size_t>(kPhotoWidth * kPhotoHeight * 3)),
      result(photo.size());
  for (auto& byte : photo) byte = static_cast<std::uint8_t>(random());
  PhotoJob job;
  job.in.data = photo.data();
  job.out.data = result.data();
  job.in.width = job.out.width = kPhotoWidth;
  job.in.height = job.out.height = kPhotoHeight;
  job.in.stride = job.out.stride = static_cast<std::ptrdiff_t>(kPhotoWidth * 3);
  const PhotoEnds ends{loaded.network->inputs[0].name, loaded.network->outputs.back().name,
                       loaded.network->name == "lite" ? Luminance::rec709_luma : Luminance::cie_l};
  PhotoTimings timings;
  for (int warm_up = 0; warm_up < 50; ++warm_up) program->run_photos(ends, {&job, 1}, {}, {}, timings);
  std::vector<double> seconds;
  Stopwatch watch;
  for (int i = 0; i < kReplays; ++i) {
    program->run_photos(ends, {&job, 1}, {}, {}, timings);
    seconds.push_back(watch.lap());
  }
  note(R"({"fact": "photo", )" + loaded.about(1, loaded.network->default_size) +
       R"(, "photo": "1920x1080", )" + quantiles(std::move(seconds)) + R"(, "graph_nodes": )" +
       std::to_string(program->counts().graph_nodes) + "}");
}

void bench_layers(const Loaded& loaded) {
  const auto program = loaded.compile(1, loaded.network->default_size);
  fill(*loaded.network, *program);
  program->run();
  program->profile();
  for (const StepProfile& step : program->profile()) {
    note(R"({"fact": "layer", )" + loaded.about(1, loaded.network->default_size) + R"(, "layer": ")" +
         step.name + R"(", "op": ")" + step.op + R"(", "provider": ")" + step.provider + R"(", "us": )" +
         number(1e6 * step.seconds) + R"(, "gmac": )" + number(static_cast<double>(step.macs) / 1e9) + "}");
  }
}

}  // namespace

void bench_networks(const std::string& filter) {
  const std::filesystem::path cache =
      std::filesystem::temp_directory_path() / ("cuhue-bench-plans-" + std::to_string(getpid()));
  for (const Network& network : networks()) {
    if (network.name.find(filter) == std::string_view::npos) continue;
    for (const Mode& mode : kModes) {
      Loaded loaded{&network, &mode, nullptr, nullptr};
      CudaOptions options;
      options.precision = mode.precision;
      options.tune = true;
      options.plan_cache = cache.string();
      loaded.backend = make_cuda_backend(options);
      loaded.weights = loaded.backend->make_weights(std::make_shared<FormulaSource>(network));
      for (const std::int64_t batch : {1, 8, 32}) bench_forward(loaded, batch, network.default_size);
      bench_forward(loaded, 1, 512);
      bench_photo(loaded);
      bench_layers(loaded);
    }
  }
  std::error_code ignored;
  std::filesystem::remove(cache, ignored);
}

}  // namespace cuhue::bench
