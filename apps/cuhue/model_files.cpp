#include "apps/cuhue/model_files.h"

#include <cstdlib>

#include "apps/cuhue/files.h"

namespace cuhue::app {
namespace fs = std::filesystem;
namespace {

const char* environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here sets it
  return value != nullptr && *value != '\0' ? value : nullptr;
}

std::string joined_folders() {
  std::string text;
  for (const fs::path& folder : model_folders()) text += (text.empty() ? "" : ", ") + folder.string();
  return text.empty() ? "no folder (neither CUHUE_MODELS, XDG_DATA_HOME nor HOME is set)" : text;
}

}  // namespace

std::vector<fs::path> model_folders() {
  std::vector<fs::path> folders;
  if (const char* models = environment("CUHUE_MODELS")) folders.emplace_back(models);
  if (const char* data = environment("XDG_DATA_HOME")) {
    folders.push_back(fs::path(data) / "cuhue");
  } else if (const char* home = environment("HOME")) {
    folders.push_back(fs::path(home) / ".local" / "share" / "cuhue");
  }
  return folders;
}

fs::path writable_model_folder() {
  for (const fs::path& folder : model_folders()) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (is_writable_folder(folder)) return folder;
  }
  throw Failure(CUHUE_OUTPUT, "no folder for weights can be written to; looked at " + joined_folders() +
                                  "; set CUHUE_MODELS to one, or name the file with -o");
}

std::string weights_file_name(const std::string& network) {
  return network + ".safetensors";
}

std::optional<fs::path> find_weights(const std::string& network) {
  for (const fs::path& folder : model_folders()) {
    fs::path path = folder / weights_file_name(network);
    std::error_code error;
    if (fs::is_regular_file(path, error)) return path;
  }
  return std::nullopt;
}

void throw_missing_weights(const std::string& network) {
  throw Failure(CUHUE_WEIGHTS, "no weights of " + network + ": looked for " + weights_file_name(network) +
                                   " in " + joined_folders() + "; get them with `cuhue models fetch " +
                                   network + "`, or name a file with -m");
}

Weights network_weights(const std::string& network, const std::string& file, bool formula) {
  if (formula) return formula_weights(network);
  fs::path path = file;
  if (file.empty()) {
    const auto found = find_weights(network);
    if (!found) throw_missing_weights(network);
    path = *found;
  }
  Weights weights = open_weights(path);
  if (network != cuhue_weights_network(weights.get())) {
    throw Failure(CUHUE_WEIGHTS, path.string() + ": holds weights of " +
                                     cuhue_weights_network(weights.get()) + ", not of " + network +
                                     "; name another file with -m");
  }
  return weights;
}

}  // namespace cuhue::app
