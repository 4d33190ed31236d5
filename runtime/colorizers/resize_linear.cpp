#include "runtime/colorizers/resize_linear.h"

#include <algorithm>
#include <cmath>

#include "kernels/core/parallel.h"

namespace cuhue {
namespace {

// Of one output sample: the two it lies between, and their weights of 2048.
struct Tap {
  std::int64_t first, second;
  std::int32_t w0, w1;
};

// edge_weights: a sample beyond the edges weighs nothing (columns); else it weighs, but is the edge (rows).
std::vector<Tap> taps(std::int64_t from, std::int64_t to, bool edge_weights) {
  std::vector<Tap> list;
  list.reserve(static_cast<std::size_t>(to));
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  for (std::int64_t d = 0; d < to; ++d) {
    const auto at = static_cast<float>((static_cast<double>(d) + 0.5) * scale - 0.5);
    auto i = static_cast<std::int64_t>(std::floor(at));
    float part = at - static_cast<float>(i);
    if (edge_weights && i < 0) {
      i = 0;
      part = 0;
    }
    if (edge_weights && i >= from - 1) {
      i = from - 1;
      part = 0;
    }
    const auto inside = [from](std::int64_t index) { return std::clamp<std::int64_t>(index, 0, from - 1); };
    list.push_back({inside(i), inside(i + 1),
                    static_cast<std::int32_t>(std::nearbyint((1.0f - part) * 2048.0f)),
                    static_cast<std::int32_t>(std::nearbyint(part * 2048.0f))});
  }
  return list;
}

void halve(const ByteImage& from, ByteImage& to) {
  const std::int64_t c = from.channels, row = from.width * c;
  for (std::int64_t y = 0; y < to.height; ++y) {
    for (std::int64_t i = 0; i < to.width * c; ++i) {
      const std::uint8_t* p = from.bytes.data() + 2 * y * row + i / c * 2 * c + i % c;
      to.bytes[static_cast<std::size_t>(y * to.width * c + i)] =
          static_cast<std::uint8_t>((p[0] + p[c] + p[row] + p[row + c] + 2) >> 2);
    }
  }
}

}  // namespace

ByteImage resize_linear(const ByteImage& from, std::int64_t width, std::int64_t height) {
  if (width == from.width && height == from.height) return from;
  ByteImage to(width, height, from.channels);
  if (from.width == 2 * width && from.height == 2 * height) {
    halve(from, to);
    return to;
  }
  const std::vector<Tap> columns = taps(from.width, width, true), rows = taps(from.height, height, false);
  const std::int64_t c = from.channels;
  parallel_for(height, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) {
      const Tap& row = rows[static_cast<std::size_t>(y)];
      const std::uint8_t* top = from.bytes.data() + row.first * from.width * c;
      const std::uint8_t* bottom = from.bytes.data() + row.second * from.width * c;
      std::uint8_t* out = to.bytes.data() + y * width * c;
      for (const Tap& t : columns) {
        for (std::int64_t k = 0; k < c; ++k) {
          const std::int64_t l = t.first * c + k, r = t.second * c + k;
          const std::int32_t above = top[l] * t.w0 + top[r] * t.w1;
          const std::int32_t below = bottom[l] * t.w0 + bottom[r] * t.w1;
          *out++ = static_cast<std::uint8_t>(
              (((above >> 4) * row.w0 >> 16) + ((below >> 4) * row.w1 >> 16) + 2) >> 2);
        }
      }
    }
  });
  return to;
}

}  // namespace cuhue
