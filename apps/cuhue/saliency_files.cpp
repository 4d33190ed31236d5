#include "apps/cuhue/saliency_files.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>
#include <system_error>

#include "apps/cuhue/files.h"

namespace cuhue::app {
namespace {

namespace fs = std::filesystem;

bool is_png(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension == ".png";
}

void make_folder(const std::string& folder, const char* option) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !is_writable_folder(folder)) {
    throw Failure(CUHUE_OUTPUT,
                  folder + ": no files can be written there (" + option + "); name a folder of yours");
  }
}

// The number of a setting's value by its name, in the network that the system is called after.
double value_named(const std::string& system, const char* setting, const std::string& name) {
  auto network = sized<cuhue_network_info>();
  std::string names;
  if (cuhue_network_find(system.c_str(), &network, nullptr) == CUHUE_OK) {
    for (std::size_t i = 0; i < network.setting_count; ++i) {
      auto info = sized<cuhue_setting_info>();
      call(cuhue_network_setting_at, system.c_str(), i, &info);
      if (std::strcmp(info.name, setting) != 0) continue;
      for (std::size_t v = 0; v < info.value_count; ++v) {
        if (name == info.values[v]) return static_cast<double>(v);
        names += (names.empty() ? "" : ", ") + std::string(info.values[v]);
      }
    }
  }
  throw Failure(CUHUE_USAGE, std::string("--") + setting + " '" + name + "': system " + system + " has " +
                                 (names.empty() ? "no such choice" : "these: " + names));
}

void write_png(cuhue_image* image, const std::string& path) {
  auto o = sized<cuhue_encode_options>();
  o.format = CUHUE_FILE_PNG;
  o.overwrite = 1;
  call(cuhue_image_write, image, path.c_str(), &o);
}

cuhue_pixels pixels_of(cuhue_image* image) {
  auto pixels = sized<cuhue_pixels>();
  call(cuhue_image_pixels, image, &pixels);
  return pixels;
}

// The photo's bytes in a picture of its own.
Picture copy_of(const cuhue_pixels& photo) {
  auto picture = make<Picture>(cuhue_image_create, photo.width, photo.height, photo.format, nullptr);
  const cuhue_pixels to = pixels_of(picture.get());
  const auto row = static_cast<std::size_t>(std::min(photo.stride, to.stride));
  for (std::int64_t y = 0; y < photo.height; ++y)
    std::memcpy(static_cast<std::byte*>(to.data) + y * to.stride,
                static_cast<const std::byte*>(photo.data) + y * photo.stride, row);
  return picture;
}

}  // namespace

SaliencyFiles::SaliencyFiles(const ColorizeOptions& options)
    : targets_{{{"--save-saliency", options.save_saliency}, {"--saliency-view", options.saliency_view}}},
      norm_(options.norm),
      photos_here_{options.input, options.output} {
  std::error_code ignored;
  is_folder_ = fs::is_directory(options.input, ignored);
  for (const Target& t : targets_) {
    if (t.path.empty() || is_folder_ || is_png(t.path)) continue;
    throw Failure(CUHUE_USAGE, std::string(t.option) + " '" + t.path + "': is written as PNG; name it .png");
  }
}

std::vector<FileUse> SaliencyFiles::outputs() const {
  if (is_folder_) return {};
  return {{map().path, map().option}, {view().path, view().option}};
}

void SaliencyFiles::check_plan(const ColorizePlan& plan) const {
  if (!is_folder_) return;
  std::error_code ignored;  // one that is not there yet is no other's
  std::vector<std::string> taken(photos_here_.begin(), photos_here_.end());
  for (const Target& t : targets_) {
    if (t.path.empty()) continue;
    make_folder(t.path, t.option);
    for (const std::string& other : taken) {
      if (fs::equivalent(t.path, other, ignored)) {
        throw Failure(CUHUE_USAGE, std::string(t.option) + " '" + t.path +
                                       "': other pictures of these names are there; name another folder");
      }
    }
    taken.push_back(t.path);
  }
  std::vector<std::string> sources;
  for (const ColorizeJob& job : plan.jobs) sources.push_back(job.input.filename().string());
  names_ = output_names(sources, ".png");
}

void SaliencyFiles::set_up(cuhue_colorizer* colorizer) const {
  if (!norm_.empty()) {
    const std::string system = cuhue_colorizer_system(colorizer);
    call(cuhue_colorizer_set, colorizer, "norm", value_named(system, "norm", norm_));
  }
  if (!map().path.empty() || !view().path.empty()) call(cuhue_colorizer_keep_saliency, colorizer, 1);
}

void SaliencyFiles::before(const ExtraCall& photos) const {
  if (view().path.empty()) return;
  for (std::size_t i = 0; i < photos.photos.size(); ++i) {
    Picture copy = copy_of(photos.photos[i]);
    const std::lock_guard lock(mutex_);
    photos_[photos.pictures[i]] = std::move(copy);
  }
}

std::string SaliencyFiles::file_of(const Target& target, std::size_t picture) const {
  return is_folder_ ? (fs::path(target.path) / names_[picture]).string() : target.path;
}

void SaliencyFiles::write_map(const ExtraCall& photos, std::size_t i, const std::string& path) const {
  const std::int64_t w = photos.photos[i].width, h = photos.photos[i].height;
  std::vector<float> values(static_cast<std::size_t>(w * h));
  call(cuhue_colorizer_saliency, photos.colorizer, i, w, h, values.data());
  const auto image = make<Picture>(cuhue_image_create, w, h, CUHUE_GREY16, nullptr);
  const cuhue_pixels to = pixels_of(image.get());
  for (std::int64_t y = 0; y < h; ++y) {
    for (std::int64_t x = 0; x < w; ++x) {
      const float v = std::clamp(values[static_cast<std::size_t>(y * w + x)], 0.0f, 1.0f);
      const auto level = static_cast<std::uint16_t>(std::lround(v * 65535.0f));
      std::memcpy(static_cast<std::byte*>(to.data) + y * to.stride + 2 * x, &level, sizeof level);
    }
  }
  write_png(image.get(), path);
}

void SaliencyFiles::write_view(const ExtraCall& photos, std::size_t i, const std::string& path) const {
  Picture photo;
  {
    const std::lock_guard lock(mutex_);
    photo = std::move(photos_.extract(photos.pictures[i]).mapped());
  }
  const cuhue_pixels from = pixels_of(photo.get());
  const auto image =
      make<Picture>(cuhue_image_create, from.width, from.height, cuhue_output_format(from.format), nullptr);
  const cuhue_pixels to = pixels_of(image.get());
  call(cuhue_colorizer_saliency_view, photos.colorizer, i, &from, &to);
  write_png(image.get(), path);
}

void SaliencyFiles::after(const ExtraCall& photos, std::span<nlohmann::ordered_json> reports) const {
  for (std::size_t i = 0; i < photos.photos.size(); ++i) {
    if (!map().path.empty()) {
      const std::string path = file_of(map(), photos.pictures[i]);
      write_map(photos, i, path);
      reports[i]["saliency"] = path;
    }
    if (!view().path.empty()) {
      const std::string path = file_of(view(), photos.pictures[i]);
      write_view(photos, i, path);
      reports[i]["saliency_view"] = path;
    }
  }
}

std::unique_ptr<Extra> make_saliency_extra(const ColorizeOptions& options) {
  if (options.save_saliency.empty() && options.saliency_view.empty() && options.norm.empty()) return nullptr;
  return std::make_unique<SaliencyFiles>(options);
}

}  // namespace cuhue::app
