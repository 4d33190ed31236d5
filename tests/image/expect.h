// A table of files and what must become of them.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/image/codec.h"
#include "tests/image/fixtures.h"
#include "weights/status.h"

namespace cuhue::fixtures {

struct GoodCase {
  std::string name;
  Bytes file;
  Image want;           // pixels and profiles
  double mean_off = 0;  // mean absolute difference allowed; 0 = every sample equal
};
struct BadCase {
  std::string name;
  Bytes file;
  std::string says;  // part of the message
};

inline Image make_image(std::int64_t width, std::int64_t height, PixelFormat format, Bytes pixels) {
  Image image;
  image.width = width;
  image.height = height;
  image.format = format;
  image.pixels = std::move(pixels);
  return image;
}

// 16-bit samples in this machine's order.
inline Image make_wide(std::int64_t width, std::int64_t height, PixelFormat format,
                       const std::vector<std::uint16_t>& samples) {
  const auto* first = reinterpret_cast<const std::uint8_t*>(samples.data());
  return make_image(width, height, format, Bytes(first, first + 2 * samples.size()));
}

inline double mean_difference(const Bytes& a, const Bytes& b) {
  if (a.size() != b.size() || a.empty()) return 1e9;
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(int{a[i]} - int{b[i]});
  return sum / static_cast<double>(a.size());
}

inline void check_good(const std::vector<GoodCase>& cases) {
  for (const GoodCase& c : cases) {
    CAPTURE(c.name);
    Image got;
    REQUIRE_NOTHROW(got = decode_image(as_file(c.file), c.name));
    CHECK(got.width == c.want.width);
    CHECK(got.height == c.want.height);
    CHECK(got.format == c.want.format);
    REQUIRE(got.pixels.size() == c.want.pixels.size());
    if (c.mean_off > 0)
      CHECK(mean_difference(got.pixels, c.want.pixels) <= c.mean_off);
    else
      CHECK(got.pixels == c.want.pixels);
    CHECK(got.icc == c.want.icc);
    CHECK(got.exif == c.want.exif);
    CHECK(got.xmp == c.want.xmp);
  }
}

// Status::input, one line that starts with the label and says why.
inline void check_refused(const Bytes& file, const std::string& name, const std::string& says,
                          const DecodeLimits& limits = {}) {
  CAPTURE(name);
  try {
    decode_image(as_file(file), name, limits);
    FAIL_CHECK("was decoded");
  } catch (const Error& e) {
    const std::string what = e.what();
    CAPTURE(what);
    CHECK(e.status() == Status::input);
    CHECK(what.starts_with(name + ": "));
    CHECK(what.find(says) != std::string::npos);
    CHECK(what.find('\n') == std::string::npos);
    CHECK(what.find(';') != std::string::npos);  // what to do about it
  }
}

inline void check_bad(const std::vector<BadCase>& cases) {
  for (const BadCase& c : cases) check_refused(c.file, c.name, c.says);
}

}  // namespace cuhue::fixtures
