#include "converter/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>

#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                        kLocator64 = 0x07064b50, kDescriptor = 0x08074b50;
constexpr std::uint64_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kLocatorSize = 20;
constexpr std::uint32_t kMax32 = 0xffffffffu;
constexpr unsigned kEncrypted = 1u | 1u << 6 | 1u << 13, kHasDescriptor = 1u << 3;

struct Directory {
  std::uint64_t offset = 0, size = 0, count = 0;
};

struct Central {
  std::uint64_t flags = 0, method = 0, compressed = 0, size = 0, offset = 0;
  std::uint32_t crc = 0;
  std::string_view name;
};

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, const std::string& label) : bytes_(bytes), label_(label) {}

  std::vector<ZipEntry> run();

 private:
  std::uint64_t number(std::uint64_t at, int size) const {
    std::uint64_t value = 0;
    for (int i = size; i-- > 0;)
      value = value << 8 | std::to_integer<std::uint64_t>(bytes_[at + static_cast<std::uint64_t>(i)]);
    return value;
  }
  bool has(std::uint64_t at, std::uint64_t size) const {
    return at <= bytes_.size() && size <= bytes_.size() - at;
  }
  bool signature(std::uint64_t at, std::uint32_t expected) const {
    return has(at, 4) && number(at, 4) == expected;
  }
  std::string_view text(std::uint64_t at, std::uint64_t size) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + at, static_cast<std::size_t>(size)};
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Status::weights, label_ + ": " + what + "; the zip archive is damaged, get it again");
  }
  [[noreturn]] void fail(std::string_view entry, const std::string& what) const {
    throw Error(Status::weights, label_ + ", entry '" + clean_text(entry, 100) + "': " + what);
  }

  std::uint64_t find_end() const;
  Directory read_end() const;
  Directory read_end64(std::uint64_t end, Directory from32) const;
  Central read_central(std::uint64_t at, std::uint64_t directory_end, std::uint64_t& next) const;
  void read_extra64(Central& entry, std::uint64_t at, std::uint64_t size) const;
  void check_entry(const Central& entry) const;
  std::span<const std::byte> locate(const Central& entry, std::uint64_t limit, std::uint64_t& end) const;
  void check_descriptor(const Central& entry, std::uint64_t at, std::uint64_t limit) const;

  std::span<const std::byte> bytes_;
  const std::string& label_;
};

std::uint64_t Parser::find_end() const {
  const std::uint64_t size = bytes_.size();
  const std::uint64_t stop = size > kEndSize + 0xffff ? size - kEndSize - 0xffff : 0;
  for (std::uint64_t at = size < kEndSize ? 0 : size - kEndSize + 1; at-- > stop;)
    if (signature(at, kEnd) && has(at, kEndSize) && number(at + 20, 2) == size - at - kEndSize) return at;
  fail("the archive's end is missing, the file is cut short");
}

Directory Parser::read_end64(std::uint64_t end, Directory d) const {
  const std::uint64_t locator = end - kLocatorSize;
  const std::uint64_t at = number(locator + 8, 8);
  if (number(locator + 4, 4) != 0 || number(locator + 16, 4) > 1) fail("an archive of several disks");
  if (at > locator || locator - at < kEnd64Size || !signature(at, kEnd64) ||
      number(at + 4, 8) != locator - at - 12)
    fail("the zip64 end record lies outside of the file");
  if (number(at + 16, 4) != 0 || number(at + 20, 4) != 0) fail("an archive of several disks");
  const Directory wide{number(at + 48, 8), number(at + 40, 8), number(at + 32, 8)};
  if (number(at + 24, 8) != wide.count) fail("an archive of several disks");
  if ((d.count != 0xffff && d.count != wide.count) || (d.size != kMax32 && d.size != wide.size) ||
      (d.offset != kMax32 && d.offset != wide.offset))
    fail("the zip64 end record contradicts the end record");
  if (wide.offset > at || at - wide.offset != wide.size)
    fail("the central directory lies outside of the file");
  return wide;
}

