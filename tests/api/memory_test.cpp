// Peak memory of a process that runs eccv16: weights once, the arena, and 64 MB for everything else.
// Without arguments it starts itself once per way of loading; with them it is the process that is measured.
#include <cuhue/cuhue.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "runtime/networks/network.h"
#include "weights/weight_writer.h"

namespace {

constexpr std::int64_t kMegabyte = 1 << 20;
constexpr std::int64_t kAllowance = 64 * kMegabyte;
constexpr int kSkipped = 77;
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

std::int64_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::strtoll(line.c_str() + 6, nullptr, 10) * 1024;
  }
  return 0;
}

// Opens weights ("formula" or a file), runs 256x256 twice, and judges its own peak. The exit status is the
// verdict.
int measured(const char* source) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_engine* engine = nullptr;
  cuhue_weights* weights = nullptr;
  cuhue_network* network = nullptr;
  const char* const outputs[] = {"ab"};
  cuhue_memory memory{};
  memory.struct_size = sizeof memory;
  const bool formula = std::strcmp(source, "formula") == 0;
  const auto ok = [](cuhue_status status) { return status == CUHUE_OK; };
  if (!ok(cuhue_engine_create(nullptr, &engine, &error)) ||
      !ok(formula ? cuhue_weights_formula("eccv16", &weights, &error)
                  : cuhue_weights_open(source, &weights, &error)) ||
      !ok(cuhue_network_create(engine, weights, &network, &error)) ||
      !ok(cuhue_network_prepare(network, 1, 256, 256, outputs, 1, &error)) ||
      !ok(cuhue_network_run(network, nullptr, nullptr, &error)) ||
      !ok(cuhue_network_run(network, nullptr, nullptr, &error)) ||
      !ok(cuhue_network_memory(network, &memory, &error))) {
    std::fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  const std::int64_t peak = peak_resident_bytes();
  const std::int64_t limit = memory.weight_bytes + memory.arena_bytes + kAllowance;
  std::printf("%s: peak %.1f MB; weights %.1f, arena %.1f, limit %.1f MB\n",
              formula ? "formula" : "weight file", static_cast<double>(peak) / kMegabyte,
              static_cast<double>(memory.weight_bytes) / kMegabyte,
              static_cast<double>(memory.arena_bytes) / kMegabyte, static_cast<double>(limit) / kMegabyte);
  std::fflush(stdout);
  cuhue_network_free(network);
  cuhue_weights_free(weights);
  cuhue_engine_free(engine);
  return peak > memory.weight_bytes && peak <= limit ? 0 : 1;
}

int run_self(const char* source) {
  const pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    execl("/proc/self/exe", "test_memory", source, static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return 1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

void write_formula_file(const std::filesystem::path& path) {
  const cuhue::Network& network = cuhue::network_or_throw("eccv16");
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
  info.network = "eccv16";
  info.source_name = "formula";
  info.converter_version = "test";
  cuhue::write_weight_file(path, info, tensors, cuhue::Overwrite::yes);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) return measured(argv[1]);
  if (kSanitized) {
    std::puts("skipped: a sanitizer's own memory is not the library's");
    return kSkipped;
  }
  std::string folder = (std::filesystem::temp_directory_path() / "cuhue-memory-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const std::filesystem::path file = std::filesystem::path(folder) / "eccv16.safetensors";
  int failed = run_self("formula") != 0 ? 1 : 0;
  try {
    write_formula_file(file);
    failed += run_self(file.c_str()) != 0 ? 1 : 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    ++failed;
  }
  std::filesystem::remove_all(folder);
  std::printf("%d failures\n", failed);
  return failed;
}
