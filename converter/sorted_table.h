// Sorted string tables in the format of LevelDB, which TensorFlow's checkpoints are: entries with
// prefix-compressed keys in blocks, each raw or compressed with snappy and under a masked CRC-32C. Every byte
// of the file is accounted for: blocks lie one behind the other, and the footer holds nothing else.
// Layout: LevelDB doc/table_format.md.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "converter/byte_source.h"

namespace cuhue {

bool looks_like_sorted_table(std::span<const std::byte> bytes);  // by the magic number at its end

struct TableEntry {
  std::string_view key;     // until the next entry
  const ByteSource& block;  // where `value` lies
  std::uint64_t at = 0;     // of the value in the block
  std::uint64_t size = 0;
  bool in_file = false;  // the block's bytes are the file's; else they go when the visitor returns
};

// Visits every entry in the order of keys, which never repeat. Memory: one decompressed block at a time,
// taken from the budget and given back. Error(Status::weights) names the file and the byte of the block.
void read_sorted_table(const ByteSource& file, MemoryBudget& budget,
                       const std::function<void(const TableEntry&)>& visit);

}  // namespace cuhue
