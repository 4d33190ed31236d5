// TensorFlow's two kinds of checkpoints, both sorted tables: V2 ("tensor bundle": PREFIX.index names the
// tensors, PREFIX.data-00000-of-00001 and on hold them) and V1 (one file that holds its tensors as records).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "converter/byte_source.h"
#include "converter/state_dict.h"

namespace cuhue {

// The bytes of one of `count` data files, which the checkpoint keeps. Error(Status::weights): there is none.
using OpenShard = std::function<ByteSource(std::uint64_t shard, std::uint64_t count)>;

// Fills format, tensors, skipped, more_files and keep_alive; label and file (the sorted table) are set. Every
// checksum is verified: of the table's blocks and, in V2, of every tensor. Error(Status::weights).
void read_tensorflow(Checkpoint& checkpoint, const OpenShard& open_shard);

// Shards that lie beside the index: PREFIX.data-00000-of-00002, never a name from inside of the file.
OpenShard shards_beside(Checkpoint& checkpoint, const std::filesystem::path& index);
// For an index without a path.
OpenShard no_shards(const Checkpoint& checkpoint);

// PREFIX.index of a prefix, or of the name of one of its data files; `path` itself if there is none.
std::filesystem::path tensorflow_index_of(const std::filesystem::path& path);

}  // namespace cuhue
