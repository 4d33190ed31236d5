// Writer of the flat weight format (weights/FORMAT.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "weights/dtype.h"

namespace cuhue {

// What the header says of the whole file.
struct WeightFileInfo {
  std::string network;            // required, e.g. "eccv16"
  int network_version = 1;        //
  std::string source_sha256;      // 64 hex digits of the checkpoint it came from; empty when generated
  std::string source_name;        // base name of that checkpoint, or what generated the weights
  std::string licence;            // SPDX id or a short text; empty = unknown
  std::string converter_version;  // who wrote it, e.g. "cuhue 0.1.0"
  std::map<std::string, std::string> extra;  // properties of the weights, e.g. mask_cent
};

// A tensor to write. data: C order, little-endian, exactly product(shape) * size_of(dtype) bytes; not copied.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;
};

enum class Overwrite { no, yes };

// Writes to a temporary name beside `path`, syncs, then renames: a file of that name is either whole or
// absent. Throws Error: Status::usage for names, shapes or metadata outside the profile, Status::output when
// it cannot be written or exists already (and Overwrite::no).
void write_weight_file(const std::filesystem::path& path, const WeightFileInfo& info,
                       std::span<const TensorToWrite> tensors, Overwrite overwrite = Overwrite::no);

// The same bytes in memory.
std::vector<std::byte> weight_file_bytes(const WeightFileInfo& info, std::span<const TensorToWrite> tensors);

}  // namespace cuhue
