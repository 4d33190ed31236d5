#include "runtime/colorizers/patches.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>

#include "weights/status.h"

namespace cuhue {
namespace {

[[noreturn]] void refuse(std::size_t object, const std::string& what) {
  throw Error(Status::usage, "object " + std::to_string(object) + ": " + what);
}

// Truncated towards 0; inside of the photo it is already.
FuseObject whole_pixels(const float* box) {
  FuseObject o;
  o.x = static_cast<std::int32_t>(box[0]);
  o.y = static_cast<std::int32_t>(box[1]);
  o.w = static_cast<std::int32_t>(box[2]) - o.x;
  o.h = static_cast<std::int32_t>(box[3]) - o.y;
  return o;
}

// The mask's rectangle within the box.
void place_mask(const ObjectMask& mask, FuseObject& o) {
  const std::int64_t left = std::max<std::int64_t>(mask.x, o.x), top = std::max<std::int64_t>(mask.y, o.y);
  const std::int64_t right = std::min<std::int64_t>(mask.x + mask.w, std::int64_t{o.x} + o.w);
  const std::int64_t bottom = std::min<std::int64_t>(mask.y + mask.h, std::int64_t{o.y} + o.h);
  if (left >= right || top >= bottom) return;
  o.mask_x = static_cast<std::int32_t>(left);
  o.mask_y = static_cast<std::int32_t>(top);
  o.mask_w = static_cast<std::int32_t>(right - left);
  o.mask_h = static_cast<std::int32_t>(bottom - top);
}

// How far a window of 2 radius + 1 pixels around `i` reaches within [0, size) of a line that lies between
// `before` and `after` further pixels of the photo. Pixels of the photo outside of the line count as empty.
struct Window {
  std::int64_t begin, end, pixels;
  Window(std::int64_t i, std::int64_t size, std::int64_t radius, std::int64_t before, std::int64_t after)
      : begin(std::max<std::int64_t>(i - radius, 0)), end(std::min(i + radius + 1, size)) {
    pixels = std::min(i + radius + 1, size + after) - std::max(i - radius, -before);
  }
};

// Coverage [h, w] of 0 and 255 sets in over `radius` pixels: twice the part of a square around a pixel that
// is covered, less 1. The photo's border is no edge.
class Feather {
 public:
  Feather(const FuseObject& o, const Detections& photo, std::int64_t radius)
      : o_(o), photo_(photo), radius_(radius) {}

  void apply(std::uint8_t* coverage) {
    const std::int64_t w = o_.mask_w, h = o_.mask_h;
    std::vector<std::int64_t> columns(static_cast<std::size_t>(w + 1));  // sums over rows, then their sums
    std::vector<std::uint8_t> hard(coverage, coverage + w * h);
    std::vector<std::int64_t> covered(static_cast<std::size_t>(w), 0);  // pixels of each column in the window
    std::int64_t begin = 0, end = 0;
    for (std::int64_t y = 0; y < h; ++y) {
      const Window rows(y, h, radius_, o_.mask_y, photo_.height - o_.mask_y - h);
      for (; end < rows.end; ++end) add(hard.data() + end * w, 1, covered);
      for (; begin < rows.begin; ++begin) add(hard.data() + begin * w, -1, covered);
      for (std::size_t x = 0; x < covered.size(); ++x) columns[x + 1] = columns[x] + covered[x];
      for (std::int64_t x = 0; x < w; ++x) {
        std::uint8_t& c = coverage[y * w + x];
        if (c == 0) continue;
        const Window across(x, w, radius_, o_.mask_x, photo_.width - o_.mask_x - w);
        const std::int64_t all = across.pixels * rows.pixels;
        const std::int64_t sum =
            columns[static_cast<std::size_t>(across.end)] - columns[static_cast<std::size_t>(across.begin)];
        c = static_cast<std::uint8_t>((std::max<std::int64_t>(2 * sum - all, 0) * 255 + all / 2) / all);
      }
    }
  }

