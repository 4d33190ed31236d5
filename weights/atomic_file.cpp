#include "weights/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <random>
#include <system_error>

#include "weights/checksum.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

constexpr int kNameTries = 16;

const char* remedy_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT: return "free some space or choose another disk";
    case EFBIG: return "raise the file size limit or choose another disk";
    case ENOENT:
    case ENOTDIR: return "create its folder first";
    case EACCES:
    case EPERM:
    case EROFS: return "choose a folder that may be written";
    case ENAMETOOLONG: return "choose a shorter name";
    default: return "check the disk or choose another folder";
  }
}

std::string descriptor_path(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& target, Overwrite overwrite, Staging staging)
    : target_(target), overwrite_(overwrite) {
  std::error_code ignored;
  if (std::filesystem::is_symlink(target_, ignored)) {
    const auto real = std::filesystem::weakly_canonical(target_, ignored);
    if (!ignored) target_ = real;
  }
  folder_ = target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
  check_target();
  if (staging == Staging::best) open_unnamed();
  if (fd_ < 0) open_named();
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail(const std::string& what, int error) const {
  throw Error(Status::output, clean_text(target_.string()) + ": " + what + " (" +
                                  std::generic_category().message(error) + "): " + remedy_of(error));
}

void AtomicFile::refuse_existing() const {
  throw Error(Status::output,
              clean_text(target_.string()) + ": exists already: choose another name or give --force");
}

void AtomicFile::check_target() const {
  if (!target_.has_filename())
    throw Error(Status::output,
                "'" + clean_text(target_.string()) + "': is not a file name: name the file to write");
  struct stat info {};
  if (::stat(target_.c_str(), &info) != 0) return;  // absent, or opening says why
  if (S_ISDIR(info.st_mode))
    throw Error(Status::output, clean_text(target_.string()) + ": is a folder: name a file in it");
  if (!S_ISREG(info.st_mode))
    throw Error(Status::output,
                clean_text(target_.string()) + ": is not a regular file: choose another name");
  if (overwrite_ == Overwrite::no) refuse_existing();
}

void AtomicFile::open_unnamed() {
#ifdef O_TMPFILE
  if (::access("/proc/self/fd", X_OK) != 0) return;  // the only way to name it later
  fd_ = ::open(folder_.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
#endif
}

void AtomicFile::open_named() {
  for (int i = 0; i < kNameTries; ++i) {
    const std::filesystem::path name = temporary_name();
    fd_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ >= 0) {
      temporary_ = name;
      return;
    }
    if (errno != EEXIST) break;
  }
  fail("cannot be created", errno);
}

std::filesystem::path AtomicFile::temporary_name() const {
  std::random_device random;
  const std::uint64_t digits = static_cast<std::uint64_t>(random()) << 32 | random();
  return folder_ / (".cuhue-" + hex16(digits) + ".tmp");
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("cannot be written", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void AtomicFile::publish() {
  if (::fsync(fd_) != 0) fail("cannot be written", errno);
  move_to_target();
  const int closed = ::close(fd_);
  fd_ = -1;
  if (closed != 0) fail("cannot be closed", errno);
  // The name is as durable as the bytes where the file system lets a folder be synced.
  const int folder = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
}

void AtomicFile::give_name() {
  const std::string from = descriptor_path(fd_);
  for (int i = 0; i < kNameTries; ++i) {
    const std::filesystem::path name = temporary_name();
    if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      temporary_ = name;
      return;
    }
    if (errno != EEXIST) break;
  }
  fail("cannot be created", errno);
}

void AtomicFile::move_to_target() {
  if (overwrite_ == Overwrite::no) {
    // A link is made only where no name is; renaming would replace.
    const std::string from = temporary_.empty() ? descriptor_path(fd_) : temporary_.string();
    if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, target_.c_str(), AT_SYMLINK_FOLLOW) == 0) return;
    if (errno == EEXIST) refuse_existing();
    if (temporary_.empty()) fail("cannot be created", errno);
    check_target();  // a file system without links: a look, then the rename below
  } else if (temporary_.empty()) {
    give_name();
  }
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("cannot be renamed to its name", errno);
  temporary_.clear();
}

}  // namespace cuhue
