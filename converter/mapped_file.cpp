#include "converter/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

[[noreturn]] void fail_errno(const std::filesystem::path& path, const char* what) {
  throw Error(Status::weights,
              quoted(path) + " cannot be " + what + ": " + std::generic_category().message(errno));
}

}  // namespace

std::string quoted(const std::filesystem::path& path) {
  return "'" + clean_text(path.string()) + "'";
}

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) fail_errno(path, "opened");
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) fail_errno(path, "examined");
  if (S_ISDIR(info.st_mode))
    throw Error(Status::weights, quoted(path) + " is a folder; give a checkpoint file");
  if (!S_ISREG(info.st_mode))
    throw Error(Status::weights, quoted(path) + " is not a regular file; save the checkpoint to disk first");
  if (info.st_size == 0) throw Error(Status::weights, quoted(path) + " is empty; get the file again");
  const auto size = static_cast<std::size_t>(info.st_size);
  void* const at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (at == MAP_FAILED) fail_errno(path, "mapped into memory");
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(at), size);
  try {
    return std::shared_ptr<const MappedFile>(new MappedFile(bytes));
  } catch (...) {
    ::munmap(at, size);
    throw;
  }
}

MappedFile::~MappedFile() {
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace cuhue
