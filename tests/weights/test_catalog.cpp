#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "weights/catalog.h"

using namespace cuhue;

TEST_CASE("every catalog entry is complete and its names are unique") {
  std::set<std::string> names;
  std::set<std::string> files;
  for (const CatalogEntry& e : catalog()) {
    CAPTURE(e.name);
    CHECK(names.emplace(e.name).second);
    CHECK(find_catalog_entry(e.name) == &e);
    CHECK_FALSE(e.network.empty());
    CHECK_FALSE(e.about.empty());
    CHECK_FALSE(e.notes.empty());
    if (!e.published()) {
      CHECK(e.notes.find("no weights are published") != std::string_view::npos);
      CHECK_FALSE(matches(e, 0, std::string(64, '0')));
      continue;
    }
    CHECK(files.emplace(e.file_name).second);
    CHECK_FALSE(e.licence.empty());
    // Without TLS only where the whole hash is known, which says more.
    CHECK((e.url.starts_with("https://") || (e.url.starts_with("http://") && e.sha256.size() == 64)));
    if (!e.fetched()) {
      CHECK(e.notes.find("no hash is known") != std::string_view::npos);
      CHECK_FALSE(matches(e, e.bytes, std::string(64, '0')));
      continue;
    }
    CHECK(e.bytes > 0);
    CHECK((e.sha256.size() == 64 || e.sha256.size() == 8));
    CHECK(std::all_of(e.sha256.begin(), e.sha256.end(),
                      [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }));
    // The publishers of the Zhang checkpoints put the hash's first digits into the name.
    if (e.url.find("colorizers.s3") != std::string_view::npos)
      CHECK(e.file_name.find(e.sha256.substr(0, 8)) != std::string_view::npos);
  }
  CHECK(names.contains("lite"));
  CHECK(names.contains("eccv16"));
  CHECK(names.contains("siggraph17"));
  CHECK_FALSE(find_catalog_entry("masks-gan")->published());
  CHECK_FALSE(find_catalog_entry("scgan")->published());
  CHECK_FALSE(find_catalog_entry("koalarization")->published());
  CHECK(find_catalog_entry("inception-resnet-v2")->fetched());
  CHECK_FALSE(find_catalog_entry("segnet")->fetched());
  CHECK_FALSE(find_catalog_entry("colornet")->fetched());
  CHECK(find_catalog_entry("no such") == nullptr);
}

TEST_CASE("a download matches by its size and hash, whole or published prefix") {
  const CatalogEntry& lite = *find_catalog_entry("lite");
  const std::string sha(lite.sha256);
  CHECK(matches(lite, lite.bytes, sha));
  CHECK_FALSE(matches(lite, lite.bytes - 1, sha));
  CHECK_FALSE(matches(lite, lite.bytes, sha.substr(0, 8)));
  CHECK_FALSE(matches(lite, lite.bytes, std::string("f") + sha.substr(1)));
  CatalogEntry prefix = lite;
  prefix.sha256 = lite.sha256.substr(0, 8);
  CHECK(matches(prefix, lite.bytes, sha));
  CHECK_FALSE(matches(prefix, lite.bytes, std::string("f") + sha.substr(1)));
}
