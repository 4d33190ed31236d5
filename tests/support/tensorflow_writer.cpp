#include "tests/support/tensorflow_writer.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace cuhue::testing {

std::string varint(std::uint64_t value) {
  std::string s;
  for (; value >= 0x80; value >>= 7) s += static_cast<char>(value | 0x80);
  return s + static_cast<char>(value);
}

std::string proto_number(int field, std::uint64_t value) {
  return varint(static_cast<std::uint64_t>(field) << 3) + varint(value);
}

std::string proto_fixed32(int field, std::uint32_t value) {
  return varint(static_cast<std::uint64_t>(field) << 3 | 5) + le(value, 4);
}

std::string proto_bytes(int field, const std::string& bytes) {
  return varint(static_cast<std::uint64_t>(field) << 3 | 2) + varint(bytes.size()) + bytes;
}

std::uint32_t stored_checksum(const std::string& bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
  }
  return std::rotr(~crc, 15) + 0xa282ead8u;
}

namespace {

void put_literal(std::string& out, std::string_view bytes) {
  if (bytes.empty()) return;
  const std::uint64_t n = bytes.size() - 1;
  if (n < 60) {
    out += static_cast<char>(n << 2);
  } else {
    const int extra = n < 1u << 8 ? 1 : n < 1u << 16 ? 2 : 3;
    out += static_cast<char>((59 + extra) << 2) + le(n, extra);
  }
  out += bytes;
}

void put_copy(std::string& out, std::size_t length, std::size_t offset) {
  if (length >= 4 && length <= 11 && offset < 2048) {
    out += static_cast<char>(1 | (length - 4) << 2 | offset >> 8 << 5);
    out += static_cast<char>(offset);
  } else if (offset < 1u << 16) {
    out += static_cast<char>(2 | (length - 1) << 2) + le(offset, 2);
  } else {
    out += static_cast<char>(3 | (length - 1) << 2) + le(offset, 4);
  }
}

}  // namespace

// Greedy: the longest match among all that lies before.
std::string snappy_compress(const std::string& plain) {
  constexpr std::size_t kLongest = 64, kShortest = 4, kWindow = 70000;
  std::string out = varint(plain.size());
  std::size_t literal = 0;
  for (std::size_t at = 0; at < plain.size();) {
    std::size_t best = 0, from = 0;
    for (std::size_t k = at > kWindow ? at - kWindow : 0; k < at && best < kLongest; ++k) {
      std::size_t n = 0;
      while (n < kLongest && at + n < plain.size() && plain[k + n] == plain[at + n]) ++n;
      if (n > best) best = n, from = k;
    }
    if (best < kShortest) {
      ++at;
      continue;
    }
    put_literal(out, std::string_view(plain).substr(literal, at - literal));
    put_copy(out, best, at - from);
    literal = at += best;
  }
  put_literal(out, std::string_view(plain).substr(literal));
  return out;
}

std::string table_block(const Entries& entries) {
  constexpr std::size_t kRestart = 16;
  std::string block, restarts, last;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& [key, value] = entries[i];
    std::size_t shared = 0;
    if (i % kRestart == 0) {
      restarts += le(block.size(), 4);
      ++count;
    } else {
      while (shared < std::min(last.size(), key.size()) && last[shared] == key[shared]) ++shared;
    }
    block += varint(shared) + varint(key.size() - shared) + varint(value.size()) + key.substr(shared) + value;
    last = key;
  }
  if (count == 0) restarts = le(0, 4), count = 1;
  return block + restarts + le(count, 4);
}

std::string stored_block(const std::string& contents, int type) {
  const std::string typed = contents + static_cast<char>(type);
  return typed + le(stored_checksum(typed), 4);
}

std::string table_of_blocks(std::span<const std::string> blocks, std::span<const std::string> last_keys) {
  std::string table;
  Entries index;
  const auto add = [&](const std::string& block) {
    const std::string handle = varint(table.size()) + varint(block.size() - 5);
    table += block;
    return handle;
  };
  for (std::size_t i = 0; i < blocks.size(); ++i) index.emplace_back(last_keys[i], add(blocks[i]));
  std::string footer = add(stored_block(table_block({}), 0));
  footer += add(stored_block(table_block(index), 0));
  footer.resize(40, '\0');
  return table + footer + le(0xdb4775248b80fb57, 8);
}

