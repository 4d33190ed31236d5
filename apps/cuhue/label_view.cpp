#include "apps/cuhue/label_view.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

namespace cuhue::app {
namespace {

using Glyph = std::uint8_t[kGlyphRows];
constexpr Glyph kLetters[26] = {
    {0x00, 0x00, 0x0e, 0x01, 0x0f, 0x11, 0x0f},  // a
    {0x10, 0x10, 0x1e, 0x11, 0x11, 0x11, 0x1e},  // b
    {0x00, 0x00, 0x0e, 0x10, 0x10, 0x11, 0x0e},  // c
    {0x01, 0x01, 0x0f, 0x11, 0x11, 0x11, 0x0f},  // d
    {0x00, 0x00, 0x0e, 0x11, 0x1f, 0x10, 0x0e},  // e
    {0x06, 0x09, 0x08, 0x1c, 0x08, 0x08, 0x08},  // f
    {0x00, 0x0f, 0x11, 0x11, 0x0f, 0x01, 0x0e},  // g
    {0x10, 0x10, 0x16, 0x19, 0x11, 0x11, 0x11},  // h
    {0x04, 0x00, 0x0c, 0x04, 0x04, 0x04, 0x0e},  // i
    {0x02, 0x00, 0x06, 0x02, 0x02, 0x12, 0x0c},  // j
    {0x10, 0x10, 0x12, 0x14, 0x18, 0x14, 0x12},  // k
    {0x0c, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e},  // l
    {0x00, 0x00, 0x1a, 0x15, 0x15, 0x15, 0x15},  // m
    {0x00, 0x00, 0x16, 0x19, 0x11, 0x11, 0x11},  // n
    {0x00, 0x00, 0x0e, 0x11, 0x11, 0x11, 0x0e},  // o
    {0x00, 0x1e, 0x11, 0x11, 0x1e, 0x10, 0x10},  // p
    {0x00, 0x0f, 0x11, 0x11, 0x0f, 0x01, 0x01},  // q
    {0x00, 0x00, 0x16, 0x19, 0x10, 0x10, 0x10},  // r
    {0x00, 0x00, 0x0f, 0x10, 0x0e, 0x01, 0x1e},  // s
    {0x08, 0x08, 0x1c, 0x08, 0x08, 0x09, 0x06},  // t
    {0x00, 0x00, 0x11, 0x11, 0x11, 0x13, 0x0d},  // u
    {0x00, 0x00, 0x11, 0x11, 0x11, 0x0a, 0x04},  // v
    {0x00, 0x00, 0x11, 0x15, 0x15, 0x15, 0x0a},  // w
    {0x00, 0x00, 0x11, 0x0a, 0x04, 0x0a, 0x11},  // x
    {0x00, 0x11, 0x11, 0x11, 0x0f, 0x01, 0x0e},  // y
    {0x00, 0x00, 0x1f, 0x02, 0x04, 0x08, 0x1f},  // z
};
constexpr Glyph kDigits[10] = {
    {0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e},  // 0
    {0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e},  // 1
    {0x0e, 0x11, 0x01, 0x06, 0x08, 0x10, 0x1f},  // 2
    {0x1e, 0x01, 0x01, 0x0e, 0x01, 0x01, 0x1e},  // 3
    {0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02},  // 4
    {0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e},  // 5
    {0x0e, 0x10, 0x1e, 0x11, 0x11, 0x11, 0x0e},  // 6
    {0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08},  // 7
    {0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e},  // 8
    {0x0e, 0x11, 0x11, 0x0f, 0x01, 0x01, 0x0e},  // 9
};
constexpr Glyph kDot = {0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c},
                kPercent = {0x19, 0x1a, 0x02, 0x04, 0x08, 0x0b, 0x13}, kBlank = {};

// All lengths in points; a point is a few pixels of a large view.
constexpr int kMargin = 4, kSwatch = 9, kLineHeight = 12, kAdvance = kGlyphColumns + 1;
constexpr int kTextLength = 18;  // "pottedplant 100.0%"
constexpr int kCellWidth = kMargin + kSwatch + 3 + kTextLength * kAdvance;

struct Canvas {
  std::uint8_t* rgb;
  std::ptrdiff_t stride;
  int point;