Directory Parser::read_end() const {
  const std::uint64_t end = find_end();
  if (number(end + 4, 2) != 0 || number(end + 6, 2) != 0 || number(end + 8, 2) != number(end + 10, 2))
    fail("an archive of several disks");
  Directory d{number(end + 16, 4), number(end + 12, 4), number(end + 10, 2)};
  if (end >= kLocatorSize && signature(end - kLocatorSize, kLocator64)) {
    d = read_end64(end, d);
  } else if (d.offset > end || end - d.offset != d.size) {
    fail("the central directory lies outside of the file");
  }
  if (d.count > ZipArchive::kMaxEntries || d.count * kCentralSize > d.size)
    fail("the central directory cannot hold " + std::to_string(d.count) + " entries");
  return d;
}

void Parser::read_extra64(Central& entry, std::uint64_t at, std::uint64_t size) const {
  for (std::uint64_t field = at; at + size - field >= 4;) {
    const std::uint64_t length = number(field + 2, 2);
    if (length > at + size - field - 4) break;
    if (number(field, 2) == 1) {
      std::uint64_t from = field + 4;
      for (std::uint64_t* value : {&entry.size, &entry.compressed, &entry.offset}) {
        if (*value != kMax32) continue;
        if (field + 4 + length - from < 8)
          fail(entry.name, "its zip64 field is too short; the file is damaged");
        *value = number(from, 8);
        from += 8;
      }
      return;
    }
    field += 4 + length;
  }
}

Central Parser::read_central(std::uint64_t at, std::uint64_t directory_end, std::uint64_t& next) const {
  if (directory_end - at < kCentralSize || !signature(at, kCentral)) fail("the central directory is broken");
  const std::uint64_t name = number(at + 28, 2), extra = number(at + 30, 2), comment = number(at + 32, 2);
  if (directory_end - at - kCentralSize < name + extra + comment) fail("the central directory is broken");
  next = at + kCentralSize + name + extra + comment;
  Central entry;
  entry.name = text(at + kCentralSize, name);
  entry.flags = number(at + 8, 2);
  entry.method = number(at + 10, 2);
  entry.crc = static_cast<std::uint32_t>(number(at + 16, 4));
  entry.compressed = number(at + 20, 4);
  entry.size = number(at + 24, 4);
  entry.offset = number(at + 42, 4);
  if (number(at + 34, 2) != 0) fail(entry.name, "lies on another disk; the file is damaged");
  read_extra64(entry, at + kCentralSize + name, extra);
  return entry;
}

// Names never become paths here; one that could escape a folder was still not written by PyTorch.
bool escapes(std::string_view name) {
  if (name.starts_with('/') || name.find('\\') != std::string_view::npos) return true;
  for (std::size_t from = 0; from <= name.size();) {
    const std::size_t end = std::min(name.find('/', from), name.size());
    if (name.substr(from, end - from) == "..") return true;
    from = end + 1;
  }
  return false;
}

void Parser::check_entry(const Central& entry) const {
  if (entry.name.empty() || !is_clean_text(entry.name))
    fail(entry.name, "its name is not plain text; the file is damaged");
  if (escapes(entry.name))
    fail(entry.name, "its name leads out of the archive; this is no PyTorch checkpoint");
  if ((entry.flags & kEncrypted) != 0) fail(entry.name, "is encrypted; unpack it and save the model again");
  if (entry.method == 8)
    fail(entry.name,
         "is compressed (deflate), PyTorch stores entries as they are; unpack it, then repack with: zip -0");
  if (entry.method != 0)
    fail(entry.name,
         "is compressed (method " + std::to_string(entry.method) + "); unpack it, then repack with: zip -0");
  if (entry.compressed != entry.size)
    fail(entry.name, "is stored but its two sizes differ (" + std::to_string(entry.compressed) + " and " +
                         std::to_string(entry.size) + "); the file is damaged");
}

void Parser::check_descriptor(const Central& entry, std::uint64_t at, std::uint64_t limit) const {
  const std::uint64_t signed_by = at <= limit && limit - at >= 4 && number(at, 4) == kDescriptor ? 4 : 0;
  if (limit - at < signed_by + 12 || number(at + signed_by, 4) != entry.crc ||
      (number(at + signed_by + 4, 4) & kMax32) != (entry.size & kMax32))
    fail(entry.name, "its data descriptor contradicts the central directory; the file is damaged");
}

