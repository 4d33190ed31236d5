#include "apps/cuhue/file_use.h"

#include <sys/stat.h>

#include <map>
#include <optional>
#include <utility>

#include "apps/cuhue/api.h"

namespace cuhue::app {
namespace fs = std::filesystem;
namespace {

bool is_file(const fs::path& path) {
  return !path.empty() && path != "-";
}

// Symbolic and hard links to one file have the same identity.
std::optional<std::pair<dev_t, ino_t>> identity(const fs::path& path) {
  struct stat info = {};
  if (!is_file(path) || stat(path.c_str(), &info) != 0) return std::nullopt;
  return std::pair(info.st_dev, info.st_ino);
}

// A device or a pipe takes what everybody writes.
bool is_special(const fs::path& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
}

}  // namespace

void refuse_inputs_as_outputs(std::span<const FileUse> inputs, std::span<const FileUse> outputs,
                              Forcible forcible) {
  std::map<std::pair<dev_t, ino_t>, const FileUse*> known;
  for (const FileUse& input : inputs) {
    if (const auto id = identity(input.path)) known.emplace(*id, &input);
  }
  for (const FileUse& output : outputs) {
    const auto id = identity(output.path);
    const auto found = id ? known.find(*id) : known.end();
    if (found == known.end()) continue;
    throw Failure(CUHUE_OUTPUT, output.path.string() + ": is the input " + found->second->path.string() +
                                    "; name another output with " + output.option +
                                    (forcible == Forcible::yes ? ", or allow it with --force" : ""));
  }
}

void refuse_shared_outputs(std::span<const FileUse> outputs) {
  std::map<fs::path, const FileUse*> known;
  for (const FileUse& output : outputs) {
    if (!is_file(output.path) || is_special(output.path)) continue;
    std::error_code error;
    fs::path path = fs::weakly_canonical(output.path, error);
    if (error) path = output.path;
    const auto [other, fresh] = known.emplace(std::move(path), &output);
    if (fresh) continue;
    throw Failure(CUHUE_USAGE, output.path.string() + ": both " + other->second->option + " and " +
                                   output.option + " would write it; name another file with one of them");
  }
}

void check_file_uses(const std::vector<FileUse>& inputs, const std::vector<FileUse>& outputs) {
  refuse_inputs_as_outputs(inputs, outputs, Forcible::no);
  refuse_shared_outputs(outputs);
}

}  // namespace cuhue::app
