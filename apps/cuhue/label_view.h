// A label map for people: its colours, and below them which label each is.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "apps/cuhue/api.h"
#include "apps/cuhue/photo_labels.h"

namespace cuhue::app {

struct LabelShare {
  std::uint8_t label = 0;
  std::int64_t pixels = 0;
};
// Of the labels that are there, the commonest first.
std::vector<LabelShare> shares_of(const LabelMap& map);

// The map's pixels, in the view's top left, are its own size; the legend has a swatch, the name and the share
// of every label that is there. A view of a narrow map is wider than that.
Picture label_view(LabelMap& map);

// Rows of a character's glyph, from the top, of five bits, the highest the leftmost. Letters, digits, '.' and
// '%'; others are blank.
constexpr int kGlyphRows = 7, kGlyphColumns = 5;
const std::uint8_t* glyph_of(char c);

}  // namespace cuhue::app
