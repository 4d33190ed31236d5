#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/weights/weight_samples.h"

using namespace cuhue;
using namespace cuhue::test;
using namespace std::string_literals;

namespace {

Failure opening(const std::filesystem::path& path) {
  return failure_of([&] { WeightFile::open(path); });
}

void check_refused(const std::filesystem::path& path, const std::string& fragment) {
  CAPTURE(path);
  const Failure f = opening(path);
  CHECK(f.status == Status::weights);
  CAPTURE(f.message);
  CHECK(f.message.starts_with(path.string() + ": "));
  CHECK(f.message.find(fragment) != std::string::npos);
  CHECK(f.message.find('\n') == std::string::npos);
}

}  // namespace

TEST_CASE("a path that leads to no file says what is there instead") {
  const TempFolder folder;
  check_refused(folder / "missing.safetensors",
                "no such file: check the path, or get it with: cuhue models fetch");
  check_refused(folder / "missing/w", "no such file");
  check_refused(folder / "", "is a folder: name the file in it");
  write_bytes(folder / "file", "text");
  check_refused(folder / "file/w", "cannot be opened (Not a directory)");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  check_refused(folder / "pipe", "is not a regular file");
  check_refused("/dev/null", "is not a regular file");
  check_refused(folder / std::string(300, 'n'), "cannot be opened (File name too long)");
  if (::geteuid() != 0) {  // root may read everything
    write_bytes(folder / "secret", "text");
    ::chmod((folder / "secret").c_str(), 0);
    check_refused(folder / "secret", "cannot be opened (Permission denied)");
  }
}

TEST_CASE("a file that is something else is named, with the way to weights") {
  const TempFolder folder;
  const auto check = [&](const std::string& content, const std::string& fragment) {
    write_bytes(folder / "w", content);
    check_refused(folder / "w", fragment);
  };
  check("", "the file is empty: convert the checkpoint or fetch it again");
  check("PK\x03\x04 and so on",
        "a PyTorch checkpoint or other zip archive: convert it first: cuhue convert FILE -o OUT");
  check("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9", "(pickle): convert it first");
  check("\x80\x03}", "(pickle)");
  check("\x80\x04\x95", "(pickle)");
  check("\x80\x05\x95", "(pickle)");
  check("\x89HDF\r\n\x1a\n", "an HDF5 (Keras) checkpoint: convert it first");
  check("\x93NUMPY\x01", "a NumPy array");
  check("GGUF\x03", "a GGUF file");
  check("\x1f\x8b\x08", "a gzip archive: unpack it");
  check(
      "\xfd"
      "7zXZ\0"s,
      "an xz archive");
  check("BZh9", "a bzip2 archive");
  check("version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer, not the file itself");
  check("<!DOCTYPE html><html>", "a web page");
  check("<html><head>", "a web page");
  check("<?xml version=\"1.0\"?><Error>", "an XML document");
  check("\x89PNG\r\n\x1a\n", "a PNG picture: pictures are given with -i, weights with -m");
  check("\xff\xd8\xff\xe0", "a JPEG picture");
  check("\x40\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\"}}"s, "a plain safetensors file: convert it first");
  check("\x40\0\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"pt\"}}"s,
        "a plain safetensors file: convert it first");
  check("just some words", "not a cuhue weight file (its first bytes");
  check("x", "not a cuhue weight file (its first bytes");
  check(std::string(100, '\0'), "not a cuhue weight file (its first bytes");
}

TEST_CASE("a name that would break the line is made clean in the message") {
  const TempFolder folder;
  const Failure f = opening(folder / "two\nlines\xff");
  CHECK(f.status == Status::weights);
  CHECK(f.message.find("two?lines?: no such file") != std::string::npos);
}
