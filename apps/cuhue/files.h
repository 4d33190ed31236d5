// Files read and written by the program itself; pictures go through the C API.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cuhue::app {

// Whole file or stdin ("-"). Throws Failure with CUHUE_INPUT, or CUHUE_CANCELLED after a signal.
std::vector<std::byte> read_file(const std::filesystem::path& path);
std::vector<std::byte> read_stdin();

// To a temporary name beside path, then renamed: whole or absent. Devices and pipes are written directly.
// Throws Failure with CUHUE_OUTPUT.
void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);

// To the file that --json names, "-" for stdout; nothing when empty.
void write_json(const std::string& target, const nlohmann::ordered_json& json);

// Whether a file can be created in this folder.
bool is_writable_folder(const std::filesystem::path& folder);

}  // namespace cuhue::app
