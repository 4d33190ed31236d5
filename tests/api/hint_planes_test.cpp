// Hints as planes of the network: where they lie, what covers what.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "runtime/colorizers/colorizer.h"
#include "runtime/colorizers/hints.h"
#include "weights/status.h"

namespace cuhue::test {
namespace {

constexpr std::int64_t kSide = 256, kArea = kSide * kSide;

// Planes that hold something else before they are painted.
struct Planes {
  std::vector<float> ab = std::vector<float>(2 * kArea, 7.0f), mask = std::vector<float>(kArea, 7.0f);
  HintPlanes refs() { return {ab.data(), mask.data(), kSide, kSide}; }

  bool hinted(std::int64_t x, std::int64_t y) const { return mask[index(x, y)] == 1.0f; }
  float a(std::int64_t x, std::int64_t y) const { return ab[index(x, y)]; }
  float b(std::int64_t x, std::int64_t y) const { return ab[kArea + index(x, y)]; }
  std::int64_t count() const {
    std::int64_t n = 0;
    for (std::int64_t i = 0; i < kArea; ++i) {
      const auto at = static_cast<std::size_t>(i);
      n += mask[at] == 1.0f;
      if (mask[at] != 1.0f) {  // what is no hint is 0, all of it
        CHECK(mask[at] == 0.0f);
        CHECK(ab[at] == 0.0f);
        CHECK(ab[at + kArea] == 0.0f);
      }
    }
    return n;
  }
  static std::size_t index(std::int64_t x, std::int64_t y) { return static_cast<std::size_t>(y * kSide + x); }
};

Planes painted(const std::vector<Hint>& hints, std::int64_t width, std::int64_t height) {
  Planes p;
  paint_hints(hints, width, height, p.refs());
  return p;
}

Hint square(std::int64_t x, std::int64_t y, int radius, float a = 10, float b = -20) {
  return {{{x, y}}, radius, {a, b}};
}

TEST_CASE("hints: a square of 7 x 7 by default, middle at trunc(x * 256 / width)") {
  Hint h;
  h.points = {{199, 37}};
  h.color = {30, 40};
  const Planes p = painted({h}, 300, 100);
  const std::int64_t x = 199 * 256 / 300, y = 37 * 256 / 100;
  CHECK(x == 169);
  CHECK(y == 94);
  CHECK(p.count() == 49);
  for (std::int64_t dy = -3; dy <= 3; ++dy) {
    for (std::int64_t dx = -3; dx <= 3; ++dx) {
      CHECK(p.hinted(x + dx, y + dy));
      CHECK(p.a(x + dx, y + dy) == 30.0f);
      CHECK(p.b(x + dx, y + dy) == 40.0f);
    }
  }
}

TEST_CASE("hints: at a photo's borders squares are cut, and every pixel lies inside") {
  for (const std::int64_t side : {1, 7, 255, 256, 257, 5000}) {
    CAPTURE(side);
    const Planes first = painted({square(0, 0, 3)}, side, side);
    CHECK(first.count() == 16);
    CHECK(first.hinted(3, 3));
    const Planes last = painted({square(side - 1, side - 1, 0)}, side, side);
    CHECK(last.count() == 1);
    const std::int64_t at = (side - 1) * 256 / side;
    CHECK(last.hinted(at, at));
  }
  CHECK(painted({square(5, 5, 255)}, 10, 10).count() == kArea);
}

TEST_CASE("hints: later ones cover earlier ones; a grey hint is a hint; none is none") {
  const Planes p = painted({square(100, 100, 3, 10, 10), square(103, 100, 3, 0, 0)}, 256, 256);
  CHECK(p.a(99, 100) == 10.0f);
  CHECK(p.a(100, 100) == 0.0f);
  CHECK(p.hinted(100, 100));
  CHECK(p.count() == 49 + 21);
  CHECK(painted({}, 256, 256).count() == 0);
}

TEST_CASE("hints: a scribble is squares along lines, as if each were painted") {
  for (const auto& [x1, y1] :
       {std::pair<std::int64_t, std::int64_t>{60, 20}, {20, 90}, {90, 75}, {3, 9}, {20, 20}}) {
    for (const int radius : {0, 2}) {
      const Planes line = painted({{{{20, 20}, {x1, y1}, {10, 200}}, radius, {5, 6}}}, 256, 256);
      // All squares at the nearest points of both lines.
      std::vector<Hint> all;
      const std::int64_t xs[] = {20, x1, 10}, ys[] = {20, y1, 200};
      for (int k = 0; k < 2; ++k) {
        const double dx = static_cast<double>(xs[k + 1] - xs[k]), dy = static_cast<double>(ys[k + 1] - ys[k]);
        const double steps = std::max({std::abs(dx), std::abs(dy), 1.0});
        for (double i = 0; i <= steps; ++i)
          all.push_back(square(xs[k] + std::llround(dx * i / steps), ys[k] + std::llround(dy * i / steps),
                               radius, 5, 6));
      }
      const Planes squares = painted(all, 256, 256);
      CHECK(line.mask == squares.mask);
      CHECK(line.ab == squares.ab);
      CHECK(line.count() > 150);
    }
  }
}

TEST_CASE("hints: what is wrong is named") {
  Planes p;
  const auto message = [&](const std::vector<Hint>& hints) -> std::string {
    HintBook book(kSide, kSide);
    try {
      book.set(Colorizer::kAllPhotos, hints);
      book.paint(0, 320, 240, p.refs());
    } catch (const Error& e) {
      CHECK(e.status() == Status::usage);
      return e.what();
    }
    return "";
  };
  CHECK(message({square(319, 239, 3)}).empty());
  CHECK(message({square(0, 0, 3), square(320, 5, 3)}) ==
        "hint 1: (320, 5) is outside of the photo, which is 320x240");
  CHECK(message({square(5, -1, 3)}).find("(5, -1) is outside") != std::string::npos);
  CHECK(message({square(5, 5, 256)}).find("radius is 256") != std::string::npos);
  CHECK(message({square(5, 5, 3, 111, 0)}).find("from -110 to 110") != std::string::npos);
  CHECK(message({square(5, 5, 3, 0, std::nanf(""))}).find("from -110 to 110") != std::string::npos);
  CHECK(message({{{}, 3, {}}}).find("no points") != std::string::npos);
}

TEST_CASE("hints: each photo of a call has its own, or those of all") {
  HintBook book(kSide, kSide);
  Planes p;
  book.set(1, std::vector{square(5, 5, 1)});
  book.paint(0, 256, 256, p.refs());
  CHECK(p.count() == 0);
  book.paint(1, 256, 256, p.refs());
  CHECK(p.count() == 9);
  CHECK_NOTHROW(book.check_count(2));
  CHECK_THROWS_AS(book.check_count(1), Error);
  const std::int64_t version = book.version();
  book.set(Colorizer::kAllPhotos, std::vector{square(5, 5, 2)});
  CHECK(book.version() != version);
  book.paint(1, 256, 256, p.refs());
  CHECK(p.count() == 25);
  book.set(1, std::vector<Hint>{});
  book.paint(1, 256, 256, p.refs());
  CHECK(p.count() == 0);
  book.clear();
  book.paint(0, 256, 256, p.refs());
  CHECK(p.count() == 0);
}

// Transparent but for a rectangle.
std::vector<std::uint8_t> rgba(std::int64_t w, std::int64_t h, std::int64_t x0, std::int64_t x1,
                               std::int64_t y0, std::int64_t y1) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(4 * w * h), 200);
  for (std::int64_t y = 0; y < h; ++y)
    for (std::int64_t x = 0; x < w; ++x) {
      const auto at = static_cast<std::size_t>(4 * (y * w + x));
      const bool inside = x >= x0 && x < x1 && y >= y0 && y < y1;
      pixels[at] = 255;
      pixels[at + 1] = 128;
      pixels[at + 2] = 0;
      pixels[at + 3] = inside ? 255 : 254;
    }
  return pixels;
}

