#include "weights/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "weights/status.h"

namespace cuhue {
namespace {

std::string reason(int code) {
  return std::generic_category().message(code);
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path, IfExists if_exists)
    : path_(std::move(path)), if_exists_(if_exists) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path_, ignored)) {
    throw Error(Status::output, path_.string() + ": is a folder; name a file inside it");
  }
  if (if_exists_ == IfExists::refuse && std::filesystem::exists(path_, ignored)) {
    throw Error(Status::output,
                path_.string() + ": exists already; remove it, name another file, or use --force");
  }
  // open() rather than mkstemp(): a result gets the permissions that the umask allows.
  static std::atomic<unsigned> counter{0};
  do {
    temporary_ = path_.string() + ".part-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (fd_ < 0 && errno == EEXIST);
  if (fd_ < 0) {
    temporary_.clear();
    throw Error(Status::output, path_.string() + ": cannot be created (" + reason(errno) +
                                    "); check that the folder exists and is writable");
  }
}

AtomicFile::~AtomicFile() {
  discard();
}

void AtomicFile::discard() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

void AtomicFile::fail(const char* what) const {
  throw Error(Status::output, path_.string() + ": cannot be " + what + " (" + reason(errno) +
                                  "); check the free space and the folder's permissions");
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail("written");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void AtomicFile::commit(Durability durability) {
  if (durability == Durability::synced && ::fsync(fd_) != 0 && errno != EINVAL) fail("written");
  if (::close(std::exchange(fd_, -1)) != 0) fail("written");
  if (if_exists_ == IfExists::refuse) {
    // link() never replaces, so two writers of one name cannot both win.
    if (::link(temporary_.c_str(), path_.c_str()) != 0) {
      if (errno == EEXIST)
        throw Error(Status::output, path_.string() + ": was created meanwhile; nothing written");
      // File systems without hard links: the check at construction stands.
      if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("renamed into place");
      temporary_.clear();
      return;
    }
    discard();
    return;
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("renamed into place");
  temporary_.clear();
}

}  // namespace cuhue
