// Damaged TensorFlow and Keras files: every cut and flip is refused or changes nothing.
#include <algorithm>
#include <random>

#include "converter/tensorflow.h"
#include "tests/converter/converter_fixture.h"
#include "tests/converter/measured.h"
#include "tests/support/hdf5_writer.h"
#include "tests/support/tensorflow_writer.h"

namespace cuhue::testing {
namespace {

std::vector<SavedTensor> network() {
  std::mt19937 random(5);
  std::vector<SavedTensor> tensors;
  for (int i = 0; i < 40; ++i) {
    const std::string layer = "conv2d_" + std::to_string(100 + i);
    for (const auto& [name, values] : {std::pair{"/bias", 4u}, std::pair{"/kernel", 72u}}) {
      std::string data(4 * values, '\0');
      for (std::size_t b = 0; b < data.size(); ++b)
        data[b] = static_cast<char>(i % 2 == 0 ? random() : b / 8);
      tensors.push_back({layer + name, DType::f32,
                         values == 4 ? std::vector<std::int64_t>{4} : std::vector<std::int64_t>{3, 3, 2, 4},
                         data});
    }
  }
  return tensors;
}

struct Plain {
  std::string name;
  DType dtype{};
  std::vector<std::int64_t> shape;
  std::string data;
  bool operator==(const Plain&) const = default;
};
std::vector<Plain> plain(const Checkpoint& checkpoint) {
  std::vector<Plain> all;
  for (const CheckpointTensor& t : checkpoint.tensors) all.push_back({t.name, t.dtype, t.shape, bytes_of(t)});
  std::ranges::sort(all, {}, &Plain::name);
  return all;
}

// A checkpoint of one file or several.
using Files = std::vector<std::string>;
Checkpoint read_files(const Files& files) {
  if (files.size() == 1) return read(files[0]);
  Checkpoint checkpoint;
  checkpoint.label = "'test.index'";
  checkpoint.file = as_bytes(files[0]);
  read_tensorflow(checkpoint, [&](std::uint64_t shard, std::uint64_t count) {
    if (count + 1 != files.size()) throw Error(Status::weights, "'test': no such data file");
    return ByteSource(as_bytes(files[shard + 1]), "'test.data'");
  });
  finish_names(checkpoint);
  return checkpoint;
}

// Accepts damage that changed what was read: only HDF5, which has no checksums, may.
using Excuse = bool (*)(const std::vector<Plain>& before, const std::vector<Plain>& after);
bool none(const std::vector<Plain>&, const std::vector<Plain>&) {
  return false;
}
// The damaged byte is one of a value: one byte of all values differs. Or it is one of a name or a type: then
// a tensor of the network is no longer there, which is found when the file is held against the schema.
bool value_or_missing(const std::vector<Plain>& before, const std::vector<Plain>& after) {
  bool missing = false;
  std::size_t bytes = 0;
  for (const Plain& p : before) {
    const auto same = std::ranges::find_if(
        after, [&](const Plain& a) { return a.name == p.name && a.dtype == p.dtype && a.shape == p.shape; });
    if (same == after.end()) {
      missing = true;
      continue;
    }
    for (std::size_t i = 0; i < p.data.size(); ++i) bytes += p.data[i] != same->data[i];
  }
  return missing ? bytes == 0 : bytes == 1 && before.size() == after.size();
}

struct Tally {
  int refused = 0, harmless = 0, excused = 0;
};

void check_damage(const Files& whole, Excuse excuse) {
  const std::vector<Plain> before = plain(read_files(whole));
  std::size_t size = 0;
  for (const std::string& f : whole) size += f.size();
  Tally tally;
  const auto check = [&](const Files& bad, std::size_t at) {
    std::vector<Plain> after;
    const Measured m = measure_action([&] { after = plain(read_files(bad)); });
    if (m.peak > size + kAllowance) FAIL("byte " << at << ": " << m.peak << " bytes allocated");
    if (m.outcome.status == Status::weights) {
      ++tally.refused;
    } else if (m.outcome.status != Status::ok) {
      FAIL("byte " << at << ": " << m.outcome.message);
    } else if (after == before) {
      ++tally.harmless;
    } else if (excuse(before, after)) {
      ++tally.excused;
    } else {
      FAIL("byte " << at << ": damage was not noticed");
    }
  };
  constexpr std::size_t kStart = 4096;
  std::mt19937 random(20260101);
  for (std::size_t f = 0; f < whole.size(); ++f) {
    CAPTURE(f);
    Files bad = whole;
    for (std::size_t at = 0; at < std::min(whole[f].size(), kStart); ++at) {
      bad[f] = whole[f].substr(0, at);
      check(bad, at);
      bad[f] = whole[f];
      for (int bit = 0; bit < 8; ++bit) {
        bad[f][at] = static_cast<char>(whole[f][at] ^ 1 << bit);
        check(bad, at);
      }
      bad[f][at] = static_cast<char>(~whole[f][at]);
      check(bad, at);
    }
  }
  for (int trial = 0; trial < 10000; ++trial) {
    std::size_t f = random() % whole.size();
    while (whole[f].size() <= kStart) f = (f + 1) % whole.size();
    Files bad = whole;
    const std::size_t at = kStart + random() % (whole[f].size() - kStart);
    bad[f][at] = static_cast<char>(whole[f][at] ^ 1 << random() % 8);
    check(bad, at);
  }
  MESSAGE(size << " bytes: " << tally.refused << " refused, " << tally.harmless << " without effect, "
               << tally.excused << " values, names or types");
}

Files v2_files(std::size_t shards, Compression compression) {
  TensorFlowV2 v2 = tensorflow_v2(network(), shards, compression);
  Files files = {std::move(v2.index)};
  for (std::string& s : v2.shards) files.push_back(std::move(s));
  return files;
}

TEST_CASE("damage to a TensorFlow V1 checkpoint is refused or changes nothing") {
  SUBCASE("raw") {
    check_damage({tensorflow_v1(network(), Compression::none)}, none);
  }
  SUBCASE("snappy") {
    check_damage({tensorflow_v1(network(), Compression::snappy)}, none);
  }
}

TEST_CASE("damage to a TensorFlow V2 checkpoint is refused or changes nothing") {
  SUBCASE("raw, one data file") {
    check_damage(v2_files(1, Compression::none), none);
  }
  SUBCASE("raw, two") {
    check_damage(v2_files(2, Compression::none), none);
  }
  SUBCASE("snappy, one") {
    check_damage(v2_files(1, Compression::snappy), none);
  }
  SUBCASE("snappy, two") {
    check_damage(v2_files(2, Compression::snappy), none);
  }
}

TEST_CASE("damage to a Keras file is refused, changes nothing, or is one of a value, name or type") {
  std::vector<SavedTensor> tensors = network();
  for (SavedTensor& t : tensors) t.name = t.name.substr(0, 10) + "/" + t.name + ":0";
  check_damage({hdf5_file(tensors)}, value_or_missing);
}

// ---- what lies in V2's entries, beyond the reach of a test with one file

Outcome v2_outcome(const Entries& entries, const std::vector<std::string>& shards) {
  Files files = {sorted_table(entries, Compression::none)};
  files.insert(files.end(), shards.begin(), shards.end());
  return outcome_of([&] { (void)read_files(files); });
}

TEST_CASE("hostile entries of a V2 index are refused by name") {
  const std::string data(12, '\1');
  const BundleEntry good{1, {3}, 0, 0, 12, stored_checksum(data)};
  struct Case {
    std::string what;
    BundleEntry entry;
    std::string message;
  };
  const auto changed = [&](auto&& change) {
    BundleEntry e = good;
    change(e);
    return e;
  };
  const Case cases[] = {
      {"beyond the data", changed([](BundleEntry& e) { e.offset = 4; }),
       "tensor 'a' of 12 bytes reaches beyond the end"},
      {"an offset that wraps", changed([](BundleEntry& e) { e.offset = ~std::uint64_t{0} - 4; }),
       "reaches beyond the end"},
      {"a data file that is not there", changed([](BundleEntry& e) { e.shard = 1; }),
       "lies in data file 1 of 1"},
      {"a negative data file", changed([](BundleEntry& e) { e.shard = ~std::uint64_t{0}; }),
       "lies in data file"},
      {"another size", changed([](BundleEntry& e) { e.size = 8; }),
       "tensor 'a' of F32 [3] is said to have 8 bytes"},
      {"terabytes", changed([](BundleEntry& e) {
         e.shape = {1 << 20, 1 << 20};
       }),
       "is said to have 12 bytes"},
      {"a wrapping shape", changed([](BundleEntry& e) {
         e.shape = {INT64_MAX, 2};
       }),
       "is said to have 12 bytes"},
      {"a negative shape", changed([](BundleEntry& e) { e.shape = {-3}; }), "a negative dimension"},
      {"another checksum", changed([](BundleEntry& e) { ++e.crc; }),
       "tensor 'a' does not have its recorded CRC-32C"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const Outcome o = v2_outcome({{"", bundle_header(1)}, {"a", bundle_entry(c.entry)}}, {data});
    CHECK(o.status == Status::weights);
    CHECK_MESSAGE(o.message.find(c.message) != std::string::npos, o.message);
  }
  CHECK(v2_outcome({{"", bundle_header(1)}, {"a", bundle_entry(good)}}, {data}).status == Status::ok);
  const Outcome sliced =
      v2_outcome({{"", bundle_header(1)}, {"a", bundle_entry(good) + proto_bytes(7, "")}}, {data});
  CHECK(sliced.message.find("tensor 'a' is stored in slices (a partitioned variable)") != std::string::npos);
  const Outcome shared =
      v2_outcome({{"", bundle_header(1)}, {"a", bundle_entry(good)}, {"b", bundle_entry(good)}}, {data});
  CHECK(shared.message.find("tensor 'b' overlaps 'a'") != std::string::npos);
  const Outcome long_name =
      v2_outcome({{"", bundle_header(1)}, {std::string(300, 'a'), bundle_entry(good)}}, {data});
  CHECK(long_name.message.find("has a name of more than 255 bytes") != std::string::npos);
}

// Data files are called after the index; a name that leads elsewhere has nowhere to stand.
TEST_CASE("what an index says never becomes a path") {
  const TemporaryFolder folder;
  const std::string data(12, '\1');
  const BundleEntry entry{1, {3}, 0, 0, 12, stored_checksum(data)};
  write_file(
      folder / "w.index",
      sorted_table({{"", bundle_header(1)}, {"../../etc/passwd", bundle_entry(entry)}}, Compression::none));
  write_file(folder / "w.data-00000-of-00001", data);
  const Checkpoint checkpoint = read_checkpoint(folder / "w.index");
  CHECK(checkpoint.tensors.at(0).name == "../../etc/passwd");  // a name, and no network has it
  CHECK(bytes_of(checkpoint.tensors[0]) == data);
}

// 20000 names of 255 bytes from a small compressed file, each prefix-compressed as well.
TEST_CASE("a small index of many long names costs no more than it may") {
  const auto entries = [](std::size_t count) {
    Entries all = {{"", bundle_header(1)}};
    for (std::size_t i = 0; i < count; ++i) {
      std::string name = std::string(245, 'n') + std::to_string(1000000 + i);
      all.emplace_back(name, bundle_entry({1, {0}, 0, 0, 0, stored_checksum("")}));
    }
    return all;
  };
  const Files fine = {sorted_table(entries(20000), Compression::none, 1 << 14), ""};
  const Measured m = measure_action([&] { (void)read_files(fine); });
  CHECK(m.outcome.message == "");
  CHECK(m.peak <= fine[0].size() + kAllowance);
  MESSAGE((fine[0].size() / 1024) << " KiB on disk, " << (m.peak / 1024) << " KiB allocated");
  const Files many = {sorted_table(entries(20001), Compression::none, 1 << 14), ""};
  const Measured refused = measure_action([&] { (void)read_files(many); });
  CHECK(refused.outcome.message.find("more than 20000 tensors") != std::string::npos);
}

TEST_CASE("a list of many long names in a V1 checkpoint costs no more than it may") {
  std::string declarations;
  Entries entries = {{"", ""}};
  const std::int64_t nothing[] = {0};
  for (std::size_t i = 0; i < 20000; ++i) {
    const std::string name = std::string(245, 'n') + std::to_string(1000000 + i);
    declarations += v1_declaration(name, 1, nothing);
    entries.emplace_back(name, v1_record(name, 1, ""));
  }
  entries[0].second = v1_header(declarations);
  const std::string file = sorted_table(entries, Compression::none);
  const Measured m = measure(file);
  CHECK(m.outcome.message == "");
  CHECK(m.peak <= file.size() + kAllowance);
  MESSAGE((file.size() / 1024) << " KiB on disk, " << (m.peak / 1024) << " KiB allocated");
}

// 20000 datasets in 80 groups share one name on the disk, and have one each in memory.
TEST_CASE("a small Keras file of many long names costs no more than it may") {
  Hdf5Writer writer;
  const std::vector<std::int64_t> nothing = {0};
  const SavedTensor tensor{"", DType::f32, nothing, ""};
  std::vector<std::pair<std::string, Hdf5Writer::Child>> groups;
  for (int g = 0; g < 80; ++g) {
    std::vector<std::pair<std::string, Hdf5Writer::Child>> datasets;
    for (int i = 0; i < 250; ++i) datasets.push_back({std::string(248, 'n'), {writer.dataset(tensor), 0}});
    groups.push_back({std::to_string(100 + g), {writer.group(datasets), 0}});
  }
  const std::string file = writer.finish(writer.group(groups));
  const Measured m = measure(file);
  CHECK(m.outcome.message.find("stands in the state dict twice") != std::string::npos);
  CHECK(m.peak <= file.size() + kAllowance);
  MESSAGE((file.size() / 1024) << " KiB on disk, " << (m.peak / 1024) << " KiB allocated");
}

}  // namespace
}  // namespace cuhue::testing
