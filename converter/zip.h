// Zip archives as PyTorch writes them: entries stored without compression, zip64 where needed. The central
// directory must agree with every local header, and everything odd is refused by the entry's name.
// Layout: PKWARE APPNOTE 6.3, sections 4.3 to 4.5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cuhue {

struct ZipEntry {
  std::string_view name;
  std::span<const std::byte> data;
  std::uint32_t crc32 = 0;
};

class ZipArchive {
 public:
  static constexpr std::uint64_t kMaxEntries = 40000;

  // Views into bytes, which must outlive the archive. Checks the whole structure but not the contents:
  // Error(Status::weights) begins with the label and names the entry.
  static ZipArchive open(std::span<const std::byte> bytes, std::string label);

  std::span<const ZipEntry> entries() const { return entries_; }  // as in the central directory
  const ZipEntry* find(std::string_view name) const;
  // Error(Status::weights) unless the contents have the recorded CRC-32.
  void check_contents(const ZipEntry& entry) const;
  // What messages call an entry: label, entry 'name'.
  std::string label_of(const ZipEntry& entry) const;

 private:
  std::string label_;
  std::vector<ZipEntry> entries_;
  std::vector<std::uint32_t> by_name_;
};

}  // namespace cuhue