std::string sorted_table(const Entries& entries, Compression compression, std::size_t block_bytes) {
  std::vector<std::string> blocks, last_keys;
  Entries pending;
  std::size_t bytes = 0;
  const auto flush = [&] {
    if (pending.empty()) return;
    const std::string contents = table_block(pending);
    blocks.push_back(compression == Compression::snappy ? stored_block(snappy_compress(contents), 1)
                                                        : stored_block(contents, 0));
    last_keys.push_back(pending.back().first);
    pending.clear();
    bytes = 0;
  };
  for (const auto& entry : entries) {
    pending.push_back(entry);
    bytes += entry.first.size() + entry.second.size();
    if (bytes >= block_bytes) flush();
  }
  flush();
  return table_of_blocks(blocks, last_keys);
}

std::uint64_t tensorflow_type(DType t) {
  switch (t) {
    case DType::f32: return 1;
    case DType::f64: return 2;
    case DType::i32: return 3;
    case DType::u8: return 4;
    case DType::i16: return 5;
    case DType::i8: return 6;
    case DType::i64: return 9;
    case DType::boolean: return 10;
    case DType::bf16: return 14;
    case DType::f16: return 19;
  }
  throw std::logic_error("no such type");
}

std::string shape_proto(std::span<const std::int64_t> shape) {
  std::string s;
  for (const std::int64_t d : shape) s += proto_bytes(2, proto_number(1, static_cast<std::uint64_t>(d)));
  return s;
}

std::string bundle_header(std::uint64_t shards, std::uint64_t big_endian) {
  return proto_number(1, shards) + (big_endian != 0 ? proto_number(2, big_endian) : "") +
         proto_bytes(3, proto_number(1, 1));
}

std::string bundle_entry(const BundleEntry& e) {
  std::string s = proto_number(1, e.dtype) + proto_bytes(2, shape_proto(e.shape));
  if (e.shard != 0) s += proto_number(3, e.shard);
  if (e.offset != 0) s += proto_number(4, e.offset);
  return s + proto_number(5, e.size) + proto_fixed32(6, e.crc);
}

TensorFlowV2 tensorflow_v2(std::span<const SavedTensor> tensors, std::size_t shards,
                           Compression compression) {
  TensorFlowV2 files;
  files.shards.resize(shards);
  Entries entries = {{"", bundle_header(shards)}};
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const SavedTensor& t = tensors[i];
    std::string& shard = files.shards[i % shards];
    entries.emplace_back(t.name, bundle_entry({tensorflow_type(t.dtype), t.shape, i % shards, shard.size(),
                                               t.data.size(), stored_checksum(t.data)}));
    shard += t.data;
  }
  files.index = sorted_table(entries, compression);
  return files;
}

std::string v1_declaration(const std::string& name, std::uint64_t dtype, std::span<const std::int64_t> shape,
                           int slices) {
  std::string slice, all;
  for (std::size_t d = 0; d < shape.size(); ++d) slice += proto_bytes(1, "");
  for (int i = 0; i < slices; ++i) all += proto_bytes(4, slice);
  return proto_bytes(
      1, proto_bytes(1, name) + proto_bytes(2, shape_proto(shape)) + proto_number(3, dtype) + all);
}

std::string v1_record(const std::string& name, std::size_t rank, const std::string& tensor_proto) {
  std::string slice;
  for (std::size_t d = 0; d < rank; ++d) slice += proto_bytes(1, "");
  return proto_bytes(2, proto_bytes(1, name) + proto_bytes(2, slice) + proto_bytes(3, tensor_proto));
}

std::string v1_header(const std::string& declarations) {
  return proto_bytes(1, declarations + proto_bytes(2, proto_number(1, 1)));
}

std::string tensorflow_v1(std::span<const SavedTensor> tensors, Compression compression) {
  std::string declarations;
  Entries entries = {{"", ""}};
  for (const SavedTensor& t : tensors) {
    declarations += v1_declaration(t.name, tensorflow_type(t.dtype), t.shape);
    std::string values;
    if (t.dtype == DType::f32 || t.dtype == DType::f64) {
      values = proto_bytes(t.dtype == DType::f32 ? 5 : 6, t.data);
    } else {
      const std::size_t size = size_of(t.dtype);
      std::string packed;
      for (std::size_t at = 0; at < t.data.size(); at += size) {
        std::uint64_t value = 0;
        for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(t.data[at + i]);
        const std::size_t unused = 64 - 8 * size;  // negative numbers have all bits in a varint
        packed += varint(static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused));
      }
      values = proto_bytes(t.dtype == DType::i64 ? 10 : 7, packed);
    }
    entries.emplace_back(std::string(1, '\0') + t.name + std::string("\0\1", 2),
                         v1_record(t.name, t.shape.size(), values));
  }
  entries[0].second = v1_header(declarations);
  std::sort(entries.begin() + 1, entries.end());
  return sorted_table(entries, compression);
}

}  // namespace cuhue::testing
