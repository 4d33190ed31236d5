// Snappy's raw block format, decompressed. 50 lines of our own instead of a library, so that no build is
// without it and what a block may cost is known before anything is allocated.
// Layout: google/snappy format_description.txt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "converter/byte_source.h"

namespace cuhue {

// What the block says of its length, which is possible for its size. Error(Status::weights).
std::uint64_t snappy_length(const ByteSource& block);
// Error(Status::weights) unless the block gives exactly as many bytes as it says.
std::vector<std::byte> snappy_decompress(const ByteSource& block);

}  // namespace cuhue
