#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

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

// Which device a name means. Only what is built in can be chosen.
std::string chosen_device(const char* asked) {
  const std::string_view name = asked == nullptr ? "auto" : asked;
  if (name == "auto" || name == "cpu" || name == "-1") return "cpu";
  if (name == "cuda" || name.starts_with("cuda:")) {
    throw Error(Status::device,
                "device '" + std::string(name) +
                    "': this build has no CUDA backend; use 'cpu', or build with CUHUE_CUDA=ON");
  }
  throw Error(Status::usage, "device '" + std::string(name) + "' is unknown; use auto, cpu, cuda or cuda:N");
}

void check_precision(cuhue_precision precision, const std::string& device) {
  static constexpr const char* kNames[] = {"fp32", "tf32", "fp16", "int8"};
  require(precision >= CUHUE_FP32 && precision <= CUHUE_INT8,
          "precision is not one of cuhue_precision's values");
  if (precision != CUHUE_FP32) {
    throw Error(Status::usage, std::string("precision ") + kNames[precision] + " is not supported on " +
                                   device + "; use fp32");
  }
}

}  // namespace

LoadedNetwork cuhue_engine::load(const cuhue_weights& weights) const {
  return {weights.data->network, backend, weights.data->on_device(backend), compile};
}

extern "C" {

cuhue_status cuhue_engine_create(const cuhue_engine_options* options, cuhue_engine** engine,
                                 cuhue_error* error) {
  return guard(error, [&] {
    require(engine != nullptr, "engine is NULL");
    const cuhue_engine_options o = read_struct(options);
    require(o.threads >= 0 && o.threads <= kMaxThreads, "threads is not in 0..1024");
    auto made = std::make_unique<cuhue_engine>();
    made->device = chosen_device(o.device);
    check_precision(o.precision, made->device);
    made->backend = make_cpu_backend();
    made->compile.threads = o.threads > 0 ? o.threads : usable_cores();
    made->log = o.log;
    made->log_user = o.log_user;
    if (o.log_level != 0) made->log_level = o.log_level;
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
  return 1;
}

cuhue_status cuhue_device(size_t index, cuhue_device_info* info, cuhue_error* error) {
  return guard(error, [&] {
    require(index < cuhue_device_count(), "there is no device of this index");
    cuhue_device_info d{};
    std::snprintf(d.name, sizeof d.name, "cpu");
    std::snprintf(d.description, sizeof d.description, "%s", cpu_model().c_str());
    d.memory_bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
    d.threads = usable_cores();
    d.precisions = 1U << CUHUE_FP32;
    write_struct(info, d);
  });
}

}  // extern "C"
