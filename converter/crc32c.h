// CRC-32C (Castagnoli) as LevelDB and TensorFlow write it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cuhue {

std::uint32_t crc32c(std::span<const std::byte> bytes);
// As stored: rotated and shifted, so that the checksum of bytes that hold checksums is none itself.
std::uint32_t masked_crc32c(std::span<const std::byte> bytes);

}  // namespace cuhue
