#include "runtime/colorizers/hints.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "runtime/colorizers/colorizer.h"
#include "runtime/image/photo_ref.h"
#include "weights/status.h"

namespace cuhue {
namespace {

std::string size_text(std::int64_t width, std::int64_t height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

[[noreturn]] void refuse(std::size_t hint, const std::string& what) {
  throw Error(Status::usage, "hint " + std::to_string(hint) + ": " + what);
}

void check_hint(const Hint& h, std::size_t index) {
  if (h.points.empty()) refuse(index, "it has no points; give at least one");
  if (h.radius < 0 || h.radius > Hint::kMostRadius) {
    refuse(index, "its radius is " + std::to_string(h.radius) + "; give one from 0 to " +
                      std::to_string(Hint::kMostRadius));
  }
  for (const float v : {h.color.a, h.color.b}) {
    if (!(std::fabs(v) <= Hint::kMostColor)) {
      refuse(index, "its colour is a " + std::to_string(h.color.a) + ", b " + std::to_string(h.color.b) +
                        "; give numbers from -110 to 110");
    }
  }
}

// Squares of one colour on planes.
class Brush {
 public:
  Brush(const HintPlanes& planes, const Hint& hint)
      : planes_(planes), color_(hint.color), radius_(hint.radius) {}

  void square(std::int64_t x, std::int64_t y) const {
    fill(x - radius_, x + radius_, y - radius_, y + radius_);
  }

  // Squares from (x0, y0), which is painted already, to (x1, y1): each step adds an edge or two.
  void line(std::int64_t x0, std::int64_t y0, std::int64_t x1, std::int64_t y1) const {
    const std::int64_t steps = std::max(std::abs(x1 - x0), std::abs(y1 - y0));
    std::int64_t x = x0, y = y0;
    for (std::int64_t i = 1; i <= steps; ++i) {
      const std::int64_t next_x = along(x0, x1, i, steps), next_y = along(y0, y1, i, steps);
      if (next_x != x) {
        const std::int64_t edge = next_x > x ? next_x + radius_ : next_x - radius_;
        fill(edge, edge, next_y - radius_, next_y + radius_);
      }
      if (next_y != y) {
        const std::int64_t edge = next_y > y ? next_y + radius_ : next_y - radius_;
        fill(next_x - radius_, next_x + radius_, edge, edge);
      }
      x = next_x;
      y = next_y;
    }
  }

 private:
  // The point i / steps of the way, to the nearest.
  static std::int64_t along(std::int64_t from, std::int64_t to, std::int64_t i, std::int64_t steps) {
    const std::int64_t way = (to - from) * i * 2;
    return from + (way + (way < 0 ? -steps : steps)) / (2 * steps);
  }

  void fill(std::int64_t x0, std::int64_t x1, std::int64_t y0, std::int64_t y1) const {
    const std::int64_t area = planes_.h * planes_.w;
    x0 = std::max<std::int64_t>(x0, 0);
    x1 = std::min(x1, planes_.w - 1);
    for (std::int64_t y = std::max<std::int64_t>(y0, 0); y <= std::min(y1, planes_.h - 1); ++y) {
      for (std::int64_t i = y * planes_.w + x0; i <= y * planes_.w + x1; ++i) {
        planes_.ab[i] = color_.a;
        planes_.ab[area + i] = color_.b;
        planes_.mask[i] = 1.0f;
      }
    }
  }

  HintPlanes planes_;
  LabColor color_;
  std::int64_t radius_;
};

void clear_planes(const HintPlanes& planes) {
  const std::int64_t area = planes.h * planes.w;
  std::fill_n(planes.ab, 2 * area, 0.0f);
  std::fill_n(planes.mask, area, 0.0f);
}

// The linear values of 8 bits, or of 16 bits at 0..1.
float linear_sample(const std::uint8_t* at, int bytes) {
  if (bytes == 1) return srgb_to_linear(static_cast<float>(*at) * static_cast<float>(1.0 / 255.0));
  std::uint16_t v = 0;
  std::memcpy(&v, at, sizeof v);
  return srgb_to_linear(static_cast<float>(v) * static_cast<float>(1.0 / 65535.0));
}

bool opaque(const std::uint8_t* alpha, int bytes) {
  return alpha[0] == 0xFF && (bytes == 1 || alpha[1] == 0xFF);
}

// Where a picture's pixels lie in planes: [first, second) for each, never empty.
std::vector<std::pair<std::int64_t, std::int64_t>> cells(std::int64_t pixels, std::int64_t planes) {
  std::vector<std::pair<std::int64_t, std::int64_t>> all;
  for (std::int64_t i = 0; i < pixels; ++i) {
    const std::int64_t begin = i * planes / pixels;
    all.emplace_back(begin, std::max(begin + 1, (i + 1) * planes / pixels));
  }
  return all;
}

}  // namespace

LabColor lab_color_of(std::uint8_t r, std::uint8_t g, std::uint8_t b) {
  return lab_color(linear_sample(&r, 1), linear_sample(&g, 1), linear_sample(&b, 1));
}

HintPicture::HintPicture(const ConstPixelView& picture, std::int64_t h, std::int64_t w)
    : width_(picture.width), height_(picture.height), planes_(static_cast<std::size_t>(3 * h * w)) {
  if (!has_alpha(picture.format)) {
    throw Error(Status::usage,
                "the picture of hints has no alpha: opaque pixels are hints, the others must be transparent");
  }
  const PhotoRef p = photo_ref(picture);
  const std::int64_t area = h * w;
  float *a = planes_.data(), *b = a + area, *count = b + area;
  const auto columns = cells(width_, w), rows = cells(height_, h);
  const int bytes = p.bytes_per_sample;
  for (std::int64_t y = 0; y < height_; ++y) {
    const std::uint8_t* pixel = p.data + y * p.stride;
    for (std::int64_t x = 0; x < width_; ++x, pixel += p.channels * bytes) {
      if (!opaque(pixel + p.alpha * bytes, bytes)) continue;
      const LabColor c = lab_color(linear_sample(pixel + p.red * bytes, bytes),
                                   linear_sample(pixel + p.green * bytes, bytes),
                                   linear_sample(pixel + p.blue * bytes, bytes));
      const auto [row, rows_end] = rows[static_cast<std::size_t>(y)];
      const auto [column, columns_end] = columns[static_cast<std::size_t>(x)];
      for (std::int64_t i = row; i < rows_end; ++i) {
        for (std::int64_t cell = i * w + column; cell < i * w + columns_end; ++cell) {
          // The mean so far: no sum loses digits, and one colour stays what it is.
          count[cell] += 1.0f;
          a[cell] += (c.a - a[cell]) / count[cell];
          b[cell] += (c.b - b[cell]) / count[cell];
        }
      }
    }
  }
  for (std::int64_t i = 0; i < area; ++i) count[i] = count[i] > 0.0f ? 1.0f : 0.0f;
}

void HintPicture::paint(const HintPlanes& planes) const {
  const std::int64_t area = planes.h * planes.w;
  std::copy_n(planes_.data(), 2 * area, planes.ab);
  std::copy_n(planes_.data() + 2 * area, area, planes.mask);
}

void paint_hints(std::span<const Hint> hints, std::int64_t width, std::int64_t height,
                 const HintPlanes& planes) {
  clear_planes(planes);
  for (std::size_t i = 0; i < hints.size(); ++i) {
    const Brush brush(planes, hints[i]);
    std::optional<PhotoPoint> before;
    for (const PhotoPoint& p : hints[i].points) {
      if (p.x < 0 || p.y < 0 || p.x >= width || p.y >= height) {
        refuse(i, "(" + std::to_string(p.x) + ", " + std::to_string(p.y) +
                      ") is outside of the photo, which is " + size_text(width, height));
      }
      const PhotoPoint at = {p.x * planes.w / width, p.y * planes.h / height};
      if (before) {
        brush.line(before->x, before->y, at.x, at.y);
      } else {
        brush.square(at.x, at.y);
      }
      before = at;
    }
  }
}

void HintBook::set(std::size_t photo, std::span<const Hint> hints) {
  for (std::size_t i = 0; i < hints.size(); ++i) check_hint(hints[i], i);
  given_.set(photo, std::vector<Hint>(hints.begin(), hints.end()));
}

void HintBook::set(std::size_t photo, const ConstPixelView& picture) {
  given_.set(photo, HintPicture(picture, h_, w_));
}

void HintBook::paint(std::size_t index, std::int64_t width, std::int64_t height,
                     const HintPlanes& planes) const {
  const Given* given = given_.find(index);
  if (given == nullptr) {
    clear_planes(planes);
  } else if (const auto* hints = std::get_if<std::vector<Hint>>(given)) {
    paint_hints(*hints, width, height, planes);
  } else {
    const HintPicture& picture = std::get<HintPicture>(*given);
    if (picture.width() != width || picture.height() != height) {
      throw Error(Status::usage, "the picture of hints is " + size_text(picture.width(), picture.height()) +
                                     ", the photo " + size_text(width, height) + "; they must be equal");
    }
    picture.paint(planes);
  }
}

}  // namespace cuhue
