#include "runtime/image/read_file.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "weights/status.h"

namespace cuhue {

std::vector<std::byte> read_file(const std::string& path) {
  constexpr std::uintmax_t kMostBytes = std::uintmax_t{1} << 31;
  std::error_code code;
  if (std::filesystem::is_directory(path, code))
    throw Error(Status::input, path + ": is a folder; name a picture");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) {
    throw Error(Status::input, path + ": cannot be opened (" + std::generic_category().message(errno) + ")");
  }
  const std::uintmax_t size = std::filesystem::file_size(path, code);
  if (!code && size > kMostBytes)
    throw Error(Status::input, path + ": is larger than 2 GiB; give a smaller picture");
  std::vector<std::byte> bytes(code ? 0 : static_cast<std::size_t>(size));
  std::size_t filled = std::fread(bytes.data(), 1, bytes.size(), file.get());
  // A pipe has no size, and a file may grow: go on to the end.
  for (std::byte more[1 << 16]; filled == bytes.size();) {
    const std::size_t n = std::fread(more, 1, sizeof more, file.get());
    if (n == 0) break;
    if (bytes.size() + n > kMostBytes) throw Error(Status::input, path + ": is larger than 2 GiB");
    bytes.insert(bytes.end(), more, more + n);
    filled += n;
  }
  if (std::ferror(file.get()) != 0) throw Error(Status::input, path + ": cannot be read to its end");
  bytes.resize(filled);
  return bytes;
}

}  // namespace cuhue
