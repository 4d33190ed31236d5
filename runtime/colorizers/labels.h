// What is in a photo, by pixel: the labels of Semantic-driven Colorization.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/labels/labels.h"
#include "runtime/image/pixels.h"

namespace cuhue {

struct Label {
  std::string_view name;
  std::uint8_t rgb[3];  // on display
};

// By number: the background, and 59 things of PASCAL-Context.
constexpr std::size_t kLabelCount = 60;
std::span<const Label, kLabelCount> labels();
const LabelPalette& label_palette();  // beyond the labels black

class LabelMap {
 public:
  LabelMap() = default;
  LabelMap(std::int64_t width, std::int64_t height) { resize(width, height); }
  // Of a grey picture of bytes. Error(Status::usage) names the format, or the first pixel that is no label.
  explicit LabelMap(const ConstPixelView& picture);

  // Allocates nothing where there were as many pixels before. They are undefined.
  void resize(std::int64_t width, std::int64_t height) {
    width_ = width;
    height_ = height;
    labels_.resize(static_cast<std::size_t>(width * height));
  }
  std::int64_t width() const { return width_; }
  std::int64_t height() const { return height_; }
  std::span<std::uint8_t> pixels() { return labels_; }
  std::span<const std::uint8_t> pixels() const { return labels_; }
  LabelMapRef<std::uint8_t> ref() { return {labels_.data(), width_, height_, width_}; }
  LabelMapRef<const std::uint8_t> ref() const { return {labels_.data(), width_, height_, width_}; }

 private:
  std::int64_t width_ = 0, height_ = 0;
  std::vector<std::uint8_t> labels_;
};

}  // namespace cuhue
