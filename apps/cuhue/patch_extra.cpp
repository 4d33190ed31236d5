#include "apps/cuhue/patch_extra.h"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "apps/cuhue/files.h"
#include "apps/cuhue/overlay.h"

namespace cuhue::app {
namespace {

std::string size_text(std::int64_t width, std::int64_t height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

nlohmann::ordered_json report_of(const cuhue_detections* detections) {
  auto list = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < cuhue_detections_count(detections); ++i) {
    auto o = sized<cuhue_detection>();
    call(cuhue_detections_at, detections, i, &o);
    list.push_back(
        {{"class", class_name(o.class_index)}, {"score", o.score}, {"box", {o.x0, o.y0, o.x1, o.y1}}});
  }
  return list;
}

}  // namespace

PatchExtra::PatchExtra(const ColorizeOptions& options) : options_(options) {
  if (options.detections.empty()) return;
  const std::vector<std::byte> bytes = read_file(options.detections);
  given_ = parse_detections({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, options.detections);
}

std::vector<FileUse> PatchExtra::outputs() const {
  return {{options_.save_detections, "--save-detections"}, {options_.overlay, "--overlay"}};
}

void PatchExtra::check_plan(const ColorizePlan& plan) const {
  if (!options_.overlay.empty()) choose_format(options_.overlay, "");  // refuses names of other formats
  if (!plan.is_folder) return;
  for (const auto& [file, option] :
       {std::pair(options_.detections, "--detections"),
        std::pair(options_.save_detections, "--save-detections"), std::pair(options_.overlay, "--overlay")}) {
    if (file.empty()) continue;
    throw Failure(CUHUE_USAGE,
                  std::string(option) + " is for one photo, but the input is a folder; name a photo with -i");
  }
}

void PatchExtra::check_photo(std::int64_t width, std::int64_t height) const {
  if (!given_ || options_.as_published) return;  // whose result may have another size
  std::int64_t w = 0, h = 0;
  call(cuhue_detections_size, given_.get(), &w, &h);
  if (w == width && h == height) return;
  throw Failure(CUHUE_INPUT, options_.detections + ": its objects are of a photo of " + size_text(w, h) +
                                 ", the photo is " + size_text(width, height) + "; they must be equal");
}

void PatchExtra::set_up(cuhue_colorizer* colorizer) const {
  if (given_) call(cuhue_colorizer_set_detections, colorizer, CUHUE_ALL_PHOTOS, given_.get());
  for (const auto& [key, value] : options_.patch_settings)
    call(cuhue_colorizer_set, colorizer, key.c_str(), value);
}

void PatchExtra::after(const ExtraCall& photos, std::span<nlohmann::ordered_json> reports) const {
  if (std::string_view(cuhue_colorizer_system(photos.colorizer)) != "patch") return;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto found = make<DetectionsHandle>(cuhue_colorizer_detections, photos.colorizer, i);
    reports[i]["objects"] = report_of(found.get());
    if (!options_.save_detections.empty()) {
      const std::string text = detections_text(found.get());
      write_file(options_.save_detections, std::as_bytes(std::span(text)));
    }
    if (!options_.overlay.empty()) {
      auto o = sized<cuhue_encode_options>();
      o.jpeg_quality = options_.quality;
      o.overwrite = 1;
      o.format = choose_format(options_.overlay, "");
      call(cuhue_image_write, draw_overlay(photos.outputs[i], found.get()).get(), options_.overlay.c_str(),
           &o);
    }
  }
}

std::unique_ptr<Extra> make_patch_extra(const ColorizeOptions& options) {
  return std::make_unique<PatchExtra>(options);
}

}  // namespace cuhue::app
