#include "converter/sorted_table.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "converter/crc32c.h"
#include "converter/snappy.h"

namespace cuhue {
namespace {

constexpr std::uint64_t kFooter = 48, kMagic = 0xdb4775248b80fb57, kTrailer = 5;
constexpr std::uint64_t kMaxKey = 4096;
constexpr const char* kDamaged = "; the file is damaged, get it again";

struct Handle {
  std::uint64_t offset = 0, size = 0;
  std::uint64_t end() const { return offset + size + kTrailer; }  // of a handle inside of the file
};

class Table {
 public:
  Table(const ByteSource& file, MemoryBudget& budget) : file_(file), budget_(budget) {}

  void run(const std::function<void(const TableEntry&)>& visit);

 private:
  Handle read_handle(const ByteSource& source, std::uint64_t& at) const;
  // At `expected`, where the block before it ends.
  void check_handle(const Handle& handle, std::uint64_t expected, const char* what) const;
  // Calls visit with every entry of the block, decompressed.
  void read_block(const Handle& handle, const std::function<void(const TableEntry&)>& visit);
  static void read_entries(const ByteSource& block, bool in_file,
                           const std::function<void(const TableEntry&)>& visit);

  const ByteSource& file_;
  MemoryBudget& budget_;
};

Handle Table::read_handle(const ByteSource& source, std::uint64_t& at) const {
  Handle handle;
  handle.offset = source.varint(at, 64, "a block's offset");
  handle.size = source.varint(at, 64, "a block's size");
  return handle;
}

void Table::check_handle(const Handle& handle, std::uint64_t expected, const char* what) const {
  const std::uint64_t limit = file_.size() - kFooter;
  if (handle.offset != expected || handle.offset > limit || handle.size > limit - handle.offset ||
      limit - handle.offset - handle.size < kTrailer)
    file_.fail(expected, std::string(what) + " is said to lie at " + std::to_string(handle.offset) +
                             " with " + std::to_string(handle.size) + " bytes in a file of " +
                             std::to_string(file_.size()) + kDamaged);
}

void Table::read_block(const Handle& handle, const std::function<void(const TableEntry&)>& visit) {
  const std::span<const std::byte> stored = file_.part(handle.offset, handle.size + 1, "a block");
  const std::uint64_t recorded = file_.number(handle.offset + handle.size + 1, 4, "a block's checksum");
  if (masked_crc32c(stored) != recorded)
    file_.fail(handle.offset, std::string("a block does not have its recorded CRC-32C") + kDamaged);
  const std::uint64_t kind = file_.number(handle.offset + handle.size, 1, "a block's type");
  const std::string label = file_.label() + ", block at " + std::to_string(handle.offset);
  const ByteSource contents(stored.first(static_cast<std::size_t>(handle.size)), label);
  if (kind == 0) return read_entries(contents, true, visit);
  if (kind != 1)
    file_.fail(handle.offset + handle.size, "a block is compressed by method " + std::to_string(kind) +
                                                ", of which only 1 (snappy) is read; save the "
                                                "checkpoint again without compression");
  const std::uint64_t length = snappy_length(contents);
  if (!budget_.take(length))
    file_.fail(handle.offset, "a compressed block of " + std::to_string(length) +
                                  " bytes is more than a file of this size may ask for" + kDamaged);
  const std::vector<std::byte> plain = snappy_decompress(contents);
  read_entries(ByteSource(plain, label + " (decompressed)"), false, visit);
  budget_.give_back(length);
}

void Table::read_entries(const ByteSource& block, bool in_file,
                         const std::function<void(const TableEntry&)>& visit) {
  if (block.size() < 4) block.fail(0, std::string("a block without its restart points") + kDamaged);
  const std::uint64_t restarts = block.number(block.size() - 4, 4, "the number of restarts");
  if (restarts > (block.size() - 4) / 4)
    block.fail(block.size() - 4, "a block cannot hold " + std::to_string(restarts) + " restarts" + kDamaged);
  const std::uint64_t end = block.size() - 4 - 4 * restarts;
  std::string key;
  for (std::uint64_t at = 0; at < end;) {
    const std::uint64_t begin = at;
    const std::uint64_t shared = block.varint(at, 32, "an entry's header");
    const std::uint64_t unshared = block.varint(at, 32, "an entry's header");
    const std::uint64_t size = block.varint(at, 32, "an entry's header");
    if (shared > key.size() || at > end || unshared > end - at || size > end - at - unshared)
      block.fail(begin, std::string("an entry reaches beyond its block") + kDamaged);
    if (shared + unshared > kMaxKey)
      block.fail(begin, "a key of " + std::to_string(shared + unshared) + " bytes (4096 at most)" + kDamaged);
    key.resize(static_cast<std::size_t>(shared));
    key += block.text(at, unshared, "a key");
    at += unshared;
    visit({key, block, at, size, in_file});
    at += size;
  }
}

void Table::run(const std::function<void(const TableEntry&)>& visit) {
  if (file_.size() < kFooter || file_.number(file_.size() - 8, 8, "the magic number") != kMagic)
    file_.fail(file_.size(),
               "the footer of a TensorFlow checkpoint is missing; the file is cut short, get it again");
  const std::uint64_t footer = file_.size() - kFooter;
  std::uint64_t at = footer;
  const Handle metaindex = read_handle(file_, at), index = read_handle(file_, at);
  for (; at < file_.size() - 8; ++at)
    if (file_.number(at, 1, "the footer") != 0)
      file_.fail(at, std::string("the footer is not filled with zeros") + kDamaged);
  std::uint64_t expected = 0;
  bool first = true;
  std::string last;
  const auto visit_in_order = [&](const TableEntry& entry) {
    if (!first && entry.key <= last)
      entry.block.fail(entry.at, std::string("keys are not in order") + kDamaged);
    first = false;
    last = entry.key;
    visit(entry);
  };
  // The index comes behind what it points to: its place is checked when all of that is known.
  check_handle(index, metaindex.end(), "the index");
  if (index.end() != footer) file_.fail(footer, std::string("bytes between index and footer") + kDamaged);
  read_block(index, [&](const TableEntry& entry) {
    std::uint64_t place = entry.at;
    const Handle handle = read_handle(entry.block, place);
    if (place != entry.at + entry.size)
      entry.block.fail(entry.at, std::string("an entry of the index is no handle") + kDamaged);
    check_handle(handle, expected, "a block");
    expected = handle.end();
    read_block(handle, visit_in_order);
  });
  check_handle(metaindex, expected, "the metaindex");
  read_block(metaindex, [&](const TableEntry& entry) {
    entry.block.fail(entry.at,
                     "the table has a filter, which TensorFlow does not write; the file is damaged");
  });
}

}  // namespace

bool looks_like_sorted_table(std::span<const std::byte> bytes) {
  std::uint64_t magic = 0;
  if (bytes.size() < kFooter) return false;
  std::memcpy(&magic, bytes.data() + bytes.size() - 8, 8);
  return magic == kMagic;
}

void read_sorted_table(const ByteSource& file, MemoryBudget& budget,
                       const std::function<void(const TableEntry&)>& visit) {
  Table(file, budget).run(visit);
}

}  // namespace cuhue
