// A file that appears whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace cuhue {

enum class Overwrite { no, yes };

// Where an unpublished file stands: best = without a name where the file system allows it, so that not even a
// killed process leaves anything; named = under a hidden temporary name, as everywhere else.
enum class Staging { best, named };

// Bytes go to an unpublished file in the target's folder; publish() syncs it and gives it the target's name
// in one step. Destroyed before that, nothing remains. A target that is a symbolic link is written through.
// Every failure is an Error with Status::output that names the target and the remedy. One thread at a time.
class AtomicFile {
 public:
  // Overwrite::no refuses an existing target now, and again (without a race) in publish().
  AtomicFile(const std::filesystem::path& target, Overwrite overwrite, Staging staging = Staging::best);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void publish();

 private:
  [[noreturn]] void fail(const std::string& what, int error) const;
  [[noreturn]] void refuse_existing() const;
  void check_target() const;
  void open_unnamed();
  void open_named();
  void give_name();  // an unnamed file gets a temporary name
  void move_to_target();
  std::filesystem::path temporary_name() const;

  std::filesystem::path target_;
  std::filesystem::path folder_;
  std::filesystem::path temporary_;  // empty while the file has no name
  Overwrite overwrite_;
  int fd_ = -1;
};

}  // namespace cuhue
