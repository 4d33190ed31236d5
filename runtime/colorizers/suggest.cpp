#include "runtime/colorizers/suggest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>

#include "kernels/prepare/prepare.h"
#include "runtime/image/photo_ref.h"
#include "weights/status.h"

namespace cuhue {
namespace {

// Fields of 10 x 10 in ab, a slow, b fast.
constexpr std::int64_t kFields = 23, kFieldSide = 10, kFirstMiddle = -110;
constexpr std::int64_t kClasses = kFields * kFields;
constexpr float kFlattening = 0.2f;  // of the scores, as published

}  // namespace

void ColorSuggester::prepare(const ConstPixelView& photo, float* plane) {
  PrepareParams p;
  p.photo = photo_ref(photo);
  p.out_h = p.out_w = size_;
  p.luminance = Luminance::cie_l;
  p.out = plane;
  p.scratch = scratch_.get(prepare_scratch_bytes(photo.height, photo.width, size_, size_));
  prepare_cpu(p);
}

void ColorSuggester::run(const ConstPixelView& photo, std::size_t index, const HintBook& hints,
                         const Settings& settings) {
  scores_ = {};
  Program& program = programs_.find({1, size_, size_}, settings).program;
  prepare(photo, program.input("l").data);
  hints.paint(index, photo.width, photo.height,
              {program.input("hint_ab").data, program.input("hint_mask").data, size_, size_});
  program.run();
  scores_ = program.output("class_logits");
  index_ = index;
  version_ = hints.version();
  width_ = photo.width;
  height_ = photo.height;
  settings_ = settings;
}

bool ColorSuggester::has(std::size_t index, const HintBook& hints, const Settings& settings) const {
  return scores_.data != nullptr && index == index_ && hints.version() == version_ && settings == settings_;
}

std::size_t ColorSuggester::at(PhotoPoint pixel, std::span<Suggestion> suggestions) const {
  if (pixel.x < 0 || pixel.y < 0 || pixel.x >= width_ || pixel.y >= height_) {
    throw Error(Status::usage, "(" + std::to_string(pixel.x) + ", " + std::to_string(pixel.y) +
                                   ") is outside of the photo, which is " + std::to_string(width_) + "x" +
                                   std::to_string(height_));
  }
  const Dims& d = scores_.dims;
  const float* scores = scores_.data + pixel.y * d.h / height_ * d.w + pixel.x * d.w / width_;
  std::array<Suggestion, kClasses> all;
  float most = -INFINITY;
  for (std::int64_t i = 0; i < kClasses; ++i) most = std::max(most, scores[i * d.h * d.w]);
  float sum = 0.0f;
  for (std::int64_t i = 0; i < kClasses; ++i) {
    Suggestion& s = all[static_cast<std::size_t>(i)];
    const std::int64_t row = i / kFields, column = i % kFields;
    s.color = {static_cast<float>(kFirstMiddle + kFieldSide * row),
               static_cast<float>(kFirstMiddle + kFieldSide * column)};
    s.probability = std::exp(kFlattening * (scores[i * d.h * d.w] - most));
    sum += s.probability;
  }
  if (!std::isfinite(sum)) throw Error(Status::weights, kColoursNotFinite);
  std::ranges::stable_sort(all, std::greater<>(), &Suggestion::probability);
  const std::size_t count = std::min(suggestions.size(), all.size());
  for (std::size_t i = 0; i < count; ++i) {
    suggestions[i] = all[i];
    suggestions[i].probability /= sum;
  }
  return count;
}

}  // namespace cuhue
