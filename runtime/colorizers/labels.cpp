#include "runtime/colorizers/labels.h"

#include <array>
#include <string>

#include "weights/status.h"

namespace cuhue {
namespace {

constexpr std::array<std::string_view, kLabelCount> kNames = {
    "background",  "aeroplane", "bicycle", "bird",        "boat",      "bottle",   "bus",       "car",
    "cat",         "chair",     "cow",     "diningtable", "dog",       "horse",    "motorbike", "person",
    "pottedplant", "sheep",     "sofa",    "train",       "tvmonitor", "bag",      "bed",       "bench",
    "book",        "building",  "cabinet", "ceiling",     "clothes",   "computer", "cup",       "door",
    "fence",       "floor",     "flower",  "food",        "grass",     "ground",   "keyboard",  "light",
    "mountain",    "mouse",     "curtain", "platform",    "sign",      "plate",    "road",      "rock",
    "shelves",     "sidewalk",  "sky",     "snow",        "bedcloth",  "track",    "tree",      "truck",
    "wall",        "water",     "window",  "wood"};

// Three bits of the number at a time, from the low end: group g sets bit 7 - g of red, green and blue.
constexpr std::array<Label, kLabelCount> make_labels() {
  std::array<Label, kLabelCount> labels{};
  for (std::size_t i = 0; i < kLabelCount; ++i) {
    labels[i].name = kNames[i];
    for (unsigned left = static_cast<unsigned>(i), bit = 7; left != 0; left >>= 3, --bit)
      for (unsigned c = 0; c < 3; ++c) labels[i].rgb[c] |= static_cast<std::uint8_t>((left >> c & 1u) << bit);
  }
  return labels;
}
constexpr std::array<Label, kLabelCount> kLabels = make_labels();

constexpr LabelPalette make_palette() {
  LabelPalette palette{};
  for (std::size_t i = 0; i < kLabelCount; ++i)
    for (std::size_t c = 0; c < 3; ++c) palette.rgb[i][c] = kLabels[i].rgb[c];
  return palette;
}
constexpr LabelPalette kPalette = make_palette();

}  // namespace

std::span<const Label, kLabelCount> labels() {
  return kLabels;
}

const LabelPalette& label_palette() {
  return kPalette;
}

LabelMap::LabelMap(const ConstPixelView& picture) : LabelMap(picture.width, picture.height) {
  if (picture.format != PixelFormat::grey8) {
    throw Error(
        Status::usage,
        "a label map is a grey picture of bytes, each the number of a label; this one has another format");
  }
  for (std::int64_t y = 0; y < height_; ++y) {
    const std::uint8_t* from = picture.data + y * picture.stride;
    std::uint8_t* to = labels_.data() + y * width_;
    for (std::int64_t x = 0; x < width_; ++x) {
      if (from[x] >= kLabelCount) {
        throw Error(Status::usage, "the label map's pixel " + std::to_string(x) + "," + std::to_string(y) +
                                       " is " + std::to_string(from[x]) + "; labels are 0 to " +
                                       std::to_string(kLabelCount - 1));
      }
      to[x] = from[x];
    }
  }
}

}  // namespace cuhue
