// The parser of a weight file's header. It accepts the canonical form of FORMAT.md byte for byte and nothing
// else, so it needs no general JSON: no recursion, no copies of names, memory bounded by the number of
// tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/weight_file.h"

namespace cuhue {

struct ParsedHeader {
  std::string network;
  int network_version = 0;
  std::map<std::string, std::string> metadata;    // without the checksums
  std::map<std::string, std::string> properties;  // metadata of kPropertyPrefix, without it
  std::vector<TensorView> tensors;                // names and data point into `file`
  std::vector<std::uint32_t> by_name;             // indices of tensors, sorted by name
};

// Checks everything but the tensors' checksums; file is the whole file. Errors: Status::weights, beginning
// with the label.
ParsedHeader parse_weight_file(std::span<const std::byte> file, const std::string& label);

}  // namespace cuhue
