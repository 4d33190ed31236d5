#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/weights/weight_samples.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

Sample small_sample() {
  Sample s;
  s.info.network = "net";
  s.add("w", DType::f32, {4});
  return s;
}

Failure writing(const Sample& s) {
  return failure_of([&] { weight_file_bytes(s.info, s.tensors); });
}

void check_usage(const Sample& s, const std::string& fragment) {
  const Failure f = writing(s);
  CHECK(f.status == Status::usage);
  CAPTURE(f.message);
  CAPTURE(fragment);
  CHECK(f.message.find(fragment) != std::string::npos);
  CHECK(f.message.find('\n') == std::string::npos);
}

}  // namespace

TEST_CASE("what the format cannot hold is the caller's mistake, named") {
  const auto with = [](auto&& change, const std::string& fragment) {
    CAPTURE(fragment);
    Sample s = small_sample();
    change(s);
    check_usage(s, fragment);
  };
  with([](Sample& s) { s.info.network = ""; }, "network '' is not of the form");
  with([](Sample& s) { s.info.network = "Net"; }, "network 'Net' is not of the form");
  with([](Sample& s) { s.info.network = std::string(65, 'n'); }, "is longer than 64 bytes");
  with([](Sample& s) { s.info.network_version = 0; }, "network_version is less than 1");
  with([](Sample& s) { s.info.source_sha256 = "abc"; }, "source_sha256 is neither empty nor 64");
  with([](Sample& s) { s.info.source_sha256 = std::string(64, 'A'); },
       "source_sha256 is neither empty nor 64");
  with([](Sample& s) { s.info.licence = "two\nlines"; }, "licence holds control characters");
  with([](Sample& s) { s.info.licence = std::string(1025, 'l'); }, "licence is longer than 1024 bytes");
  with([](Sample& s) { s.info.converter_version = "\xff"; },
       "converter_version holds control characters or is not UTF-8");
  with([](Sample& s) { s.info.extra["Upper"] = "1"; }, "property 'Upper' is not of the form");
  with([](Sample& s) { s.info.extra[""] = "1"; }, "property '' is not of the form");
  with([](Sample& s) { s.info.extra["a"] = "\x01"; }, "value of property 'a' holds control characters");
  with(
      [](Sample& s) {
        for (int i = 0; i < 257; ++i) s.info.extra[std::to_string(i)] = "";
      },
      "more than 256 properties");
  with([](Sample& s) { s.tensors.clear(); }, "no tensor");
  with([](Sample& s) { s.tensors[0].name = ""; }, "tensor '': its name is empty");
  with([](Sample& s) { s.tensors[0].name = "__metadata__"; }, "its name is reserved");
  with([](Sample& s) { s.tensors[0].name = "a\"b"; }, "its name holds a quote or backslash");
  with([](Sample& s) { s.tensors[0].name = "a\nb"; }, "tensor 'a?b': its name holds control characters");
  with([](Sample& s) { s.tensors[0].name = std::string(256, 'n'); }, "its name is longer than 255 bytes");
  with([](Sample& s) { s.add("w", DType::u8, {1}); }, "tensor 'w' stands twice");
  with([](Sample& s) { s.tensors[0].shape = {2, 0}; }, "tensor 'w': its shape has");
  with([](Sample& s) { s.tensors[0].shape = {-4}; }, "tensor 'w': its shape has");
  with([](Sample& s) { s.tensors[0].shape = std::vector<std::int64_t>(9, 1); }, "more than 8 dimensions");
  with([](Sample& s) { s.tensors[0].shape = {1LL << 62, 1LL << 62}; }, "a product that overflows");
  with([](Sample& s) { s.tensors[0].shape = {5}; },
       "tensor 'w': 16 bytes of data, its dtype and shape need 20");
  with(
      [](Sample& s) {
        s.tensors[0].dtype = DType::boolean;
        s.tensors[0].shape = {16};
      },
      "neither 0 nor 1");
  with(
      [](Sample& s) {
        s.storage.assign(1, Bytes(1));
        s.tensors.assign(65537, {"w", DType::u8, {1}, s.storage[0]});
      },
      "more than 65536 tensors");
  with(
      [](Sample& s) {
        s.storage.assign(1, Bytes(1));
        s.tensors.clear();
        for (int i = 0; i < 40000; ++i)
          s.tensors.push_back({std::string(240, 'n') + std::to_string(i), DType::u8, {1}, s.storage[0]});
      },
      "larger than the format's 16 MiB");
}

TEST_CASE("a source name of any bytes is kept as clean text") {
  Sample s = small_sample();
  s.info.source_name = "caf\xe9\n" + std::string(2000, 'n');
  const Bytes bytes = file_of(s);
  const std::string name = WeightFile::from_memory(bytes, "m").metadata().at("source_name");
  CHECK(name.starts_with("caf??nnn"));
  CHECK(name.ends_with("n..."));
  CHECK(name.size() == 1024);
}

TEST_CASE("the same weights give the same bytes") {
  CHECK(file_of(sample_of_every_kind()) == file_of(sample_of_every_kind()));
}

TEST_CASE("an existing file is kept unless it may be replaced") {
  const TempFolder folder;
  const auto path = folder / "w";
  write_bytes(path, "precious");
  const Sample s = small_sample();
  const Failure f = failure_of([&] { write_weight_file(path, s.info, s.tensors); });
  CHECK(f.status == Status::output);
  CHECK(f.message == path.string() + ": exists already: choose another name or give --force");
  CHECK(read_bytes(path).size() == 8);
  CHECK(folder.entries() == 1);
  write_weight_file(path, s.info, s.tensors, Overwrite::yes);
  CHECK(read_bytes(path) == file_of(s));
  CHECK(folder.entries() == 1);
}

