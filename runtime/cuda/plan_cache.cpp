#include "runtime/cuda/plan_cache.h"

#include <cstdlib>
#include <exception>
#include <fstream>
#include <span>
#include <system_error>
#include <utility>

#include "weights/atomic_file.h"
#include "weights/checksum.h"

namespace cuhue::cuda {
namespace {

constexpr std::uintmax_t kMostBytes = 16 << 20;  // of a file that is still read
constexpr std::size_t kDigits = 16;

std::string digest_of(std::string_view text) {
  return hex16(xxh3_64(std::as_bytes(std::span(text.data(), text.size()))));
}

bool is_field(std::string_view text) {
  return !text.empty() && text.find_first_of("\t\r\n") == std::string_view::npos;
}

// "<digest> <key>\t<value>" to its parts, which are views of the line.
std::optional<std::pair<std::string_view, std::string_view>> parse(std::string_view line) {
  if (line.size() < kDigits + 2 || line[kDigits] != ' ') return std::nullopt;
  const std::string_view entry = line.substr(kDigits + 1);
  if (line.substr(0, kDigits) != digest_of(entry)) return std::nullopt;
  const std::size_t tab = entry.find('\t');
  if (tab == std::string_view::npos) return std::nullopt;
  const std::pair fields{entry.substr(0, tab), entry.substr(tab + 1)};
  if (!is_field(fields.first) || !is_field(fields.second)) return std::nullopt;
  return fields;
}

std::filesystem::path folder_in(const char* variable) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nothing here sets it
  return value == nullptr ? std::filesystem::path() : std::filesystem::path(value);
}

}  // namespace

PlanCache::PlanCache(std::filesystem::path file) : file_(std::move(file)), known_(read(file_)) {}

std::filesystem::path PlanCache::default_path() {
  // A relative XDG_CACHE_HOME is to be ignored, says its specification.
  if (const std::filesystem::path cache = folder_in("XDG_CACHE_HOME"); cache.is_absolute())
    return cache / "cuhue" / "plans-v1";
  if (const std::filesystem::path home = folder_in("HOME"); home.is_absolute())
    return home / ".cache" / "cuhue" / "plans-v1";
  return {};
}

PlanCache::Entries PlanCache::read(const std::filesystem::path& file) {
  Entries entries;
  std::error_code error;
  if (file.empty() || !std::filesystem::is_regular_file(file, error)) return entries;
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  if (error || bytes > kMostBytes) return entries;
  std::ifstream in(file, std::ios::binary);
  for (std::string line; std::getline(in, line);) {
    if (const auto fields = parse(line)) entries.insert_or_assign(std::string(fields->first), fields->second);
  }
  return entries;
}

std::optional<std::string> PlanCache::find(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  if (const auto it = added_.find(key); it != added_.end()) return it->second;
  if (const auto it = known_.find(key); it != known_.end()) return it->second;
  return std::nullopt;
}

void PlanCache::store(std::string_view key, std::string_view value) {
  if (!is_field(key) || !is_field(value)) return;
  const std::lock_guard lock(mutex_);
  added_.insert_or_assign(std::string(key), value);
}

bool PlanCache::save() noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (added_.empty()) return true;
    if (file_.empty()) return false;
    std::error_code error;
    std::filesystem::create_directories(file_.parent_path(), error);
    Entries all = read(file_);
    for (const auto& [key, value] : added_) all.insert_or_assign(key, value);
    std::string text;
    for (const auto& [key, value] : all) {
      const std::string entry = std::string(key).append("\t").append(value);
      text.append(digest_of(entry)).append(" ").append(entry).append("\n");
    }
    AtomicFile out(file_, Overwrite::yes);
    out.write(std::as_bytes(std::span(text.data(), text.size())));
    out.publish();
    known_ = std::move(all);
    added_.clear();
    return true;
  } catch (const std::exception&) {  // a folder that is not ours, a full disk
    return false;
  }
}

std::string cache_prefix(const DeviceFacts& device, std::string_view library) {
  return device.name + "|" + std::to_string(device.major) + "." + std::to_string(device.minor) + "|" +
         device.driver + "|" + std::string(library) + "|";
}

}  // namespace cuhue::cuda
