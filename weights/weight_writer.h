// Writer of the flat weight format (weights/FORMAT.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "weights/atomic_file.h"
#include "weights/dtype.h"

namespace cuhue {

// What the header says of the whole file. Texts: UTF-8 without control characters, at most 1024 bytes.
struct WeightFileInfo {
  std::string network;            // required, [a-z0-9][a-z0-9._-]*, e.g. "eccv16"
  int network_version = 1;        // at least 1
  std::string source_sha256;      // 64 lower-case hex digits of the checkpoint; empty when generated
  std::string source_name;        // base name of that checkpoint, or what generated the weights; bytes that
                                  // are not clean text are written as '?', file names being what they are
  std::string licence;            // SPDX id or a short text; empty = unknown
  std::string converter_version;  // who wrote it, e.g. "cuhue 0.1.0"
  // Properties of the weights, e.g. mask_cent: at most 256, names like the network's, at most 64 bytes.
  std::map<std::string, std::string> extra;
};

// A tensor to write. name: 1..255 bytes of clean UTF-8 without quotes and backslashes; shape: up to 8
// dimensions, each at least 1; data: C order, little-endian, exactly product(shape) * size_of(dtype) bytes,
// not copied.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;
};

// Writes to a temporary name beside `path`, syncs, then renames: a file of that name is either whole or
// absent. Throws Error: Status::usage for names, shapes or metadata outside the profile, Status::output when
// it cannot be written or exists already (and Overwrite::no). The same arguments give the same bytes. Tensors
// keep their order, those with larger elements first (so that each is aligned to its elements).
void write_weight_file(const std::filesystem::path& path, const WeightFileInfo& info,
                       std::span<const TensorToWrite> tensors, Overwrite overwrite = Overwrite::no);

// The same bytes in memory.
std::vector<std::byte> weight_file_bytes(const WeightFileInfo& info, std::span<const TensorToWrite> tensors);

}  // namespace cuhue
