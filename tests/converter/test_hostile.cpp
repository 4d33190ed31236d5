// Hostile and broken checkpoints: the right status, a message that names the place, bounded memory, and
// nothing is ever executed.
#include <filesystem>
#include <random>
#include <set>

#include "tests/converter/converter_fixture.h"
#include "tests/converter/hostile_cases.h"
#include "tests/converter/measured.h"

namespace cuhue::testing {
namespace {

std::vector<HostileCase> all_cases() {
  std::vector<HostileCase> all;
  for (const auto& group :
       {code_executing_pickles, pickle_bombs, broken_pickles, broken_tensors, broken_archives, broken_legacy,
        wrong_files, broken_safetensors, broken_tables, broken_hdf5})
    for (HostileCase& c : group()) all.push_back(std::move(c));
  return all;
}

TEST_CASE("each hostile checkpoint is refused with a message that names the place") {
  std::filesystem::remove(kCanary);
  const std::vector<HostileCase> cases = all_cases();
  CHECK(cases.size() >= 60);
  std::set<std::string> names;
  std::size_t most = 0;
  for (const HostileCase& c : cases) {
    CAPTURE(c.name);
    CHECK_MESSAGE(names.insert(c.name).second, "two cases of one name");
    const Measured m = measure(c.contents);
    CHECK(m.outcome.status == Status::weights);
    CAPTURE(m.outcome.message);
    CHECK(m.outcome.message.starts_with("'test.pth'"));
    CHECK(m.outcome.message.find(c.message) != std::string::npos);
    CHECK(m.outcome.message.find('\n') == std::string::npos);
    CHECK(m.outcome.message.size() < 1000);
    CHECK(m.peak <= c.contents.size() + kAllowance);
    most = std::max(most, m.peak);
  }
  CHECK_FALSE(std::filesystem::exists(kCanary));
  MESSAGE(cases.size() << " cases, at most " << most / 1024 << " KiB allocated by one");
}

TEST_CASE("pickles hidden in the data of a tensor stay data") {
  const std::string payload =
      Pickle(2).global("os", "system").mark().text(std::string("touch ") + kCanary).tuple().reduce().stop();
  const std::vector<SavedTensor> tensors{
      {"a", DType::u8, {static_cast<std::int64_t>(payload.size())}, payload}};
  for (const std::string& file : {torch_zip(tensors), torch_legacy(tensors), detectron_pickle(tensors, 2),
                                  detectron_pickle(tensors, 5)})
    CHECK(bytes_of(read(file).tensors.at(0)) == payload);
  CHECK_FALSE(std::filesystem::exists(kCanary));
}

std::vector<std::string> whole_files() {
  std::vector<SavedTensor> tensors;
  for (int i = 0; i < 4; ++i)
    tensors.push_back({"layer" + std::to_string(i) + ".weight",
                       DType::f32,
                       {2, 3},
                       std::string(24, static_cast<char>('a' + i))});
  tensors.push_back({"steps", DType::i64, {}, std::string(8, '\2')});
  return {torch_zip(tensors),           torch_legacy(tensors),        detectron_pickle(tensors, 2),
          detectron_pickle(tensors, 3), detectron_pickle(tensors, 4), detectron_pickle(tensors, 5),
          safetensors_file(tensors)};
}

TEST_CASE("a checkpoint cut at any byte is refused") {
  for (const std::string& whole : whole_files()) {
    CHECK(read_outcome(whole).status == Status::ok);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const std::string cut = whole.substr(0, length);  // its own buffer, so that reading beyond it is seen
      const Measured m = measure(cut);
      if (m.outcome.status != Status::weights || m.peak > length + kAllowance)
        FAIL("cut to " << length << " of " << whole.size() << ": " << m.outcome.message);
    }
  }
}

TEST_CASE("a checkpoint with any bit flipped or bytes overwritten never costs more than its bounds") {
  std::mt19937 random(20240229);
  for (const std::string& whole : whole_files()) {
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::string bad = whole;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
      const Measured m = measure(bad);
      const bool fine = m.outcome.status == Status::ok || m.outcome.status == Status::weights;
      if (!fine || m.peak > bad.size() + kAllowance) FAIL("bit " << bit << ": " << m.outcome.message);
    }
    for (int trial = 0; trial < 3000; ++trial) {
      std::string bad = whole;
      const std::size_t at = random() % bad.size(), count = 1 + random() % 8;
      for (std::size_t i = at; i < std::min(bad.size(), at + count); ++i)
        bad[i] = trial % 2 == 0 ? '\xff' : static_cast<char>(random());
      const Measured m = measure(bad);
      const bool fine = m.outcome.status == Status::ok || m.outcome.status == Status::weights;
      if (!fine || m.peak > bad.size() + kAllowance)
        FAIL("trial " << trial << " at " << at << ": " << m.outcome.message);
    }
  }
}

TEST_CASE("every flipped bit of a zip checkpoint's contents is noticed") {
  const std::string whole = whole_files()[0];
  // From the first entry's contents to the directory, local headers included.
  const std::size_t begin = whole.find("\x80\x02"), end = whole.find("PK\x01\x02");
  REQUIRE(begin < end);
  std::size_t silent = 0;
  for (std::size_t bit = 8 * begin; bit < 8 * end; ++bit) {
    std::string bad = whole;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
    if (read_outcome(bad).status == Status::ok) ++silent;
  }
  // What may change unnoticed says nothing of the contents: version needed, time and date of a local header.
  const std::size_t headers = 7 - 1;  // entries but the first, whose header lies before `begin`
  CHECK(silent == headers * 8 * (2 + 2 + 2));
}

TEST_CASE("a file that is missing, a folder or empty is refused by name") {
  const TemporaryFolder folder;
  write_file(folder / "empty.pth", "");
  const Outcome missing = outcome_of([&] { (void)read_checkpoint(folder / "missing.pth"); });
  CHECK(missing.status == Status::weights);
  CHECK(missing.message.find("missing.pth: no such file: check the path") != std::string::npos);
  CHECK(outcome_of([&] { (void)read_checkpoint(folder.path()); }).message.find("is a folder") !=
        std::string::npos);
  CHECK(outcome_of([&] { (void)read_checkpoint(folder / "empty.pth"); }).message.find("is empty") !=
        std::string::npos);
}

}  // namespace
}  // namespace cuhue::testing
