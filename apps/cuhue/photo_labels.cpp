#include "apps/cuhue/photo_labels.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "apps/cuhue/console.h"
#include "apps/cuhue/label_view.h"

namespace cuhue::app {
namespace {

std::string size_text(std::int64_t width, std::int64_t height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

std::string rectangle_text(const Rectangle& r) {
  return std::to_string(r.x) + "," + std::to_string(r.y) + "," + std::to_string(r.width) + "," +
         std::to_string(r.height);
}

cuhue_pixels pixels_of(cuhue_image* image) {
  auto pixels = sized<cuhue_pixels>();
  call(cuhue_image_pixels, image, &pixels);
  return pixels;
}

std::ptrdiff_t stride_of(const cuhue_pixels& p, int bytes_per_pixel) {
  return p.stride != 0 ? p.stride : static_cast<std::ptrdiff_t>(p.width * bytes_per_pixel);
}

// Samples of a pixel, and the bytes of one.
std::pair<int, int> layout_of(cuhue_pixel_format format) {
  const int bytes = format >= CUHUE_GREY16 ? 2 : 1;
  switch (format) {
    case CUHUE_GREY8:
    case CUHUE_GREY16: return {1, bytes};
    case CUHUE_GREY_ALPHA8:
    case CUHUE_GREY_ALPHA16: return {2, bytes};
    case CUHUE_RGB8:
    case CUHUE_BGR8:
    case CUHUE_RGB16: return {3, bytes};
    default: return {4, bytes};
  }
}

// More white than black: the mean of the colour samples' high bytes.
bool is_white(const std::uint8_t* pixel, int samples, int bytes) {
  const int colours = samples <= 2 ? 1 : 3;
  int sum = 0;
  for (int c = 0; c < colours; ++c) sum += pixel[c * bytes + bytes - 1];
  return sum >= 128 * colours;
}

void check_size(const std::string& file, const char* what, const cuhue_pixels& p, const LabelMap& map) {
  if (p.width == map.width && p.height == map.height) return;
  throw Failure(CUHUE_INPUT, file + ": the " + what + " is " + size_text(p.width, p.height) +
                                 ", the result " + size_text(map.width, map.height) + "; they must be equal");
}

// A file that is read must hold labels; the library would not know its name.
void check_labels(const std::string& file, const cuhue_pixels& p) {
  if (p.format != CUHUE_GREY8) {
    throw Failure(CUHUE_INPUT, file +
                                   ": is no label map, a grey picture of 8 bits without transparency; "
                                   "--save-labels writes one");
  }
  const std::size_t count = cuhue_label_count();
  for (std::int64_t y = 0; y < p.height; ++y) {
    const auto* row = static_cast<const std::uint8_t*>(p.data) + y * stride_of(p, 1);
    const auto* bad = std::find_if(row, row + p.width, [&](std::uint8_t v) { return v >= count; });
    if (bad == row + p.width) continue;
    throw Failure(CUHUE_INPUT, file + ": pixel " + std::to_string(bad - row) + "," + std::to_string(y) +
                                   " is " + std::to_string(*bad) + "; labels are 0 to " +
                                   std::to_string(count - 1));
  }
}

}  // namespace

cuhue_pixels LabelMap::pixels() {
  auto p = sized<cuhue_pixels>();
  p.data = labels.data();
  p.width = width;
  p.height = height;
  p.format = CUHUE_GREY8;
  return p;
}

std::vector<cuhue_label_info> known_labels() {
  std::vector<cuhue_label_info> labels;
  for (std::size_t i = 0; i < cuhue_label_count(); ++i) {
    labels.push_back(sized<cuhue_label_info>());
    call(cuhue_label_at, i, &labels.back());
  }
  return labels;
}

std::uint8_t label_named(const std::string& name) {
  const std::vector<cuhue_label_info> labels = known_labels();
  std::string names, near;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (name == labels[i].name) return static_cast<std::uint8_t>(i);
    const std::string text = labels[i].name;
    names += (names.empty() ? "" : ", ") + text;
    if (name.size() >= 3 && (text.find(name) != std::string::npos || name.find(text) != std::string::npos))
      near += (near.empty() ? "" : ", ") + text;
  }
  throw Failure(CUHUE_USAGE, "no label is called '" + name + "'; " +
                                 (near.empty() ? "there are: " + names : "did you mean " + near + "?"));
}

std::vector<LabelRegion> regions_of(const LabelMap& map, std::uint8_t label) {
  std::vector<LabelRegion> regions;
  std::vector<bool> seen(map.labels.size(), false);
  std::vector<std::int64_t> open;
  for (std::int64_t start = 0; start < map.width * map.height; ++start) {
    const auto visit = [&](std::int64_t at) {
      const auto i = static_cast<std::size_t>(at);
      if (seen[i] || map.labels[i] != label) return;
      seen[i] = true;
      open.push_back(at);
    };
    visit(start);
    if (open.empty()) continue;
    LabelRegion region;
    std::int64_t left = map.width, right = -1, top = map.height, bottom = -1;
    while (!open.empty()) {
      const std::int64_t at = open.back(), x = at % map.width, y = at / map.width;
      open.pop_back();
      ++region.pixels;
      left = std::min(left, x);
      right = std::max(right, x);
      top = std::min(top, y);
      bottom = std::max(bottom, y);
      if (x > 0) visit(at - 1);
      if (x + 1 < map.width) visit(at + 1);
      if (y > 0) visit(at - map.width);
      if (y + 1 < map.height) visit(at + map.width);
    }
    region.box = {left, top, right - left + 1, bottom - top + 1};
    regions.push_back(region);
  }
  std::ranges::stable_sort(regions, std::greater<>(), &LabelRegion::pixels);
  return regions;
}

PhotoLabels::PhotoLabels(const ColorizeOptions& options)
    : options_(options.labels), as_published_(options.as_published) {
  for (const std::string& name : options_.listed) listed_.push_back(label_named(name));
  for (const LabelOptions::Relabel& asked : options_.relabel) {
    Change change{asked, nullptr, label_named(asked.name)};
    if (!asked.mask.empty()) change.mask = make<Picture>(cuhue_image_read, asked.mask.c_str());
    changes_.push_back(std::move(change));
  }
  if (options_.map.empty()) return;
  map_ = make<Picture>(cuhue_image_read, options_.map.c_str());
  check_labels(options_.map, pixels_of(map_.get()));
}

std::vector<FileUse> PhotoLabels::inputs() const {
  std::vector<FileUse> files = {{options_.map, "--labels"}};
  for (const Change& c : changes_) files.push_back({c.asked.mask, "--relabel-mask"});
  return files;
}

std::vector<FileUse> PhotoLabels::outputs() const {
  return {{options_.save, "--save-labels"}, {options_.view, "--save-label-view"}};
}

void PhotoLabels::check_plan(const ColorizePlan& plan) const {
  if (!plan.is_folder) return;
  throw Failure(
      CUHUE_USAGE,
      "--labels, --save-labels, --save-label-view, --relabel, --relabel-mask and --label are for one "
      "photo, but the input is a folder; name a photo with -i");
}

void PhotoLabels::set_up(cuhue_colorizer* colorizer) const {
  call(cuhue_colorizer_clear_labels, colorizer);
}

void PhotoLabels::apply(const Change& change, LabelMap& map) const {
  if (!change.mask) {
    const Rectangle& r = change.asked.rectangle;
    if (r.x >= map.width || r.y >= map.height) {
      throw Failure(CUHUE_USAGE, "--relabel " + rectangle_text(r) + ": the result " +
                                     size_text(map.width, map.height) + " ends before it");
    }
    const std::int64_t right = std::min(r.x + r.width, map.width),
                       bottom = std::min(r.y + r.height, map.height);
    for (std::int64_t y = r.y; y < bottom; ++y)
      std::fill(map.labels.data() + y * map.width + r.x, map.labels.data() + y * map.width + right,
                change.label);
    return;
  }
  const cuhue_pixels mask = pixels_of(change.mask.get());
  check_size(change.asked.mask, "mask", mask, map);
  const auto [samples, bytes] = layout_of(mask.format);
  for (std::int64_t y = 0; y < map.height; ++y) {
    const auto* row = static_cast<const std::uint8_t*>(mask.data) + y * stride_of(mask, samples * bytes);
    for (std::int64_t x = 0; x < map.width; ++x)
      if (is_white(row + x * samples * bytes, samples, bytes))
        map.labels[static_cast<std::size_t>(y * map.width + x)] = change.label;
  }
}

void PhotoLabels::before(const ExtraCall& photos) const {
  if (!map_ && changes_.empty()) return;
  const cuhue_pixels& result = photos.outputs[0];
  LabelMap map(result.width, result.height);
  const cuhue_pixels pixels = map.pixels();
  if (map_) {
    const cuhue_pixels given = pixels_of(map_.get());
    check_size(options_.map, "label map", given, map);
    for (std::int64_t y = 0; y < map.height; ++y)
      std::copy_n(static_cast<const std::uint8_t*>(given.data) + y * stride_of(given, 1), map.width,
                  map.labels.data() + y * map.width);
  } else {
    auto o = sized<cuhue_colorize_options>();
    o.as_published = as_published_ ? 1 : 0;
    call(cuhue_colorizer_find_labels, photos.colorizer, &photos.photos[0], &o, &pixels);
  }
  for (const Change& change : changes_) apply(change, map);
  call(cuhue_colorizer_set_labels, photos.colorizer, CUHUE_ALL_PHOTOS, &pixels);
}

void PhotoLabels::list(const LabelMap& map) const {
  for (std::size_t i = 0; i < listed_.size(); ++i) {
    const std::string& name = options_.listed[i];
    const std::vector<LabelRegion> regions = regions_of(map, listed_[i]);
    std::string text;
    for (const LabelRegion& r : regions)
      text += name + " " + rectangle_text(r.box) + " " + std::to_string(r.pixels) + "\n";
    write_stdout(text);
    if (regions.empty()) print_note("label '" + name + "' is nowhere in the photo");
  }
}

void PhotoLabels::write(LabelMap& map) const {
  auto o = sized<cuhue_encode_options>();
  o.format = CUHUE_FILE_PNG;
  o.overwrite = 1;
  if (!options_.save.empty()) {
    const auto image = make<Picture>(cuhue_image_create, map.width, map.height, CUHUE_GREY8,
                                     static_cast<cuhue_image*>(nullptr));
    const cuhue_pixels to = pixels_of(image.get());
    for (std::int64_t y = 0; y < map.height; ++y)
      std::copy_n(map.labels.data() + y * map.width, map.width,
                  static_cast<std::uint8_t*>(to.data) + y * stride_of(to, 1));
    call(cuhue_image_write, image.get(), options_.save.c_str(), &o);
  }
  if (!options_.view.empty()) call(cuhue_image_write, label_view(map).get(), options_.view.c_str(), &o);
}

void PhotoLabels::after(const ExtraCall& photos, std::span<nlohmann::ordered_json> reports) const {
  const cuhue_pixels& result = photos.outputs[0];
  LabelMap map(result.width, result.height);
  const cuhue_pixels pixels = map.pixels();
  call(cuhue_colorizer_labels, photos.colorizer, std::size_t{0}, &pixels);
  list(map);
  write(map);
  nlohmann::ordered_json& labels = reports[0]["labels"] = nlohmann::ordered_json::array();
  for (const LabelShare& share : shares_of(map))
    labels.push_back({{"name", known_labels()[share.label].name}, {"pixels", share.pixels}});
}

std::unique_ptr<Extra> make_labels_extra(const ColorizeOptions& options) {
  const LabelOptions& l = options.labels;
  const bool asked =
      !l.map.empty() || !l.save.empty() || !l.view.empty() || !l.relabel.empty() || !l.listed.empty();
  return asked ? std::make_unique<PhotoLabels>(options) : nullptr;
}

}  // namespace cuhue::app
