// SHA-256 as checkpoints are published with.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace cuhue {

std::string sha256_hex(std::span<const std::byte> bytes);  // 64 lower-case digits

}  // namespace cuhue
