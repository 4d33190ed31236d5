// The published checkpoints cuhue knows: where they are, how they are recognised, under which terms.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace cuhue {

struct CatalogEntry {
  std::string_view name;       // as given to `cuhue models fetch`
  std::string_view network;    // the network it holds; this build may not run it (yet)
  std::string_view about;      // one line
  std::string_view url;        // empty = none are published: then there is nothing but `notes`
  std::string_view file_name;  // under which the download is kept
  std::uint64_t bytes = 0;     // of the download; 0 = not known
  // Lower-case hex: all 64 digits, or the 8 that a publisher put into the file name. Empty = not known: `url`
  // is for a browser, and what came from there is converted by hand.
  std::string_view sha256;
  std::string_view licence;  // SPDX id
  std::string_view notes;    // author, and what the licence rests on

  bool published() const { return !url.empty(); }
  bool fetched() const { return published() && !sha256.empty(); }  // by `cuhue models fetch`
};

// In the order they are listed to people; names are unique.
std::span<const CatalogEntry> catalog();
const CatalogEntry* find_catalog_entry(std::string_view name);  // nullptr when unknown

// True when a file of this size and SHA-256 (64 lower-case hex digits) is the published one.
bool matches(const CatalogEntry& entry, std::uint64_t bytes, std::string_view sha256);

}  // namespace cuhue
