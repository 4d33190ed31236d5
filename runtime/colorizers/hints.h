// Colours that the user wants at places of a photo, as planes of a network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "kernels/color/lab.h"
#include "runtime/colorizers/per_photo.h"
#include "runtime/image/pixels.h"

namespace cuhue {

struct PhotoPoint {
  std::int64_t x = 0, y = 0;  // a pixel of the photo
};

// a and b of 8-bit sRGB.
LabColor lab_color_of(std::uint8_t r, std::uint8_t g, std::uint8_t b);

// One point is a square, several are a scribble: squares along the lines between them.
struct Hint {
  static constexpr int kDefaultRadius = 3;  // 7x7, as published
  static constexpr int kMostRadius = 255;
  static constexpr float kMostColor = 110.0f;  // of a and b: what the network can give

  std::vector<PhotoPoint> points;
  // Squares have 2 * radius + 1 pixels of the network's planes a side, whatever the photo's size.
  int radius = kDefaultRadius;
  LabColor color{};
};

// A colour that a network holds likely at a place.
struct Suggestion {
  LabColor color{};
  float probability = 0;
};

struct HintPlanes {
  float *ab = nullptr, *mask = nullptr;  // [2, h, w], [1, h, w]: a and b in ab units, 1 where there is a hint
  std::int64_t h = 0, w = 0;
};

// The opaque pixels of a picture, at the size of the planes: where several meet, their mean.
class HintPicture {
 public:
  // Error(Status::usage) when the picture has no alpha.
  HintPicture(const ConstPixelView& picture, std::int64_t h, std::int64_t w);
  std::int64_t width() const { return width_; }
  std::int64_t height() const { return height_; }
  void paint(const HintPlanes& planes) const;  // of the size given

 private:
  std::int64_t width_, height_;
  std::vector<float> planes_;  // ab, mask
};

// Later hints cover earlier ones; what they leave is 0. A pixel x is trunc(x * w / width) of the planes.
// Error(Status::usage) names a hint outside of a photo of width x height. The planes are then undefined.
void paint_hints(std::span<const Hint> hints, std::int64_t width, std::int64_t height,
                 const HintPlanes& planes);

// What each photo of a call is given. Planes are of one size.
class HintBook {
 public:
  HintBook(std::int64_t h, std::int64_t w) : h_(h), w_(w) {}
  // photo: kAllPhotos too. Error(Status::usage) names what is wrong with a hint.
  void set(std::size_t photo, std::span<const Hint> hints);
  void set(std::size_t photo, const ConstPixelView& picture);
  void clear() { given_.clear(); }
  std::int64_t version() const { return given_.version(); }  // another after every change

  // Error(Status::usage): hints for a photo that is not among `count`.
  void check_count(std::size_t count) const { given_.check_count(count, "hints"); }
  // Of photo `index`, which is width x height.
  void paint(std::size_t index, std::int64_t width, std::int64_t height, const HintPlanes& planes) const;

 private:
  using Given = std::variant<std::vector<Hint>, HintPicture>;

  std::int64_t h_, w_;
  PerPhoto<Given> given_;
};

}  // namespace cuhue