std::span<const std::byte> Parser::locate(const Central& entry, std::uint64_t limit,
                                          std::uint64_t& end) const {
  const std::uint64_t at = entry.offset;
  if (at > limit || limit - at < kLocalSize || !signature(at, kLocal))
    fail(entry.name, "has no local header at " + std::to_string(at) + "; the file is damaged");
  const std::uint64_t name = number(at + 26, 2), extra = number(at + 28, 2);
  if (limit - at - kLocalSize < name + extra)
    fail(entry.name, "its local header is cut short; the file is damaged");
  Central local;
  local.name = entry.name;
  local.flags = number(at + 6, 2);
  local.crc = static_cast<std::uint32_t>(number(at + 14, 4));
  local.compressed = number(at + 18, 4);
  local.size = number(at + 22, 4);
  read_extra64(local, at + kLocalSize + name, extra);
  const bool deferred = (entry.flags & kHasDescriptor) != 0;  // sizes and CRC may stand behind the data
  const bool same_sizes = local.compressed == entry.compressed && local.size == entry.size;
  if (text(at + kLocalSize, name) != entry.name || local.flags != entry.flags ||
      number(at + 8, 2) != entry.method || (local.crc != entry.crc && !(deferred && local.crc == 0)) ||
      (!same_sizes && !(deferred && local.compressed == 0 && local.size == 0)))
    fail(entry.name, "its local header contradicts the central directory; the file is damaged");
  const std::uint64_t data = at + kLocalSize + name + extra;
  if (limit - data < entry.size)
    fail(entry.name,
         "its " + std::to_string(entry.size) + " bytes reach beyond the file's data; the file is damaged");
  end = data + entry.size;
  if (deferred) check_descriptor(entry, end, limit);
  return bytes_.subspan(static_cast<std::size_t>(data), static_cast<std::size_t>(entry.size));
}

std::vector<ZipEntry> Parser::run() {
  struct Extent {
    std::uint64_t begin, end;
    std::uint32_t entry;
  };
  const Directory directory = read_end();
  const std::uint64_t directory_end = directory.offset + directory.size;
  std::vector<ZipEntry> entries;
  std::vector<Extent> extents;
  entries.reserve(static_cast<std::size_t>(directory.count));
  extents.reserve(static_cast<std::size_t>(directory.count));
  std::uint64_t at = directory.offset;
  for (std::uint32_t i = 0; i < directory.count; ++i) {
    const Central entry = read_central(at, directory_end, at);
    check_entry(entry);
    Extent extent{entry.offset, 0, i};
    entries.push_back({entry.name, locate(entry, directory.offset, extent.end), entry.crc});
    extents.push_back(extent);
  }
  if (at != directory_end) fail("the central directory is longer than its entries");
  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
  for (std::size_t i = 1; i < extents.size(); ++i)
    if (extents[i - 1].end > extents[i].begin)
      fail(entries[extents[i].entry].name, "overlaps entry '" +
                                               clean_text(entries[extents[i - 1].entry].name, 100) +
                                               "'; the file is damaged");
  return entries;
}

}  // namespace

ZipArchive ZipArchive::open(std::span<const std::byte> bytes, std::string label) {
  ZipArchive archive;
  archive.label_ = std::move(label);
  archive.entries_ = Parser(bytes, archive.label_).run();
  const std::vector<ZipEntry>& entries = archive.entries_;
  std::vector<std::uint32_t>& order = archive.by_name_;
  order.resize(entries.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return entries[a].name < entries[b].name; });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (entries[order[i - 1]].name == entries[order[i]].name)
      throw Error(Status::weights, archive.label_of(entries[order[i]]) +
                                       ": stands in the archive twice; the file is damaged, get it again");
  return archive;
}

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto found =
      std::lower_bound(by_name_.begin(), by_name_.end(), name,
                       [&](std::uint32_t i, std::string_view n) { return entries_[i].name < n; });
  return found != by_name_.end() && entries_[*found].name == name ? &entries_[*found] : nullptr;
}

void ZipArchive::check_contents(const ZipEntry& entry) const {
  const auto* const data = reinterpret_cast<const Bytef*>(entry.data.data());
  const auto crc = static_cast<std::uint32_t>(::crc32_z(0, data, entry.data.size()));
  if (crc != entry.crc32)
    throw Error(Status::weights,
                label_of(entry) +
                    ": its contents do not have the recorded CRC-32; the file is damaged, get it again");
}

std::string ZipArchive::label_of(const ZipEntry& entry) const {
  return label_ + ", entry '" + clean_text(entry.name, 100) + "'";
}

}  // namespace cuhue
