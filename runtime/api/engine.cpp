#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/api/boundary.h"
#include "runtime/api/handles.h"

using namespace cuhue;
using namespace cuhue::api;

namespace {

constexpr int kMaxThreads = 1024;

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "CPU";
}

constexpr unsigned kCpuPrecisions = 1U << CUHUE_FP32;
constexpr unsigned kGpuPrecisions = (1U << CUHUE_FP32) | (1U << CUHUE_TF32) | (1U << CUHUE_FP16);

std::string gpu_name(std::size_t index) {
  return "cuda:" + std::to_string(index);
}

// A device's name, understood. Nothing is looked for yet.
struct DeviceChoice {
  bool automatic = false, gpu = false;
  std::optional<int> index;  // of the GPU; empty = the first that this build can use
};

DeviceChoice parse_device(const char* asked) {
  const std::string_view name = asked == nullptr ? "auto" : asked;
  if (name == "auto") return {true, true, {}};
  if (name == "cpu" || name == "-1") return {};
  if (name == "cuda") return {false, true, {}};
  constexpr std::string_view kPrefix = "cuda:";
  int index = 0;
  if (name.starts_with(kPrefix)) {
    const std::string_view digits = name.substr(kPrefix.size());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (error == std::errc() && end == digits.data() + digits.size() && index >= 0)
      return {false, true, index};
  }
  throw Error(Status::usage, "device '" + std::string(name) + "' is unknown; use auto, cpu, cuda or cuda:N");
}

// The first GPU that this build can use, or nothing and why.
std::optional<int> first_usable(std::string& why) {
  const std::vector<CudaDeviceInfo> gpus = cuda_devices(why);
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    if (gpus[i].unusable.empty()) return static_cast<int>(i);
    why += (why.empty() ? "" : "; ") + gpu_name(i) + ": " + gpus[i].unusable;
  }
  return {};
}

void check_precision(const cuhue_precision& precision, const std::string& device, unsigned supported) {
  static constexpr const char* kNames[] = {"fp32", "tf32", "fp16", "int8"};
  require(number_of(precision) <= CUHUE_INT8, "precision is not one of cuhue_precision's values");
  if ((supported & (1U << precision)) != 0) return;
  throw Error(Status::usage, std::string("precision ") + kNames[precision] + " is not supported on " +
                                 device + "; use fp32" +
                                 (supported == kGpuPrecisions ? ", tf32 or fp16" : ""));
}

// no_gpu: why it was not one, when that is not the caller's choice.
void use_cpu(cuhue_engine& engine, const cuhue_engine_options& o, const std::string& no_gpu = {}) {
  engine.device = "cpu";
  check_precision(o.precision, no_gpu.empty() ? "cpu" : "cpu, and there is no GPU (" + no_gpu + ")",
                  kCpuPrecisions);
  engine.backend = make_cpu_backend();
}

void use_gpu(cuhue_engine& engine, const cuhue_engine_options& o, int index) {
  engine.device = gpu_name(static_cast<std::size_t>(index));
  check_precision(o.precision, engine.device, kGpuPrecisions);
  CudaOptions c;
  c.device = index;
  c.precision = static_cast<Precision>(o.precision);
  c.tune = o.tune != 0;
  if (o.plan_cache != nullptr) c.plan_cache = o.plan_cache;
  c.warn = [weak = std::weak_ptr<const Log>(engine.log)](const std::string& text) {
    if (const auto log = weak.lock()) log->say(CUHUE_LOG_WARNING, text);
  };
  engine.backend = make_cuda_backend(c);
  engine.on_gpu = true;
}
static_assert(static_cast<int>(Precision::fp32) == CUHUE_FP32 &&
              static_cast<int>(Precision::tf32) == CUHUE_TF32 &&
              static_cast<int>(Precision::fp16) == CUHUE_FP16);