  void fill(std::int64_t x, std::int64_t y, std::int64_t w, std::int64_t h, const std::uint8_t* color) const {
    for (std::int64_t row = y; row < y + h; ++row)
      for (std::int64_t column = x; column < x + w; ++column)
        std::copy_n(color, 3, rgb + row * stride + 3 * column);
  }
  void write(std::int64_t x, std::int64_t y, std::string_view text) const {
    constexpr std::uint8_t kInk[3] = {0, 0, 0};
    for (const char c : text) {
      const std::uint8_t* rows = glyph_of(c);
      for (int r = 0; r < kGlyphRows; ++r)
        for (int column = 0; column < kGlyphColumns; ++column)
          if ((rows[r] >> (kGlyphColumns - 1 - column) & 1) != 0)
            fill(x + column * point, y + r * point, point, point, kInk);
      x += kAdvance * point;
    }
  }
};

std::string share_text(const LabelShare& share, std::int64_t of) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), " %.1f%%",
                100.0 * static_cast<double>(share.pixels) / static_cast<double>(of));
  return text.data();
}

}  // namespace

const std::uint8_t* glyph_of(char c) {
  if (c >= 'a' && c <= 'z') return kLetters[c - 'a'];
  if (c >= '0' && c <= '9') return kDigits[c - '0'];
  return c == '.' ? kDot : c == '%' ? kPercent : kBlank;
}

std::vector<LabelShare> shares_of(const LabelMap& map) {
  std::array<std::int64_t, 256> counts{};
  for (const std::uint8_t label : map.labels) ++counts[label];
  std::vector<LabelShare> shares;
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] > 0) shares.push_back({static_cast<std::uint8_t>(i), counts[i]});
  std::ranges::stable_sort(shares, std::greater<>(), &LabelShare::pixels);
  return shares;
}

Picture label_view(LabelMap& map) {
  const std::vector<LabelShare> shares = shares_of(map);
  const std::vector<cuhue_label_info> labels = known_labels();
  const int point = static_cast<int>(std::clamp<std::int64_t>(map.width / 350, 1, 12));
  const std::int64_t cell = kCellWidth * point, margin = kMargin * point;
  const std::int64_t columns = std::max<std::int64_t>((map.width - margin) / cell, 1);
  const std::int64_t lines = (static_cast<std::int64_t>(shares.size()) + columns - 1) / columns;
  const std::int64_t width = std::max(map.width, cell + margin);
  const std::int64_t height = map.height + 2 * margin + lines * kLineHeight * point;
  Picture view =
      make<Picture>(cuhue_image_create, width, height, CUHUE_RGB8, static_cast<cuhue_image*>(nullptr));
  auto pixels = sized<cuhue_pixels>();
  call(cuhue_image_pixels, view.get(), &pixels);
  if (pixels.stride == 0) pixels.stride = static_cast<std::ptrdiff_t>(3 * width);
  const Canvas canvas{static_cast<std::uint8_t*>(pixels.data), pixels.stride, point};
  constexpr std::uint8_t kPaper[3] = {255, 255, 255};
  canvas.fill(0, 0, width, height, kPaper);
  pixels.width = map.width;
  pixels.height = map.height;
  const cuhue_pixels from = map.pixels();
  call(cuhue_label_view, &from, &pixels);
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const std::int64_t x = margin + at % columns * cell;
    const std::int64_t y = map.height + margin + at / columns * kLineHeight * point;
    const cuhue_label_info& label = labels[shares[i].label];
    canvas.fill(x, y, kSwatch * point, kSwatch * point, label.rgb);
    canvas.write(x + (kSwatch + 3) * point, y + point,
                 label.name + share_text(shares[i], map.width * map.height));
  }
  return view;
}

}  // namespace cuhue::app
