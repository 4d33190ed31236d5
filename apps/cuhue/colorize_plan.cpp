#include "apps/cuhue/colorize_plan.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "apps/cuhue/api.h"
#include "apps/cuhue/files.h"

namespace cuhue::app {
namespace fs = std::filesystem;
namespace {

struct KnownExtension {
  std::string_view name;
  cuhue_file_format format;
};
constexpr KnownExtension kExtensions[] = {{".png", CUHUE_FILE_PNG},   {".jpg", CUHUE_FILE_JPEG},
                                          {".jpeg", CUHUE_FILE_JPEG}, {".jpe", CUHUE_FILE_JPEG},
                                          {".bmp", CUHUE_FILE_BMP},   {".dib", CUHUE_FILE_BMP},
                                          {".ppm", CUHUE_FILE_PNM},   {".pnm", CUHUE_FILE_PNM},
                                          {".pgm", CUHUE_FILE_PNM},   {".pbm", CUHUE_FILE_PNM}};
// A colour picture is no PGM or PBM, so those are read but not chosen by name.
constexpr std::string_view kReadOnly[] = {".pgm", ".pbm"};
// Names that promise another format than the PNG that an unknown name gets.
constexpr std::string_view kForeign[] = {".tif", ".tiff", ".webp", ".gif", ".heic", ".heif", ".avif", ".jxl",
                                         ".jp2", ".tga",  ".psd",  ".exr", ".ico",  ".qoi",  ".svg",  ".pdf"};

std::string lower_extension(const fs::path& path) {
  std::string e = path.extension().string();
  std::transform(e.begin(), e.end(), e.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return e;
}

const KnownExtension* known_extension(const fs::path& path) {
  const std::string e = lower_extension(path);
  const auto* it = std::find_if(std::begin(kExtensions), std::end(kExtensions),
                                [&](const KnownExtension& k) { return k.name == e; });
  return it == std::end(kExtensions) ? nullptr : it;
}

std::string extension_of(cuhue_file_format format) {
  switch (format) {
    case CUHUE_FILE_JPEG: return ".jpg";
    case CUHUE_FILE_BMP: return ".bmp";
    case CUHUE_FILE_PNM: return ".ppm";
    default: return ".png";
  }
}

cuhue_file_format format_or_png(const std::string& format) {
  const cuhue_file_format f = parse_format(format);
  return f == CUHUE_FILE_AUTO ? CUHUE_FILE_PNG : f;
}

bool names_folder(const std::string& output) {
  std::error_code error;
  return output.ends_with('/') || fs::is_directory(output, error);
}

void require_folder(const fs::path& folder) {
  if (!is_writable_folder(folder.empty() ? "." : folder)) {
    throw Failure(CUHUE_OUTPUT, folder.string() +
                                    ": is not a folder that can be written to; create it or name "
                                    "another with -o");
  }
}

// The pictures of a folder by name; hidden files and everything without a picture's extension are left out.
std::vector<std::string> pictures_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator it(folder, error);
  if (error) throw Failure(CUHUE_INPUT, folder.string() + ": " + error.message() + "; check its permissions");
  for (; it != fs::directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    const std::string name = it->path().filename().string();
    if (!name.starts_with('.') && is_picture_name(name) && !it->is_directory(ignored)) names.push_back(name);
  }
  if (error) throw Failure(CUHUE_INPUT, folder.string() + ": " + error.message());
  if (names.empty()) {
    throw Failure(CUHUE_INPUT,
                  folder.string() +
                      ": holds no pictures (png, jpg, jpeg, bmp, ppm, pgm, pbm, pnm); folders in it "
                      "are not looked into");
  }
  std::sort(names.begin(), names.end());
  return names;
}

ColorizePlan plan_folder(const ColorizeOptions& options) {
  if (options.output == "-") {
    throw Failure(CUHUE_USAGE, "a folder of pictures cannot go to standard output; name a folder with -o");
  }
  const fs::path in = options.input;
  const fs::path out = options.output;
  const std::vector<std::string> names = pictures_in(in);
  std::error_code error;
  if (fs::exists(out, error) && !fs::is_directory(out, error)) {
    throw Failure(CUHUE_OUTPUT,
                  out.string() + ": is a file, but the input is a folder; name a folder with -o");
  }
  fs::create_directories(out, error);
  require_folder(out);
  const cuhue_file_format format = format_or_png(options.format);
  const std::vector<std::string> outputs = output_names(names, extension_of(format));
  ColorizePlan plan{.jobs = {}, .is_folder = true};
  for (std::size_t i = 0; i < names.size(); ++i) {
    plan.jobs.push_back({in / names[i], out / outputs[i], format});
  }
  return plan;
}

ColorizePlan plan_single(const ColorizeOptions& options) {
  ColorizeJob job;
  if (options.input != "-") {
    job.input = options.input;
    std::error_code error;
    if (!fs::exists(job.input, error)) {
      throw Failure(CUHUE_INPUT, options.input + ": no such file; check the path");
    }
  }
  if (options.output == "-") {
    job.format = format_or_png(options.format);
    if (isatty(STDOUT_FILENO) == 1) {
      throw Failure(CUHUE_USAGE,
                    "a picture is not written to a terminal; send standard output to a file or pipe");
    }
  } else if (names_folder(options.output)) {
    job.format = format_or_png(options.format);
    const std::string stem = options.input == "-" ? "stdin" : job.input.stem().string();
    job.output = fs::path(options.output) / (stem + extension_of(job.format));
    require_folder(job.output.parent_path());
  } else {
    job.output = options.output;
    job.format = choose_format(job.output, options.format);
    require_folder(job.output.parent_path());
  }
  return {.jobs = {job}, .is_folder = false};
}

}  // namespace

bool is_picture_name(const fs::path& path) {
  return known_extension(path) != nullptr;
}

cuhue_file_format choose_format(const fs::path& output, const std::string& format) {
  const std::string extension = lower_extension(output);
  const bool read_only =
      std::find(std::begin(kReadOnly), std::end(kReadOnly), extension) != std::end(kReadOnly);
  if (const KnownExtension* known = known_extension(output); known != nullptr && !read_only) {
    return known->format;
  }
  const cuhue_file_format named = parse_format(format);
  if (named != CUHUE_FILE_AUTO) return named;
  if (read_only || std::find(std::begin(kForeign), std::end(kForeign), extension) != std::end(kForeign)) {
    throw Failure(CUHUE_USAGE,
                  output.string() + ": '" + extension +
                      "' cannot be written; name it .png, .jpg, .bmp or .ppm, or give a format with "
                      "-f");
  }
  return CUHUE_FILE_PNG;
}

std::vector<std::string> output_names(const std::vector<std::string>& sources, const std::string& extension) {
  std::vector<bool> full(sources.size(), false);
  const auto name = [&](std::size_t i) {
    return (full[i] ? sources[i] : fs::path(sources[i]).stem().string()) + extension;
  };
  // A full name can meet another's short one, so again until all differ; each round makes one more full, and
  // full names differ as the sources do.
  for (bool changed = true; changed;) {
    changed = false;
    std::map<std::string, std::vector<std::size_t>> users;
    for (std::size_t i = 0; i < sources.size(); ++i) users[name(i)].push_back(i);
    for (const auto& [_, indices] : users) {
      if (indices.size() == 1) continue;
      for (const std::size_t i : indices) {
        changed = changed || !full[i];
        full[i] = true;
      }
    }
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < sources.size(); ++i) names.push_back(name(i));
  return names;
}

void check_format_holds(cuhue_file_format format, cuhue_pixel_format pixels, const std::string& name) {
  const bool alpha = pixels == CUHUE_GREY_ALPHA8 || pixels == CUHUE_RGBA8 || pixels == CUHUE_BGRA8 ||
                     pixels == CUHUE_GREY_ALPHA16 || pixels == CUHUE_RGBA16;
  const bool deep = pixels >= CUHUE_GREY16;
  const char* lost = nullptr;
  if (deep && (format == CUHUE_FILE_JPEG || format == CUHUE_FILE_BMP)) lost = "16 bits a sample";
  if (alpha && (format == CUHUE_FILE_JPEG || format == CUHUE_FILE_PNM)) lost = "transparency";
  if (lost == nullptr) return;
  throw Failure(CUHUE_USAGE, name + ": has " + lost + ", which " + extension_of(format).substr(1) +
                                 " cannot hold; write png instead");
}

ColorizePlan plan_colorize(const ColorizeOptions& options) {
  std::error_code error;
  const bool folder = options.input != "-" && fs::is_directory(options.input, error);
  return folder ? plan_folder(options) : plan_single(options);
}

}  // namespace cuhue::app
