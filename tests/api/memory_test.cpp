// What cuhue_network_memory() and `cuhue info` state, weights and arena, is what a network takes: the peak
// that loading its weight file and running it adds to a process is within 10 % of it, and a few MiB for the
// code that oneDNN generates. Every network is measured in a process of its own: without arguments this
// program starts itself once for each.
#include <cuhue/cuhue.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/networks/network.h"
#include "weights/weight_writer.h"

namespace {

constexpr std::int64_t kCode = 4 << 20;
constexpr int kSkipped = 77;
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// "VmHWM:", the most memory that was resident; "VmRSS:", what is now.
std::int64_t status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(key, 0) == 0) return std::strtoll(line.c_str() + key.size(), nullptr, 10) * 1024;
  }
  return 0;
}

bool ok(cuhue_status status) {
  return status == CUHUE_OK;
}

struct Handles {
  cuhue_weights* weights = nullptr;
  cuhue_network* network = nullptr;
  cuhue_detector* detector = nullptr;
  Handles() = default;
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;
  ~Handles() {
    cuhue_network_free(network);
    cuhue_detector_free(detector);
    cuhue_weights_free(weights);
  }
};

bool open(const cuhue::Network& network, const char* source, Handles& h, cuhue_error& error) {
  return ok(source == nullptr ? cuhue_weights_formula(network.name.data(), &h.weights, &error)
                              : cuhue_weights_open(source, &h.weights, &error));
}

// The same of a network that finds objects, in a small picture.
bool detect(cuhue_engine* engine, const cuhue::Network& network, const char* source, Handles& h,
            cuhue_error& error) {
  constexpr std::int64_t kSide = 128;
  const std::vector<std::uint8_t> pixels = cuhue::formula_image(3, kSide, kSide);
  cuhue_picture_array picture{};
  picture.struct_size = sizeof picture;
  picture.data = pixels.data();
  picture.dtype = CUHUE_U8;
  picture.height = picture.width = kSide;
  if (!open(network, source, h, error) ||
      !ok(cuhue_detector_create(engine, h.weights, &h.detector, &error)) ||
      !ok(cuhue_detector_set(h.detector, "min_size", kSide, &error)) ||
      !ok(cuhue_detector_set(h.detector, "score_threshold", 0.99, &error)))  // few masks: they take time
    return false;
  for (int i = 0; i < 2; ++i) {
    cuhue_detections* found = nullptr;
    if (!ok(cuhue_detect_array(h.detector, &picture, nullptr, &found, nullptr, &error))) return false;
    cuhue_detections_free(found);
  }
  return true;
}

// Opens weights (nullptr: formula weights) and runs the network's result twice.
bool run(cuhue_engine* engine, const cuhue::Network& network, const char* source, std::int64_t side,
         Handles& h, cuhue_error& error) {
  std::vector<const char*> outputs;
  for (const auto& output : network.outputs) {
    if (!output.by_product) outputs.push_back(output.name.data());
  }
  return open(network, source, h, error) && ok(cuhue_network_create(engine, h.weights, &h.network, &error)) &&
         ok(cuhue_network_prepare(h.network, 1, side, side, outputs.data(), outputs.size(), &error)) &&
         ok(cuhue_network_run(h.network, nullptr, nullptr, &error)) &&
         ok(cuhue_network_run(h.network, nullptr, nullptr, &error));
}

// Judges the peak of its own process. The exit status is the verdict.
int measured(const char* name, const char* source) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_engine* engine = nullptr;
  cuhue_memory memory{};
  memory.struct_size = sizeof memory;
  const cuhue::Network& network = cuhue::network_or_throw(name);
  if (!ok(cuhue_engine_create(nullptr, &engine, &error))) return 1;
  {
    // What the libraries need once is not the network's.
    Handles warm_up;
    if (!run(engine, cuhue::network_or_throw("lite"), nullptr, 8, warm_up, error)) return 1;
  }
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak counts from here
  const std::int64_t before = status_bytes("VmRSS:");
  {
    Handles h;
    const bool detects = !network.parts.empty();
    if (!(detects ? detect(engine, network, source, h, error)
                  : run(engine, network, source, network.default_size, h, error)) ||
        !ok(detects ? cuhue_detector_memory(h.detector, &memory, &error)
                    : cuhue_network_memory(h.network, &memory, &error))) {
      std::fprintf(stderr, "%s\n", error.message);
      return 1;
    }
  }
  cuhue_engine_free(engine);
  const std::int64_t used = status_bytes("VmHWM:") - before,
                     stated = memory.weight_bytes + memory.arena_bytes;
  const auto mib = [](std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); };
  std::printf("%-20s used %7.1f MiB, stated %7.1f (weights %.1f, arena %.1f); process %.1f\n", name,
              mib(used), mib(stated), mib(memory.weight_bytes), mib(memory.arena_bytes),
              mib(status_bytes("VmHWM:")));
  std::fflush(stdout);
  return std::abs(used - stated) <= stated / 10 + kCode ? 0 : 1;
}

int run_self(std::string_view network, const char* source) {
  const pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    execl("/proc/self/exe", "test_memory", network.data(), source, static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return 1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

void write_formula_file(const cuhue::Network& network, const std::filesystem::path& path) {
  const cuhue::FormulaSource source(network);
  std::vector<std::vector<float>> contents;
  std::vector<cuhue::TensorToWrite> tensors;
  for (const cuhue::Param& p : cuhue::schema(network)) {
    if (p.role == cuhue::ParamRole::ignored) continue;
    std::vector<float> scratch;
    const std::span<const float> values = source.fetch(p, scratch);
    contents.emplace_back(values.begin(), values.end());
    tensors.push_back({p.name, cuhue::DType::f32, p.shape, std::as_bytes(std::span(contents.back()))});
  }
  cuhue::WeightFileInfo info;
  info.network = network.name;
  info.source_name = "formula";
  info.converter_version = "test";
  cuhue::write_weight_file(path, info, tensors, cuhue::Overwrite::yes);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) return measured(argv[1], argv[2]);
  if (kSanitized) {
    std::puts("skipped: a sanitizer's own memory is not the library's");
    return kSkipped;
  }
  std::string folder = (std::filesystem::temp_directory_path() / "cuhue-memory-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const std::filesystem::path file = std::filesystem::path(folder) / "weights.safetensors";
  int failed = 0;
  for (const cuhue::Network& network : cuhue::networks()) {
    try {
      write_formula_file(network, file);
      failed += run_self(network.name, file.c_str()) != 0 ? 1 : 0;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
      ++failed;
    }
  }
  std::filesystem::remove_all(folder);
  std::printf("%d failures\n", failed);
  return failed;
}