void choose_device(cuhue_engine& engine, const cuhue_engine_options& o) {
  const DeviceChoice choice = parse_device(o.device);
  if (!choice.gpu) return use_cpu(engine, o);
  if (choice.index) return use_gpu(engine, o, *choice.index);
  std::string why;
  const std::optional<int> gpu = first_usable(why);
  if (!choice.automatic) {
    if (!gpu) throw Error(Status::device, "device 'cuda': " + why + kUseCpu);
    return use_gpu(engine, o, *gpu);
  }
  if (gpu) {
    try {
      return use_gpu(engine, o, *gpu);
    } catch (const Error& e) {  // e.g. other programs have all of its memory
      if (e.status() != Status::device && e.status() != Status::out_of_memory) throw;
      engine.say(CUHUE_LOG_WARNING, std::string("device 'auto' is the CPU: ") + e.what());
      return use_cpu(engine, o, e.what());
    }
  }
  engine.say(CUHUE_LOG_INFO, "device 'auto' is the CPU: " + why);
  use_cpu(engine, o, why);
}

template <std::size_t N>
void set_text(char (&to)[N], const std::string& text) {
  std::snprintf(to, N, "%s", text.c_str());
}

cuhue_device_info cpu_info() {
  cuhue_device_info d{};
  set_text(d.name, "cpu");
  set_text(d.description, cpu_model());
  d.memory_bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  d.threads = usable_cores();
  d.precisions = kCpuPrecisions;
  return d;
}

cuhue_device_info gpu_info(const CudaDeviceInfo& gpu, std::size_t index) {
  cuhue_device_info d{};
  set_text(d.name, gpu_name(index));
  set_text(d.description, gpu.description);
  d.memory_bytes = gpu.memory_bytes;
  d.threads = gpu.multiprocessors;
  d.precisions = gpu.unusable.empty() ? kGpuPrecisions : 0;
  set_text(d.unusable, gpu.unusable);
  return d;
}

}  // namespace

LoadedNetwork cuhue_engine::load(const cuhue_weights& weights) const {
  return {weights.data->network, backend, weights.data->on_device(backend), compile,
          weights.data->properties};
}

extern "C" {

cuhue_status cuhue_engine_create(const cuhue_engine_options* options, cuhue_engine** engine,
                                 cuhue_error* error) {
  return guard(error, [&] {
    require(engine != nullptr, "engine is NULL");
    const cuhue_engine_options o = read_struct(options);
    require(o.threads >= 0 && o.threads <= kMaxThreads, "threads is not in 0..1024");
    auto made = std::make_unique<cuhue_engine>();
    made->compile.threads = o.threads > 0 ? o.threads : usable_cores();
    made->log->function = o.log;
    made->log->user = o.log_user;
    if (o.log_level != 0) made->log->level = o.log_level;
    choose_device(*made, o);
    made->say(CUHUE_LOG_DEBUG,
              "engine: " + made->device + ", " + std::to_string(made->compile.threads) + " threads");
    *engine = made.release();
  });
}

void cuhue_engine_free(cuhue_engine* engine) {
  delete engine;
}
const char* cuhue_engine_device(const cuhue_engine* engine) {
  return engine == nullptr ? "" : engine->device.c_str();
}
int cuhue_engine_threads(const cuhue_engine* engine) {
  return engine == nullptr ? 0 : engine->compile.threads;
}

size_t cuhue_device_count(void) {
  try {
    std::string why;
    return 1 + cuda_devices(why).size();
  } catch (...) {  // no memory for the list
    return 1;
  }
}

cuhue_status cuhue_device(size_t index, cuhue_device_info* info, cuhue_error* error) {
  return guard(error, [&] {
    if (index == 0) return write_struct(info, cpu_info());
    std::string why;
    const std::vector<CudaDeviceInfo> gpus = cuda_devices(why);
    require(index <= gpus.size(), "there is no device of this index");
    write_struct(info, gpu_info(gpus[index - 1], index - 1));
  });
}

}  // extern "C"
