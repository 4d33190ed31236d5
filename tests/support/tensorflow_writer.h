// Writes TensorFlow checkpoints of both kinds, byte by byte, for tests: whole ones and, with the builders
// below, broken and hostile ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/checkpoint_writer.h"

namespace cuhue::testing {

enum class Compression { none, snappy };

struct TensorFlowV2 {
  std::string index;
  std::vector<std::string> shards;
};
// Tensors go to the shards in turns. Names must be in order.
TensorFlowV2 tensorflow_v2(std::span<const SavedTensor> tensors, std::size_t shards, Compression compression);
std::string tensorflow_v1(std::span<const SavedTensor> tensors, Compression compression);

// ---- builders

using Entries = std::vector<std::pair<std::string, std::string>>;  // keys in order, values
// A sorted table with blocks of about block_bytes.
std::string sorted_table(const Entries& entries, Compression compression, std::size_t block_bytes = 1024);
std::string table_block(const Entries& entries);  // its contents
// Contents as they are, with type and checksum; `raw` is taken for a compressed block with type 1.
std::string stored_block(const std::string& contents, int type);
// Blocks, each already stored, with a metaindex, an index and a footer. last_keys: of the blocks.
std::string table_of_blocks(std::span<const std::string> blocks, std::span<const std::string> last_keys);
std::string snappy_compress(const std::string& plain);
std::uint32_t stored_checksum(const std::string& bytes);  // masked CRC-32C, bit by bit

std::string varint(std::uint64_t value);
std::string proto_number(int field, std::uint64_t value);
std::string proto_fixed32(int field, std::uint32_t value);
std::string proto_bytes(int field, const std::string& bytes);

struct BundleEntry {
  std::uint64_t dtype = 1;
  std::vector<std::int64_t> shape;
  std::uint64_t shard = 0, offset = 0, size = 0;
  std::uint32_t crc = 0;
};
std::string bundle_entry(const BundleEntry& entry);
std::string bundle_header(std::uint64_t shards, std::uint64_t big_endian = 0);
std::string shape_proto(std::span<const std::int64_t> shape);
// V1: a tensor's line in the list of tensors, and its record. `slices` in the list.
std::string v1_declaration(const std::string& name, std::uint64_t dtype, std::span<const std::int64_t> shape,
                           int slices = 1);
std::string v1_record(const std::string& name, std::size_t rank, const std::string& tensor_proto);
std::string v1_header(const std::string& declarations);
std::uint64_t tensorflow_type(DType t);

}  // namespace cuhue::testing
