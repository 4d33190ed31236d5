// Where weight files are looked for and kept.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "apps/cuhue/api.h"

namespace cuhue::app {

// The folder that CUHUE_MODELS names, then the user's data folder ($XDG_DATA_HOME/cuhue,
// ~/.local/share/cuhue).
std::vector<std::filesystem::path> model_folders();

// Where new weights go: the first of model_folders() that can be written to; it is created when missing.
// Throws Failure with CUHUE_OUTPUT.
std::filesystem::path writable_model_folder();

std::string weights_file_name(const std::string& network);  // "lite.safetensors"
std::optional<std::filesystem::path> find_weights(const std::string& network);

// From the file named, from the formula, or found by the network's name; checks that they are the network's.
// Throws Failure with CUHUE_WEIGHTS that names the folders searched and the remedy.
Weights network_weights(const std::string& network, const std::string& file, bool formula);
[[noreturn]] void throw_missing_weights(const std::string& network);

}  // namespace cuhue::app