TEST_CASE("a file that appears while another is written is not replaced") {
  for (const Staging staging : {Staging::best, Staging::named}) {
    const TempFolder folder;
    const auto path = folder / "w";
    {
      AtomicFile file(path, Overwrite::no, staging);
      file.write(Bytes(100));
      CHECK_FALSE(std::filesystem::exists(path));
      write_bytes(path, "precious");
      const Failure f = failure_of([&] { file.publish(); });
      CHECK(f.status == Status::output);
      CHECK(f.message.find("exists already") != std::string::npos);
    }
    CHECK(read_bytes(path).size() == 8);
    CHECK(folder.entries() == 1);
  }
}

TEST_CASE("a published file is whole and alone in its folder") {
  for (const Staging staging : {Staging::best, Staging::named})
    for (const Overwrite overwrite : {Overwrite::no, Overwrite::yes})
      for (const bool existing : {false, true}) {
        if (existing && overwrite == Overwrite::no) continue;
        const TempFolder folder;
        if (existing) write_bytes(folder / "w", "old");
        {
          AtomicFile file(folder / "w", overwrite, staging);
          file.write(Bytes(70000, std::byte{1}));
          file.write({});
          file.write(Bytes(5, std::byte{2}));
          file.publish();
        }
        CHECK(read_bytes(folder / "w").size() == 70005);
        CHECK(folder.entries() == 1);
      }
}

TEST_CASE("an unpublished file leaves nothing behind") {
  const TempFolder folder;
  for (const Staging staging : {Staging::best, Staging::named})
    for (const Overwrite overwrite : {Overwrite::no, Overwrite::yes}) {
      AtomicFile file(folder / "w", overwrite, staging);
      file.write(Bytes(100000));
      if (staging == Staging::named) CHECK(folder.entries() == 1);
    }
  CHECK(folder.entries() == 0);
}

TEST_CASE("a killed writer leaves no file of the name") {
  const TempFolder folder;
  const Sample s = sample_of_every_kind();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    AtomicFile file(folder / "w", Overwrite::no);
    file.write(file_of(s));
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK_FALSE(std::filesystem::exists(folder / "w"));
}

TEST_CASE("an open reader keeps its bytes while its file is replaced") {
  const TempFolder folder;
  const Sample before = sample_of_every_kind();
  write_weight_file(folder / "w", before.info, before.tensors);
  const WeightFile file = WeightFile::open(folder / "w");
  const Sample after = small_sample();
  write_weight_file(folder / "w", after.info, after.tensors, Overwrite::yes);
  CHECK(file.find("model1.0.weight")->data[1] == before.storage[1][1]);
  CHECK(WeightFile::open(folder / "w").network() == "net");
}

TEST_CASE("a symbolic link is written through") {
  const TempFolder folder;
  write_bytes(folder / "real", "old");
  std::filesystem::create_symlink("real", folder / "link");
  const Sample s = small_sample();
  CHECK(failure_of([&] { write_weight_file(folder / "link", s.info, s.tensors); }).status == Status::output);
  write_weight_file(folder / "link", s.info, s.tensors, Overwrite::yes);
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(read_bytes(folder / "real") == file_of(s));
}

TEST_CASE("a place that cannot be written is named with the remedy") {
  const TempFolder folder;
  const Sample s = small_sample();
  const auto check = [&](const std::filesystem::path& path, const std::string& fragment) {
    const Failure f = failure_of([&] { write_weight_file(path, s.info, s.tensors, Overwrite::yes); });
    CHECK(f.status == Status::output);
    CAPTURE(f.message);
    CHECK(f.message.find(fragment) != std::string::npos);
  };
  check(folder / "no/w", "(No such file or directory): create its folder first");
  write_bytes(folder / "file", "");
  check(folder / "file/w", "(Not a directory): create its folder first");
  std::filesystem::create_directory(folder / "sub");
  check(folder / "sub", "is a folder: name a file in it");
  check("/dev/null", "is not a regular file");
  check("", "is not a file name");
  check(folder / std::string(300, 'n'), "choose a shorter name");
  CHECK(folder.entries() == 2);
  check("/proc/w", "cannot be created");
}

TEST_CASE("a disk that fills up is an output error and leaves nothing") {
  const TempFolder folder;
  Sample s;
  s.info.network = "net";
  s.add("w", DType::f32, {100000});
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {  // a limit on file sizes stands for the full disk
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100000, 100000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const Failure f = failure_of([&] { write_weight_file(folder / "w", s.info, s.tensors); });
    const bool good = f.status == Status::output &&
                      f.message.find("cannot be written (File too large)") != std::string::npos;
    ::_exit(good ? 0 : 1);
  }
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(folder.entries() == 0);
}

TEST_CASE("a new file has the permissions that other new files have") {
  const TempFolder folder;
  const Sample s = small_sample();
  write_bytes(folder / "ordinary", "");
  write_weight_file(folder / "w", s.info, s.tensors);
  struct stat ordinary {};
  struct stat written {};
  REQUIRE(::stat((folder / "ordinary").c_str(), &ordinary) == 0);
  REQUIRE(::stat((folder / "w").c_str(), &written) == 0);
  CHECK(ordinary.st_mode == written.st_mode);
}
