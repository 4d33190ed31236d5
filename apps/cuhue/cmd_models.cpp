// cuhue models: the catalog of published checkpoints; fetching and converting one.
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "apps/cuhue/api.h"
#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/download.h"
#include "apps/cuhue/files.h"
#include "apps/cuhue/model_files.h"
#include "converter/convert.h"
#include "converter/sha256.h"

namespace cuhue::app {
namespace fs = std::filesystem;
namespace {

bool is_runnable(std::string_view network) {
  auto info = sized<cuhue_network_info>();
  return cuhue_network_find(std::string(network).c_str(), &info, nullptr) == CUHUE_OK;
}

int list(const ModelsOptions& options) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::string text;
  for (const CatalogEntry& e : catalog()) {
    const bool runnable = is_runnable(e.network);
    const auto file = find_weights(std::string(e.network));
    json.push_back({{"name", e.name},
                    {"network", e.network},
                    {"about", e.about},
                    {"url", e.url},
                    {"file_name", e.file_name},
                    {"bytes", e.bytes},
                    {"sha256", e.sha256},
                    {"licence", e.licence},
                    {"notes", e.notes},
                    {"published", e.published()},
                    {"fetched", e.fetched()},
                    {"supported", runnable},
                    {"weights", nullptr}});
    if (file) json.back()["weights"] = file->string();
    std::string state = "not fetched";
    if (!runnable) state = "this version cannot run it yet";
    if (file) state = "weights at " + file->string();
    text.append(e.name).append("  ").append(e.about).append("\n  ");
    if (!e.fetched()) {
      text.append(e.notes).append("\n");
      if (e.published()) text.append("  ").append(e.url).append("\n");
      if (file) text.append("  ").append(state).append("\n");
      continue;
    }
    text.append(format_bytes(static_cast<double>(e.bytes))).append(", ").append(e.licence);
    text.append(", ").append(state).append("\n  ").append(e.url).append("\n  SHA-256 ");
    text.append(e.sha256).append("\n");
  }
  if (options.json != "-") write_stdout(text);
  write_json(options.json, json);
  return CUHUE_OK;
}

// A file that is removed again unless it was never made.
class TemporaryFile {
 public:
  explicit TemporaryFile(fs::path path) : path_(std::move(path)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    std::error_code error;
    fs::remove(path_, error);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

bool is_published_file(const CatalogEntry& entry, const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && fs::file_size(path, error) == entry.bytes && !error &&
         matches(entry, entry.bytes, sha256_of_file(path));
}

// The checkpoint in one of the folders: by its name, else by its size and hash.
std::optional<fs::path> local_copy(const CatalogEntry& entry) {
  for (const fs::path& folder : model_folders()) {
    const fs::path named = folder / entry.file_name;
    std::error_code error;
    if (is_published_file(entry, named)) return named;
    if (fs::exists(named, error)) {
      print_warning(named.string() + ": is not the published file (size or SHA-256 differ) and is not used");
    }
    for (fs::directory_iterator it(folder, error); !error && it != fs::directory_iterator();
         it.increment(error)) {
      if (it->path() != named && is_published_file(entry, it->path())) return it->path();
    }
  }
  return std::nullopt;
}

void fetch_to(const CatalogEntry& entry, const fs::path& path) {
  const std::string url(entry.url);
  print_note("downloading " + url + " (" + format_bytes(static_cast<double>(entry.bytes)) + ")");
  download(url, path, entry.bytes, [&](std::uint64_t received) {
    print_fraction(static_cast<double>(received) / static_cast<double>(entry.bytes),
                   format_bytes(static_cast<double>(received)));
  });
  const std::string sha256 = sha256_of_file(path);
  if (!matches(entry, entry.bytes, sha256)) {
    throw Failure(CUHUE_WEIGHTS, url + ": the file has SHA-256 " + sha256 + ", not the published " +
                                     std::string(entry.sha256) + "; it is not used, fetch again later");
  }
}

// Whether the weight file is there and whole, so that nothing needs to be done.
bool is_done(const CatalogEntry& entry, const fs::path& target) {
  std::error_code error;
  if (!fs::exists(target, error)) return false;
  try {
    return entry.network == cuhue_weights_network(open_weights(target).get());
  } catch (const Failure& e) {
    print_warning(std::string(e.what()) + "; it is made again");
    return false;
  }
}

int fetch(const ModelsOptions& options) {
  const CatalogEntry* entry = find_catalog_entry(options.name);
  if (entry == nullptr) {
    throw Failure(CUHUE_USAGE,
                  "'" + options.name + "' is not in the catalog; `cuhue models list` prints its names");
  }
  if (!entry->fetched()) {
    const std::string where = entry->published() ? "; " + std::string(entry->url) : "";
    throw Failure(CUHUE_USAGE, options.name + ": " + std::string(entry->notes) + where);
  }
  const std::string network(entry->network);
  if (!is_runnable(network)) {
    throw Failure(CUHUE_USAGE, options.name + ": this version has no network '" + network +
                                   "' to run it with; get a newer cuhue");
  }
  fs::path target = options.output;
  if (options.output.empty()) {
    const auto existing = find_weights(network);
    if (existing && !options.force && is_done(*entry, *existing)) {
      target = *existing;
    } else {
      target = writable_model_folder() / weights_file_name(network);
    }
  }
  nlohmann::ordered_json json = {{"name", options.name}, {"weights", target.string()}, {"source", nullptr}};
  if (!options.force && is_done(*entry, target)) {
    print_note(target.string() + ": is there already");
  } else {
    const std::string hidden = "." + std::string(entry->file_name) + "." + std::to_string(getpid());
    const TemporaryFile temporary(target.parent_path() / hidden);
    const auto copy = local_copy(*entry);
    if (copy) {
      print_note("using the copy " + copy->string());
    } else {
      fetch_to(*entry, temporary.path());
    }
    convert_checkpoint(copy ? *copy : temporary.path(), target,
                       {.network = network, .allow_extra = false, .overwrite = Overwrite::yes, .extra = {}});
    json["source"] = copy ? copy->string() : std::string(entry->url);
    print_note(options.name + ": hash checked, converted; licence " + std::string(entry->licence));
  }
  if (options.json != "-") write_stdout(target.string() + "\n");
  write_json(options.json, json);
  return CUHUE_OK;
}

}  // namespace

int run_command(const ModelsOptions& options) {
  return options.fetch ? fetch(options) : list(options);
}

}  // namespace cuhue::app
