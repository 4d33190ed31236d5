#include "weights/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

std::string errno_text(int error) {
  return std::generic_category().message(error);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

MappedFile MappedFile::open(const std::filesystem::path& path, std::string_view remedy) {
  const std::string name = clean_text(path.string());
  // Non-blocking: opening a pipe must not wait for its writer.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    if (errno == ENOENT) throw Error(Status::weights, name + ": no such file: " + std::string(remedy));
    throw Error(Status::weights,
                name + ": cannot be opened (" + errno_text(errno) + "): check the path and its permissions");
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0)
    throw Error(Status::weights, name + ": cannot be examined (" + errno_text(errno) + "): check the disk");
  if (S_ISDIR(info.st_mode)) throw Error(Status::weights, name + ": is a folder: name the file in it");
  if (!S_ISREG(info.st_mode))
    throw Error(Status::weights, name + ": is not a regular file: copy its contents to one");
  MappedFile mapped;
  if (info.st_size == 0) return mapped;
  const auto size = static_cast<std::size_t>(info.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) {
    const Status status = errno == ENOMEM ? Status::out_of_memory : Status::weights;
    throw Error(status, name + ": cannot be mapped (" + errno_text(errno) + ", " + std::to_string(size) +
                            " bytes): free memory, or copy the file to a local disk");
  }
  mapped.bytes_ = {static_cast<const std::byte*>(address), size};
  return mapped;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::release(std::span<const std::byte> part) const {
  if (bytes_.empty() || part.empty()) return;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto offset = static_cast<std::size_t>(part.data() - bytes_.data());
  const std::size_t begin = offset / page * page;
  const std::size_t end = std::min(bytes_.size(), (offset + part.size() + page - 1) / page * page);
  ::madvise(const_cast<std::byte*>(bytes_.data()) + begin, end - begin, MADV_DONTNEED);  // advice: may fail
}

}  // namespace cuhue
