#include <algorithm>
#include <cstring>
#include <iterator>

#include "kernels/color/lab.h"
#include "kernels/color/linear_table.h"
#include "kernels/color/saturation.h"
#include "kernels/color/yuv.h"
#include "kernels/color/yuv_planes.h"
#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"
#include "kernels/merge/merge.h"
#include "kernels/resample/bilinear.h"

namespace cuhue {
namespace {

constexpr int kTile = 256;  // photo pixels of one row at a time
constexpr int kSpan = 320;  // ab columns that a tile may reach over

// A stretch of photo columns with its places in the ab map, computed once for all rows of a band.
struct Columns {
  std::int64_t begin = 0;
  int count = 0;
  int ab_begin = 0, ab_count = 0;          // ab columns it reads
  std::int32_t left[kTile], right[kTile];  // relative to ab_begin
  float weight[kTile];                     // of right
};

void place_columns(std::int64_t begin, std::int64_t width, std::int64_t ab_w, Columns& columns) {
  const float scale = static_cast<float>(ab_w) / static_cast<float>(width);
  columns.begin = begin;
  columns.count = 0;
  columns.ab_begin = bilinear_tap(begin, scale, ab_w).i0;
  while (columns.count < kTile && begin + columns.count < width) {
    const BilinearTap tap = bilinear_tap(begin + columns.count, scale, ab_w);
    if (tap.i1 - columns.ab_begin >= kSpan) break;
    columns.left[columns.count] = tap.i0 - columns.ab_begin;
    columns.right[columns.count] = tap.i1 - columns.ab_begin;
    columns.weight[columns.count] = tap.w1;
    columns.ab_count = tap.i1 - columns.ab_begin + 1;
    ++columns.count;
  }
}

// What one row of a tile goes through.
struct Tile {
  float r[kTile], g[kTile], b[kTile];  // of Lab linear light, of YUV as stored: 0..1
  float gate[kTile];                   // how much colour: 1 where the photo has no gate
  float saturation[kTile];             // what is kept of it, where it is adjusted
  std::int32_t sample[3][kTile];
  std::uint16_t alpha[kTile];
};

// Every byte as a part of 1.
struct UnitTable {
  float of[256];
};
constexpr UnitTable make_unit_table() {
  UnitTable table{};
  for (int i = 0; i < 256; ++i) table.of[i] = unit_of<std::uint8_t>(static_cast<std::uint32_t>(i));
  return table;
}
constexpr UnitTable kUnitTable = make_unit_table();

template <class Sample>
inline Sample load(const std::uint8_t* p) {
  Sample s;
  std::memcpy(&s, p, sizeof s);
  return s;
}

void load_pixels_8(const PhotoRef& photo, const std::uint8_t* from, int count, const float* value_of,
                   Tile& tile) {
  for (int i = 0; i < count; ++i, from += photo.channels) {
    tile.r[i] = value_of[from[photo.red]];
    tile.g[i] = value_of[from[photo.green]];
    tile.b[i] = value_of[from[photo.blue]];
    tile.alpha[i] = photo.alpha < 0 ? 255 : from[photo.alpha];
  }
}

void load_pixels_nv12(const PhotoRef& photo, std::int64_t row, std::int64_t begin, int count,
                      const float* value_of, Tile& tile) {
  const YuvToRgb factors = yuv_to_rgb(photo.coding);
  const std::uint8_t* luma = photo.data + row * photo.stride + begin;
  const std::uint8_t* chroma = photo.chroma + row / 2 * photo.chroma_stride;
  for (int i = 0; i < count; ++i) {
    const std::uint8_t* uv = chroma + (begin + i) / 2 * 2;
    const Rgb8 rgb = rgb_from_yuv(factors, luma[i], uv[0], uv[1]);
    tile.r[i] = value_of[rgb.r];
    tile.g[i] = value_of[rgb.g];
    tile.b[i] = value_of[rgb.b];
    tile.alpha[i] = 255;
  }
}

CUHUE_SIMD_CLONES void linearize(int count, Tile& tile) {
  for (float* plane : {tile.r, tile.g, tile.b})
    for (int i = 0; i < count; ++i) plane[i] = srgb_to_linear(plane[i]);
}

void load_pixels_16(const PhotoRef& photo, const std::uint8_t* from, int count, Tile& tile) {
  for (int i = 0; i < count; ++i, from += 2 * photo.channels) {
    tile.r[i] = unit_of<std::uint16_t>(load<std::uint16_t>(from + 2 * photo.red));
    tile.g[i] = unit_of<std::uint16_t>(load<std::uint16_t>(from + 2 * photo.green));
    tile.b[i] = unit_of<std::uint16_t>(load<std::uint16_t>(from + 2 * photo.blue));
    tile.alpha[i] = photo.alpha < 0 ? std::uint16_t{65535} : load<std::uint16_t>(from + 2 * photo.alpha);
  }
}

// Of colours as stored.
CUHUE_SIMD_CLONES void find_saturation(int count, Tile& tile) {
  for (int i = 0; i < count; ++i)
    tile.saturation[i] = saturation_kept(rec709_luma(tile.r[i], tile.g[i], tile.b[i]));
}

// Four places in the ab map: a row above and below, and how much of the one below.
struct AbRows {
  const float* top[2];  // a, b at the tile's ab_begin
  const float* bottom[2];
  float weight = 0, chroma = 1, limit = kNoLimit;
};

// Rows of a map of RGB as a and b, at a tile's ab_begin: the two that the latest photo row lay between.
struct AbOfRgb {
  std::int64_t row[2] = {-1, -1};
  float ab[2][2][kSpan];  // of row % 2
};

CUHUE_SIMD_CLONES void lab_colors_of(const float* r, const float* g, const float* b, int count, float* a_out,
                                     float* b_out) {
  for (int i = 0; i < count; ++i) {
    const LabColor color = lab_color_of_srgb(r[i], g[i], b[i]);
    a_out[i] = color.a;
    b_out[i] = color.b;
  }
}

template <ByteRounding Rounding>
inline __attribute__((always_inline)) std::int32_t sample_of(float v, float full) {
  if constexpr (Rounding == ByteRounding::in_steps) return quantize_in_steps(v, full);
  return quantize<Rounding == ByteRounding::truncate>(v, full);
}

// One pixel of the tile, gamma-encoded, not clipped.
template <ColorSpace Space>
inline __attribute__((always_inline)) UnitRgb colored(const Tile& tile, int i, float a, float b) {
  if constexpr (Space == ColorSpace::yuv)
    return yuv_to_unit_rgb(bt601_luma(tile.r[i], tile.g[i], tile.b[i]), a, b);
  const float y = luminance_y(tile.r[i], tile.g[i], tile.b[i]);
  const LinearRgb c = lab_to_linear(y, lab_f(y), a, b);
  return {linear_to_srgb(c.r), linear_to_srgb(c.g), linear_to_srgb(c.b)};
}

template <ColorSpace Space, Saturation Adjusted, ByteRounding Rounding>
inline __attribute__((always_inline)) void color_tile_of(const Columns& columns, const AbRows& ab, float full,
                                                         Tile& tile) {
  float column[2][kSpan];
  for (int k = 0; k < 2; ++k)
    for (int i = 0; i < columns.ab_count; ++i)
      column[k][i] =
          mix(limited(ab.top[k][i], ab.limit), limited(ab.bottom[k][i], ab.limit), ab.weight) * ab.chroma;
  for (int i = 0; i < columns.count; ++i) {
    const std::int32_t left = columns.left[i], right = columns.right[i];
    const float weight = columns.weight[i];
    const float a = mix(column[0][left], column[0][right], weight) * tile.gate[i];
    const float b = mix(column[1][left], column[1][right], weight) * tile.gate[i];
    const UnitRgb own = colored<Space>(tile, i, a, b);
    const UnitRgb c = Adjusted == Saturation::by_luma ? with_saturation(own, tile.saturation[i]) : own;
    tile.sample[0][i] = sample_of<Rounding>(c.r, full);
    tile.sample[1][i] = sample_of<Rounding>(c.g, full);
    tile.sample[2][i] = sample_of<Rounding>(c.b, full);
  }
}

template <ColorSpace Space, Saturation Adjusted = Saturation::kept>
inline __attribute__((always_inline)) void color_tile_in(const Columns& columns, const AbRows& ab,
                                                         ByteRounding rounding, float full, Tile& tile) {
  using enum ByteRounding;
  switch (rounding) {
    case nearest_even: return color_tile_of<Space, Adjusted, nearest_even>(columns, ab, full, tile);
    case truncate: return color_tile_of<Space, Adjusted, truncate>(columns, ab, full, tile);
    case in_steps: return color_tile_of<Space, Adjusted, in_steps>(columns, ab, full, tile);
  }
}

CUHUE_SIMD_CLONES void color_tile_lab(const Columns& columns, const AbRows& ab, ByteRounding rounding,
                                      float full, Tile& tile) {
  color_tile_in<ColorSpace::lab>(columns, ab, rounding, full, tile);
}
CUHUE_SIMD_CLONES void color_tile_lab_by_luma(const Columns& columns, const AbRows& ab, ByteRounding rounding,
                                              float full, Tile& tile) {
  color_tile_in<ColorSpace::lab, Saturation::by_luma>(columns, ab, rounding, full, tile);
}
CUHUE_SIMD_CLONES void color_tile_yuv(const Columns& columns, const AbRows& ab, ByteRounding rounding,
                                      float full, Tile& tile) {
  color_tile_in<ColorSpace::yuv>(columns, ab, rounding, full, tile);
}

template <class Sample>
void store_pixels(const MutablePhotoRef& out, std::uint8_t* to, int count, const Tile& tile) {
  constexpr int kSize = sizeof(Sample);
  const int place[4] = {out.red, out.green, out.blue, out.alpha};
  for (int i = 0; i < count; ++i, to += out.channels * kSize) {
    const Sample value[4] = {static_cast<Sample>(tile.sample[0][i]), static_cast<Sample>(tile.sample[1][i]),
                             static_cast<Sample>(tile.sample[2][i]), static_cast<Sample>(tile.alpha[i])};
    for (int k = 0; k < 3; ++k) std::memcpy(to + place[k] * kSize, &value[k], kSize);
    if (place[3] >= 0) std::memcpy(to + place[3] * kSize, &value[3], kSize);
  }
}

// The map's part that is the photo.
std::int64_t used_h(const MergeParams& p) {
  return p.used_h > 0 ? p.used_h : p.ab_h;
}
std::int64_t used_w(const MergeParams& p) {
  return p.used_w > 0 ? p.used_w : p.ab_w;
}

// Row `row` of a map of RGB. Neighbouring rows lie in different halves of `converted`.
void convert_row(const MergeParams& p, const Columns& columns, std::int64_t row, AbOfRgb& converted,
                 const float* (&to)[2]) {
  auto& ab = converted.ab[row % 2];
  if (converted.row[row % 2] != row) {
    const float* from = p.ab + row * p.ab_w + columns.ab_begin;
    const std::int64_t plane = p.ab_h * p.ab_w;
    lab_colors_of(from, from + plane, from + 2 * plane, columns.ab_count, ab[0], ab[1]);
    converted.row[row % 2] = row;
  }
  to[0] = ab[0];
  to[1] = ab[1];
}

AbRows ab_rows(const MergeParams& p, const Columns& columns, std::int64_t row, AbOfRgb& converted) {
  const float scale = static_cast<float>(used_h(p)) / static_cast<float>(p.photo.height);
  const BilinearTap tap = bilinear_tap(row, scale, used_h(p));
  AbRows ab{};
  if (p.space == ColorSpace::rgb) {
    convert_row(p, columns, tap.i0, converted, ab.top);
    convert_row(p, columns, tap.i1, converted, ab.bottom);
  } else {
    for (int k = 0; k < 2; ++k) {
      const float* plane = p.ab + k * p.ab_h * p.ab_w + columns.ab_begin;
      ab.top[k] = plane + tap.i0 * p.ab_w;
      ab.bottom[k] = plane + tap.i1 * p.ab_w;
    }
  }
  ab.weight = tap.w1;
  ab.chroma = p.chroma;
  ab.limit = p.limit;
  return ab;
}

bool adjusts_saturation(const MergeParams& p) {
  return p.saturation == Saturation::by_luma && p.space == ColorSpace::lab;
}

void load_colors(const MergeParams& p, const Columns& columns, std::int64_t row, const float* value_of,
                 Tile& tile) {
  const PhotoRef& photo = p.photo;
  const std::int64_t pixel_bytes = std::int64_t{photo.channels} * photo.bytes_per_sample;
  const std::uint8_t* from = photo.data + row * photo.stride + columns.begin * pixel_bytes;
  if (photo.nv12()) {
    load_pixels_nv12(photo, row, columns.begin, columns.count, value_of, tile);
  } else if (photo.bytes_per_sample == 1) {
    load_pixels_8(photo, from, columns.count, value_of, tile);
  } else {
    load_pixels_16(photo, from, columns.count, tile);
  }
}

void load_pixels(const MergeParams& p, const Columns& columns, std::int64_t row, Tile& tile) {
  const bool lab = p.space != ColorSpace::yuv, bytes = p.photo.bytes_per_sample == 1;
  if (!lab || !bytes || adjusts_saturation(p)) load_colors(p, columns, row, kUnitTable.of, tile);
  if (adjusts_saturation(p)) find_saturation(columns.count, tile);
  if (lab && bytes) load_colors(p, columns, row, linear_from_8bit(), tile);
  if (lab && !bytes) linearize(columns.count, tile);
  if (p.gate.data == nullptr) return;
  const std::uint8_t* gate = p.gate.data + row * p.gate.stride + columns.begin;
  for (int i = 0; i < columns.count; ++i) tile.gate[i] = kUnitTable.of[gate[i]];
}

void merge_row(const MergeParams& p, const Columns& columns, std::int64_t row, AbOfRgb& converted,
               Tile& tile) {
  const int size = p.photo.bytes_per_sample;
  load_pixels(p, columns, row, tile);
  const auto lab = adjusts_saturation(p) ? color_tile_lab_by_luma : color_tile_lab;
  const auto color = p.space == ColorSpace::yuv ? color_tile_yuv : lab;
  color(columns, ab_rows(p, columns, row, converted), p.rounding, size == 1 ? 255.0f : 65535.0f, tile);
  std::uint8_t* to = p.out.data + row * p.out.stride + columns.begin * p.out.channels * size;
  if (size == 1) {
    store_pixels<std::uint8_t>(p.out, to, columns.count, tile);
  } else {
    store_pixels<std::uint16_t>(p.out, to, columns.count, tile);
  }
}

}  // namespace

void merge_cpu(const MergeParams& p) {
  parallel_for(p.photo.height, 8, [&](std::int64_t begin, std::int64_t end) {
    Columns columns;
    Tile tile;
    AbOfRgb converted;
    std::fill(std::begin(tile.gate), std::end(tile.gate), 1.0f);
    for (std::int64_t x = 0; x < p.photo.width; x += columns.count) {
      place_columns(x, p.photo.width, used_w(p), columns);
      converted.row[0] = converted.row[1] = -1;
      for (std::int64_t row = begin; row < end; ++row) merge_row(p, columns, row, converted, tile);
    }
  });
}

}  // namespace cuhue
