// A whole file in memory.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace cuhue {

// Throws Error(Status::input) that names the path: missing, unreadable, a folder, or over 2 GiB.
std::vector<std::byte> read_file(const std::string& path);

}  // namespace cuhue
