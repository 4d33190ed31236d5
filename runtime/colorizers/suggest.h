// Likely colours from the class head of SIGGRAPH17.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/colorizers/hints.h"
#include "runtime/colorizers/program_cache.h"
#include "runtime/graph/scratch.h"

namespace cuhue {

class ColorSuggester {
 public:
  // size: of the network's planes.
  ColorSuggester(const LoadedNetwork& network, std::int64_t size)
      : programs_(network, "class_logits", 1), size_(size) {}

  // The photo through the network, with its hints. The scores stay for at().
  void run(const ConstPixelView& photo, std::size_t index, const HintBook& hints, const Settings& settings);
  // Are there scores of photo `index` under these hints and settings?
  bool has(std::size_t index, const HintBook& hints, const Settings& settings) const;
  // The most likely colours at a pixel of the photo. Error(Status::usage) when it is outside.
  std::size_t at(PhotoPoint pixel, std::span<Suggestion> suggestions) const;
  std::int64_t arena_bytes() const { return programs_.arena_bytes(); }

 private:
  void prepare(const ConstPixelView& photo, float* plane);

  ProgramCache programs_;
  std::int64_t size_;
  Scratch scratch_;
  TensorRef scores_;  // [1, 529, h, w], the program's; no data = none
  std::size_t index_ = 0;
  std::int64_t version_ = 0, width_ = 0, height_ = 0;
  Settings settings_;
};

}  // namespace cuhue
