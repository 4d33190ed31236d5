#include "apps/cuhue/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/cuhue/api.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/signals.h"

namespace cuhue::app {
namespace fs = std::filesystem;
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int close_now() { return close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

[[noreturn]] void throw_errno(cuhue_status status, const std::string& name, const char* remedy) {
  throw Failure(status, name + ": " + std::strerror(errno) + remedy);
}

std::vector<std::byte> read_all(int fd, const std::string& name, std::size_t expected) {
  std::vector<std::byte> bytes(expected);
  std::size_t size = 0;
  while (true) {
    if (size == bytes.size()) bytes.resize(std::max<std::size_t>(size + size / 2, size + 65536));
    if (!wait_readable(fd)) throw_if_cancelled();
    const ssize_t n = read(fd, bytes.data() + size, bytes.size() - size);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) throw_errno(CUHUE_INPUT, name, "");
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  bytes.resize(size);
  return bytes;
}

bool write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

std::vector<std::byte> read_file(const fs::path& path) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) throw_errno(CUHUE_INPUT, path.string(), "; check the path");
  struct stat info = {};
  if (fstat(fd.get(), &info) != 0) throw_errno(CUHUE_INPUT, path.string(), "");
  if (S_ISDIR(info.st_mode)) throw Failure(CUHUE_INPUT, path.string() + ": is a folder; name a file");
  // One byte more than the size, so that the end is seen without growing.
  return read_all(fd.get(), path.string(),
                  S_ISREG(info.st_mode) ? static_cast<std::size_t>(info.st_size) + 1 : 0);
}

std::vector<std::byte> read_stdin() {
  return read_all(STDIN_FILENO, "standard input", 0);
}

void write_file(const fs::path& path, std::span<const std::byte> bytes) {
  struct stat info = {};
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    const Descriptor fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (fd.get() < 0 || !write_all(fd.get(), bytes)) throw_errno(CUHUE_OUTPUT, path.string(), "");
    return;
  }
  std::string name = path.filename().string();
  name.insert(0, 1, '.');
  std::string temporary = (path.parent_path() / name.append(".XXXXXX")).string();
  Descriptor fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (fd.get() < 0) {
    throw_errno(CUHUE_OUTPUT, path.string(), "; check that the folder exists and may be written to");
  }
  const mode_t mask = umask(0);
  umask(mask);
  fchmod(fd.get(), 0666 & ~mask);
  if (!write_all(fd.get(), bytes) || fd.close_now() != 0 || rename(temporary.c_str(), path.c_str()) != 0) {
    const int saved = errno;
    unlink(temporary.c_str());
    errno = saved;
    throw_errno(CUHUE_OUTPUT, path.string(), "; nothing was written");
  }
}

void write_json(const std::string& target, const nlohmann::ordered_json& json) {
  if (target.empty()) return;
  // A path may hold bytes that are not UTF-8: they are replaced, not refused.
  const std::string text = json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  if (target == "-") {
    write_stdout(text);
  } else {
    write_file(target, std::as_bytes(std::span(text)));
  }
}

bool is_writable_folder(const fs::path& folder) {
  struct stat info = {};
  if (stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return false;
  // Root may write anywhere; a folder that nobody is meant to write to is left alone all the same.
  return (info.st_mode & 0222) != 0 && access(folder.c_str(), W_OK | X_OK) == 0;
}

}  // namespace cuhue::app