TEST_CASE("hints: the opaque pixels of a picture are what a square there is") {
  const LabColor orange = lab_color_of(255, 128, 0);
  const auto pixels = rgba(256, 256, 97, 104, 47, 54);
  const HintPicture picture({pixels.data(), 256, 256, 4 * 256, PixelFormat::rgba8}, kSide, kSide);
  Planes p;
  picture.paint(p.refs());
  const Planes want = painted({square(100, 50, 3, orange.a, orange.b)}, 256, 256);
  CHECK(p.mask == want.mask);
  CHECK(p.ab == want.ab);
  // The other channel order: blue in place of orange.
  const HintPicture blue({pixels.data(), 256, 256, 4 * 256, PixelFormat::bgra8}, kSide, kSide);
  blue.paint(p.refs());
  CHECK(p.mask == want.mask);
  CHECK(p.b(100, 50) == lab_color_of(0, 128, 255).b);
}

TEST_CASE("hints: a picture's pixels meet in a large photo and spread in a small one") {
  Planes p;
  const auto large = rgba(1024, 512, 40, 41, 100, 101);
  HintPicture({large.data(), 1024, 512, 4 * 1024, PixelFormat::rgba8}, kSide, kSide).paint(p.refs());
  CHECK(p.count() == 1);
  CHECK(p.hinted(10, 50));
  const auto small = rgba(3, 2, 1, 2, 0, 1);  // columns 85..169, rows 0..127
  HintPicture({small.data(), 3, 2, 12, PixelFormat::rgba8}, kSide, kSide).paint(p.refs());
  CHECK(p.count() == 85 * 128);
  CHECK(p.hinted(85, 0));
  CHECK(p.hinted(169, 127));
  // Two colours in one cell: their mean.
  const std::uint8_t two[] = {255, 0, 0, 255, 0, 0, 255, 255};
  std::vector<std::uint8_t> wide(4 * 512, 0);
  std::copy(std::begin(two), std::end(two), wide.begin());
  HintPicture({wide.data(), 512, 1, 4 * 512, PixelFormat::rgba8}, kSide, kSide).paint(p.refs());
  const LabColor red = lab_color_of(255, 0, 0), blue = lab_color_of(0, 0, 255);
  CHECK(p.a(0, 0) == doctest::Approx((red.a + blue.a) / 2));
  CHECK(p.b(0, 200) == doctest::Approx((red.b + blue.b) / 2));
  CHECK_THROWS_AS(HintPicture({wide.data(), 512, 1, 3 * 512, PixelFormat::rgb8}, kSide, kSide), Error);
}

TEST_CASE("hints: a and b of sRGB as scikit-image has them") {
  // The formulas of the specification in double.
  struct Case {
    int r, g, b;
    double want_a, want_b;
  };
  for (const Case& c : {Case{255, 0, 0, 80.09231, 67.20275},
                        {0, 255, 0, -86.18303, 83.17970},
                        {0, 0, 255, 79.18559, -107.85730},
                        {255, 255, 255, -0.00245, 0.00465},
                        {0, 0, 0, 0, 0},
                        {12, 34, 5, -15.78532, 13.72843},
                        {255, 128, 0, 42.82538, 74.01746}}) {
    const LabColor lab = lab_color_of(static_cast<std::uint8_t>(c.r), static_cast<std::uint8_t>(c.g),
                                      static_cast<std::uint8_t>(c.b));
    CHECK(std::abs(lab.a - c.want_a) < 2e-4);
    CHECK(std::abs(lab.b - c.want_b) < 2e-4);
  }
}

}  // namespace
}  // namespace cuhue::test
