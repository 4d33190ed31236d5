// Weight files made by hand: any JSON, any data, with a length, padding and header checksum that fit.
#pragma once

#include <cstring>
#include <span>
#include <string>

#include "tests/weights/weight_samples.h"
#include "weights/checksum.h"
#include "weights/format.h"

namespace cuhue::test {

inline constexpr const char* kNoHash = "0000000000000000";

// Length field, json, spaces to a multiple of 64; json holds 16 zeros where the header's checksum goes.
inline std::string sealed_header(const std::string& json, std::size_t extra_spaces = 0) {
  std::string header = std::string(8, '\0') + json;
  header.append((64 - header.size() % 64) % 64 + extra_spaces, ' ');
  const std::uint64_t length = header.size() - 8;
  std::memcpy(header.data(), &length, 8);
  if (header.size() >= format::kHeaderHashAt + 16 && header.substr(format::kHeaderHashAt, 16) == kNoHash)
    header.replace(format::kHeaderHashAt, 16,
                   hex16(format::header_checksum(std::as_bytes(std::span(header)))));
  return header;
}

inline Bytes to_bytes(const std::string& text) {
  Bytes bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

// Metadata up to where properties and checksums follow.
inline std::string metadata_start() {
  return R"({"__metadata__":{"cuhue_format":"1","header_xxh3":"0000000000000000","network":"net",)"
         R"("network_version":"1","source_sha256":"","source_name":"","licence":"","converter":"")";
}

}  // namespace cuhue::test
