#include "apps/cuhue/detection_file.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "apps/cuhue/coco_rle.h"

namespace cuhue::app {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr std::size_t kMostObjects = 1000;
constexpr std::int64_t kMostSide = std::int64_t{1} << 20, kMostPixels = std::int64_t{1} << 31;
constexpr std::int64_t kMostMaskBytes = std::int64_t{1} << 30;  // of all objects

std::string printable(std::string text) {
  constexpr std::size_t kMost = 200;  // what a message quotes may be of any length
  if (text.size() > kMost) text = text.substr(0, kMost) + "...";
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20 || c > 0x7E; }, ' ');
  return text;
}

struct Class {
  const char* name = nullptr;
  int coco_id = 0;
};
Class class_at(std::size_t index) {
  Class c;
  call(cuhue_detection_class, index, &c.name, &c.coco_id);
  return c;
}

struct Size2 {
  std::int64_t width = 0, height = 0;
  friend bool operator==(const Size2&, const Size2&) = default;
};

class Parser {
 public:
  explicit Parser(const std::string& name) : where_(name) {}

  DetectionsHandle parse(const Json& json) {
    const Json* objects = &json;
    std::optional<Size2> size;
    if (json.is_object()) {
      if (!json.contains("objects")) refuse("there is no list 'objects' in it");
      objects = &json["objects"];
      const Json& width = member(json, "width");
      size = size_of(width, member(json, "height"));
    }
    if (!objects->is_array()) refuse("its objects are no list");
    if (objects->size() > kMostObjects)
      refuse("it has " + std::to_string(objects->size()) + " objects; at most 1000 are read");
    if (!size) {
      if (objects->empty())
        refuse(
            "it is an empty list, which does not say the photo's size; write {\"width\": "
            "640, \"height\": 480, \"objects\": []}");
      where_ += ": object 0";
      size = size_of_mask(segmentation(objects->front()));
      where_.resize(where_.size() - std::string_view(": object 0").size());
    }
    size_ = *size;
    auto detections = make<DetectionsHandle>(cuhue_detections_create, size_.width, size_.height);
    const std::string file = where_;
    for (std::size_t i = 0; i < objects->size(); ++i) {
      where_ = file + ": object " + std::to_string(i);
      add((*objects)[i], detections.get());
    }
    return detections;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Failure(CUHUE_INPUT, where_ + ": " + what);
  }

  const Json& member(const Json& json, const char* key) const {
    if (!json.is_object() || !json.contains(key)) refuse(std::string("it has no '") + key + "'");
    return json[key];
  }

  double number(const Json& json, const char* what) const {
    if (!json.is_number() || !std::isfinite(json.get<double>()))
      refuse(std::string("its ") + what +
             " is no number: " + printable(json.dump(-1, ' ', true, Json::error_handler_t::replace)));
    return json.get<double>();
  }

  std::int64_t whole(const Json& json, const char* what, std::int64_t most) const {
    const double v = number(json, what);
    if (!json.is_number_integer() || v < 0 || v > static_cast<double>(most))
      refuse(std::string("its ") + what + " must be a whole number from 0 to " + std::to_string(most));
    return json.get<std::int64_t>();
  }

  Size2 size_of(const Json& width, const Json& height) const {
    const Size2 size{whole(width, "width", kMostSide), whole(height, "height", kMostSide)};
    if (size.width < 1 || size.height < 1 || size.width * size.height > kMostPixels)
      refuse("the photo's width and height cannot be those of a photo");
    return size;
  }

  const Json& segmentation(const Json& object) const {
    const Json& mask = member(object, "segmentation");
    if (mask.is_array())
      refuse("its segmentation is polygons, which are not read; give run lengths (size and counts)");
    return mask;
  }

  Size2 size_of_mask(const Json& mask) const {
    const Json& size = member(mask, "size");
    if (!size.is_array() || size.size() != 2) refuse("its mask's size is not [height, width]");
    return size_of(size[1], size[0]);
  }

  int class_of(const Json& object) const {
    const bool by_name = object.contains("class");
    const Json& given = member(object, by_name ? "class" : "category_id");
    for (std::size_t i = 0; i < cuhue_detection_class_count(); ++i) {
      const Class c = class_at(i);
      if (by_name ? given == c.name : given == c.coco_id) return static_cast<int>(i);
    }
    refuse("its class is none of COCO's 80 (\"person\", \"cat\", ...): " +
           printable(given.dump(-1, ' ', true, Json::error_handler_t::replace)));
  }

