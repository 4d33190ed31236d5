// What reader and writer of the flat weight format share; the format itself is specified in
// weights/FORMAT.md, whose section numbers stand in brackets.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "weights/dtype.h"

namespace cuhue::format {

static_assert(std::endian::native == std::endian::little,
              "weight files are read in place: little-endian only");

inline constexpr std::string_view kVersion = "1";
inline constexpr std::size_t kLengthBytes = 8;           // [2] the header's length, u64 little-endian
inline constexpr std::size_t kAlignment = 64;            // [2] of the data section
inline constexpr std::uint64_t kMaxDataStart = 1 << 24;  // [2] length field and header together
inline constexpr std::size_t kMaxTensors = 65536;        // [5]
inline constexpr std::size_t kMaxRank = 8;               // [5]
inline constexpr std::size_t kMaxNameBytes = 255;        // [5]
inline constexpr std::size_t kMaxProperties = 256;       // [4]
inline constexpr std::size_t kMaxTextBytes = 1024;       // [4] of each metadata value
inline constexpr std::size_t kMaxPropertyNameBytes = 64;

// [3] How every header starts. The 16 digits of its checksum follow kStart, so their place is fixed.
inline constexpr std::string_view kMagic = R"({"__metadata__":{"cuhue_format":")";
inline constexpr std::string_view kStart = R"({"__metadata__":{"cuhue_format":"1","header_xxh3":")";
inline constexpr std::size_t kHeaderHashAt = kLengthBytes + kStart.size();  // from the file's first byte
inline constexpr std::size_t kHashDigits = 16;

inline constexpr std::string_view kPropertyPrefix = "property.";
inline constexpr std::string_view kChecksumPrefix = "xxh3.";

// [3] Checksum of bytes [0, data start) of a file with the 16 digits at kHeaderHashAt taken as '0'.
// length_and_header holds at least kHeaderHashAt + 16 bytes.
std::uint64_t header_checksum(std::span<const std::byte> length_and_header);

// nullopt when fine, else what is wrong, to follow "tensor name": "is empty", ...
std::optional<std::string> problem_of_tensor_name(std::string_view name);
std::optional<std::string> problem_of_network(std::string_view id);
std::optional<std::string> problem_of_source_sha256(std::string_view digits);
std::optional<std::string> problem_of_text(std::string_view value);
std::optional<std::string> problem_of_property_name(std::string_view name);

// Bytes of a tensor; nullopt when rank or a dimension is outside the profile or the product overflows.
std::optional<std::uint64_t> tensor_bytes(DType dtype, std::span<const std::int64_t> shape);

std::optional<DType> dtype_of(std::string_view name);

// Offset of the first BOOL element that is neither 0 nor 1, or nullopt.
std::optional<std::size_t> find_bad_boolean(std::span<const std::byte> data);

}  // namespace cuhue::format
