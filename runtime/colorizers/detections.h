// What was found in a photo: objects with a box, a class and a mask each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace cuhue {

// Where an object is, pixel by pixel: 1 or 0 for the pixels of a rectangle inside of the photo; 0 for all
// others. A mask is as large as its object: 100 of them in a photo of 1280x960 cost what they cover.
struct ObjectMask {
  std::int64_t x = 0, y = 0, w = 0, h = 0;  // the rectangle, in pixels of the photo; may be empty
  std::size_t first = 0;                    // where its bytes begin in Detections::mask_bytes: [h, w]
};

// Objects in the order they were found: scores descend. Later ones lie over earlier ones.
struct Detections {
  std::int64_t width = 0, height = 0;  // of the photo
  std::vector<float> boxes;            // [k, 4] x0, y0, x1, y1 in pixels of the photo, inside of it
  std::vector<float> scores;           // [k] 0..1
  std::vector<std::int32_t> classes;   // [k] indices of detection_classes()
  std::vector<ObjectMask> masks;       // [k]
  std::vector<std::uint8_t> mask_bytes;

  std::size_t count() const { return scores.size(); }
  std::span<const std::uint8_t> mask(std::size_t i) const {
    const ObjectMask& m = masks[i];
    return std::span(mask_bytes).subspan(m.first, static_cast<std::size_t>(m.w * m.h));
  }
  bool covers(std::size_t i, std::int64_t x, std::int64_t y) const {
    const ObjectMask& m = masks[i];
    if (x < m.x || y < m.y || x >= m.x + m.w || y >= m.y + m.h) return false;
    return mask_bytes[m.first + static_cast<std::size_t>((y - m.y) * m.w + (x - m.x))] != 0;
  }
};

// The classes of COCO in the order of the published weights, 80 of them.
struct DetectionClass {
  std::string_view name;  // "person"
  int coco_id;            // the category's id in COCO's files, which have gaps
};
std::span<const DetectionClass> detection_classes();

}  // namespace cuhue