 private:
  static void add(const std::uint8_t* row, std::int64_t sign, std::vector<std::int64_t>& covered) {
    for (std::size_t x = 0; x < covered.size(); ++x) covered[x] += row[x] != 0 ? sign : 0;
  }

  const FuseObject& o_;
  const Detections& photo_;
  std::int64_t radius_;
};

// Of a box that may be there already.
std::int32_t place_of(const PatchBox& box, std::vector<PatchBox>& boxes) {
  const auto found = std::ranges::find(boxes, box);
  const auto place = static_cast<std::int32_t>(found - boxes.begin());
  if (found == boxes.end()) boxes.push_back(box);
  return place;
}

}  // namespace

Patches find_patches(const Detections& detections, const PatchRule& rule) {
  Patches patches;
  patches.boxes.push_back(
      {0, 0, static_cast<std::int32_t>(detections.width), static_cast<std::int32_t>(detections.height)});
  const double least =
      rule.min_area * static_cast<double>(detections.width) * static_cast<double>(detections.height);
  for (std::size_t i = 0; i < detections.count(); ++i) {
    FuseObject o = whole_pixels(detections.boxes.data() + 4 * i);
    if (o.w <= 0 || o.h <= 0 || static_cast<double>(o.w) * static_cast<double>(o.h) <= least) continue;
    place_mask(detections.masks[i], o);
    if (o.mask_w == 0) continue;
    patches.kept.push_back(i);
    o.map = place_of({o.x, o.y, o.w, o.h}, patches.boxes);
    o.coverage = static_cast<std::int64_t>(patches.coverage.size());
    const ObjectMask& mask = detections.masks[i];
    for (std::int64_t y = o.mask_y; y < std::int64_t{o.mask_y} + o.mask_h; ++y) {
      const std::uint8_t* from = detections.mask(i).data() + (y - mask.y) * mask.w + (o.mask_x - mask.x);
      std::transform(from, from + o.mask_w, std::back_inserter(patches.coverage),
                     [](std::uint8_t v) { return static_cast<std::uint8_t>(v != 0 ? 255 : 0); });
    }
    if (rule.feather > 0) Feather(o, detections, rule.feather).apply(patches.coverage.data() + o.coverage);
    patches.objects.push_back(o);
  }
  return patches;
}

void check_detections(const Detections& d, std::int64_t width, std::int64_t height) {
  if (d.width != width || d.height != height) {
    throw Error(Status::usage, "the objects are of a photo of " + std::to_string(d.width) + "x" +
                                   std::to_string(d.height) + ", but this one is " + std::to_string(width) +
                                   "x" + std::to_string(height) + "; they must be equal");
  }
  const std::size_t count = d.count();
  if (d.boxes.size() != 4 * count || d.classes.size() != count || d.masks.size() != count)
    throw Error(Status::usage, "the objects' lists differ in length");
  const auto w = static_cast<float>(width), h = static_cast<float>(height);
  for (std::size_t i = 0; i < count; ++i) {
    const float* b = d.boxes.data() + 4 * i;
    if (!(b[0] >= 0 && b[1] >= 0 && b[2] >= b[0] && b[3] >= b[1] && b[2] <= w && b[3] <= h))
      refuse(i, "its box is not inside of the photo, which is " + std::to_string(width) + "x" +
                    std::to_string(height));
    if (!std::isfinite(d.scores[i])) refuse(i, "its score is no finite number");
    if (d.classes[i] < 0 || static_cast<std::size_t>(d.classes[i]) >= detection_classes().size())
      refuse(i, "there is no class " + std::to_string(d.classes[i]) + "; they go from 0 to 79");
    const ObjectMask& m = d.masks[i];
    const bool inside = m.x >= 0 && m.y >= 0 && m.w >= 0 && m.h >= 0 && m.x <= width && m.y <= height &&
                        m.w <= width - m.x && m.h <= height - m.y;
    if (!inside || m.first > d.mask_bytes.size() ||
        static_cast<std::size_t>(m.w * m.h) > d.mask_bytes.size() - m.first)
      refuse(i, "its mask is not inside of the photo, or has no bytes");
  }
}

}  // namespace cuhue
