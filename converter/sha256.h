// SHA-256 as checkpoints are published with.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace cuhue {

std::string sha256_hex(std::span<const std::byte> bytes);                   // 64 lower-case digits
std::string sha256_hex(std::span<const std::span<const std::byte>> parts);  // one behind the other
std::string sha256_of_file(
    const std::filesystem::path& path);  // Error(Status::weights) when it cannot be read

}  // namespace cuhue