  // Clipped to the photo, as detectors do.
  void box_of(const Json& object, cuhue_detection& o) const {
    const bool corners = object.contains("box");
    const Json& box = member(object, corners ? "box" : "bbox");
    if (!box.is_array() || box.size() != 4)
      refuse(corners ? "its box is not [x0, y0, x1, y1]" : "its bbox is not [x, y, width, height]");
    double v[4];
    for (std::size_t i = 0; i < 4; ++i) v[i] = number(box[i], "box");
    if (!corners) {
      v[2] += v[0];
      v[3] += v[1];
    }
    if (!(v[2] >= v[0] && v[3] >= v[1])) refuse("its box ends before it begins");
    const auto clipped = [](double value, std::int64_t most) {
      return static_cast<float>(std::clamp(value, 0.0, static_cast<double>(most)));
    };
    o.x0 = clipped(v[0], size_.width);
    o.y0 = clipped(v[1], size_.height);
    o.x1 = clipped(v[2], size_.width);
    o.y1 = clipped(v[3], size_.height);
  }

  Runs runs_of(const Json& counts) const {
    if (counts.is_string()) return parse_runs(counts.get_ref<const std::string&>());
    if (!counts.is_array()) refuse("its counts are neither a list of numbers nor a string");
    Runs runs;
    for (const Json& count : counts) runs.push_back(whole(count, "count", kMostPixels));
    return runs;
  }

  MaskRectangle mask_of(const Json& object) {
    const Json& json = segmentation(object);
    if (size_of_mask(json) != size_) refuse("its mask's size is not the photo's");
    try {
      MaskRectangle mask =
          mask_of_runs(runs_of(member(json, "counts")), size_.width, size_.height, mask_bytes_left_);
      mask_bytes_left_ -= mask.w * mask.h;
      return mask;
    } catch (const std::invalid_argument& e) {
      refuse(e.what());
    }
  }

  void add(const Json& json, cuhue_detections* detections) {
    if (!json.is_object()) refuse("it is no object with class, score, box and segmentation");
    auto o = sized<cuhue_detection>();
    o.class_index = class_of(json);
    const double score = json.contains("score") ? number(json["score"], "score") : 1.0;
    if (score < 0 || score > 1) refuse("its score must be from 0 to 1");
    o.score = static_cast<float>(score);
    box_of(json, o);
    const MaskRectangle mask = mask_of(json);
    o.mask = mask.bytes.data();
    o.mask_x = mask.x;
    o.mask_y = mask.y;
    o.mask_width = mask.w;
    o.mask_height = mask.h;
    call(cuhue_detections_add, detections, &o);
  }

  std::string where_;
  Size2 size_;
  std::int64_t mask_bytes_left_ = kMostMaskBytes;
};

}  // namespace

std::string class_name(int class_index) {
  return class_at(static_cast<std::size_t>(class_index)).name;
}

std::string detections_text(const cuhue_detections* detections) {
  std::int64_t width = 0, height = 0;
  call(cuhue_detections_size, detections, &width, &height);
  std::string text =
      "{\"width\": " + std::to_string(width) + ", \"height\": " + std::to_string(height) + ", \"objects\": [";
  for (std::size_t i = 0; i < cuhue_detections_count(detections); ++i) {
    auto o = sized<cuhue_detection>();
    call(cuhue_detections_at, detections, i, &o);
    const MaskRectangle place{o.mask_x, o.mask_y, o.mask_width, o.mask_height, {}};
    OrderedJson json;
    json["class"] = class_name(o.class_index);
    json["score"] = o.score;
    json["box"] = {o.x0, o.y0, o.x1, o.y1};
    json["segmentation"] = {
        {"size", {height, width}},
        {"counts",
         runs_text(runs_of_mask(o.mask, static_cast<std::ptrdiff_t>(o.mask_width), place, width, height))}};
    text += (i > 0 ? ",\n  " : "\n  ") + json.dump();
  }
  return text + "\n]}\n";
}

DetectionsHandle parse_detections(std::string_view json, const std::string& name) {
  Json parsed;
  try {
    parsed = Json::parse(json);
  } catch (const Json::exception& e) {
    throw Failure(CUHUE_INPUT, name + ": it is no JSON: " + printable(e.what()));
  }
  return Parser(name).parse(parsed);
}

}  // namespace cuhue::app
