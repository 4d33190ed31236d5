// The arithmetic around the networks of Semantic-driven Colorization against OpenCV's and the authors'.
#include "runtime/colorizers/semantic_published.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/colorizers/labels.h"
#include "runtime/networks/network.h"

using namespace cuhue;
namespace published = cuhue::semantic_published;

namespace {

// Read once, and kept: loops go over parts of it.
const nlohmann::json& golden() {
  static const nlohmann::json kept = [] {
    std::ifstream file(CUHUE_TEST_DATA "/semantic_golden.json");
    REQUIRE(file.good());
    return nlohmann::json::parse(file);
  }();
  return kept;
}

// Sum of (place + 1) * value, modulo 2^32, value by value.
class Checksum {
 public:
  void add(std::uint8_t v) { sum_ += ++place_ * v; }
  std::uint32_t value() const { return static_cast<std::uint32_t>(sum_); }

 private:
  std::uint64_t sum_ = 0, place_ = 0;
};

std::vector<std::uint8_t> interleaved(std::int64_t w, std::int64_t h) {
  const std::vector<std::uint8_t> planes = formula_image(3, h, w);
  std::vector<std::uint8_t> rgb(planes.size());
  for (std::int64_t i = 0; i < w * h; ++i)
    for (std::int64_t c = 0; c < 3; ++c)
      rgb[static_cast<std::size_t>(3 * i + c)] = planes[static_cast<std::size_t>(c * w * h + i)];
  return rgb;
}

PhotoRef rgb_photo(const std::vector<std::uint8_t>& rgb, std::int64_t w, std::int64_t h) {
  PhotoRef p;
  p.data = rgb.data();
  p.width = w;
  p.height = h;
  p.stride = 3 * w;
  return p;
}

TEST_CASE("semantic: resize and grey have OpenCV's bytes") {
  for (const auto& g : golden()["photos"]) {
    const std::int64_t w = g["width"], h = g["height"];
    CAPTURE(w);
    const std::vector<std::uint8_t> rgb = interleaved(w, h), grey = published::grey_of(rgb_photo(rgb, w, h));
    REQUIRE(grey.size() == 352 * 352);
    Checksum sum;
    for (const std::uint8_t v : grey) sum.add(v);
    std::size_t i = 0;
    for (const int sample : g["samples"]) CHECK(static_cast<int>(grey[997 * i++]) == sample);
    CHECK(sum.value() == g["grey"].get<std::uint32_t>());
  }
}

TEST_CASE("semantic: photos are read as OpenCV reads them: high bytes, BGR, grey, alpha dropped") {
  const std::int64_t w = 77, h = 91;
  const std::vector<std::uint8_t> rgb = interleaved(w, h), want = published::grey_of(rgb_photo(rgb, w, h));
  std::vector<std::uint8_t> bgra, wide;
  for (std::size_t i = 0; i < rgb.size(); i += 3) {
    for (const std::size_t c : {2u, 1u, 0u}) bgra.push_back(rgb[i + c]);
    bgra.push_back(77);
    for (const std::size_t c : {0u, 1u, 2u}) {
      const auto v = static_cast<std::uint16_t>(rgb[i + c] << 8 | 0xF0);
      wide.push_back(static_cast<std::uint8_t>(v));
      wide.push_back(static_cast<std::uint8_t>(v >> 8));
    }
  }
  PhotoRef p = rgb_photo(bgra, w, h);
  p.stride = 4 * w;
  p.channels = 4;
  p.red = 2;
  p.blue = 0;
  p.alpha = 3;
  CHECK(published::grey_of(p) == want);
  p = rgb_photo(wide, w, h);
  p.stride = 6 * w;
  p.bytes_per_sample = 2;
  CHECK(published::grey_of(p) == want);
}

TEST_CASE("semantic: bytes of Lab are truncated and wrap as the original's do") {
  const nlohmann::json g = golden();
  Checksum sum;
  for (int grey = 0; grey < 256; ++grey) {
    for (const float first : g["values"]) {
      for (const float second : g["values"]) {
        const published::Lab8 lab = published::lab_of(static_cast<std::uint8_t>(grey), first, second);
        for (const std::uint8_t v : {lab.l, lab.a, lab.b}) sum.add(v);
      }
    }
    CHECK(static_cast<int>(published::lab_of(static_cast<std::uint8_t>(grey), 0, 0).l) ==
          g["lightness"][static_cast<std::size_t>(grey)].get<int>());
  }
  CHECK(sum.value() == g["lab"].get<std::uint32_t>());
  CHECK(static_cast<int>(published::lab_of(100, 0, 0).a) == 127);
}

TEST_CASE("semantic: bytes of Lab become OpenCV's RGB") {
  const nlohmann::json g = golden();
  Checksum sum;
  std::vector<int> samples;
  std::size_t i = 0;
  for (int l = 0; l < 256; l += 3)
    for (int a = 0; a < 256; a += 5)
      for (int b = 0; b < 256; b += 5) {
        const auto byte = [](int v) { return static_cast<std::uint8_t>(v); };
        const published::Rgb8 c = published::rgb_of({byte(l), byte(a), byte(b)});
        for (const std::uint8_t v : {c.r, c.g, c.b}) {
          sum.add(v);
          if (i++ % 9973 == 0) samples.push_back(v);
        }
      }
  CHECK(samples == g["rgb_samples"].get<std::vector<int>>());
  CHECK(sum.value() == g["rgb"].get<std::uint32_t>());
}

TEST_CASE("semantic: of the labels 1, 2, 7, 9, 14 and 31 the original loses one") {
  const nlohmann::json g = golden();
  std::vector<int> lost;
  for (int label = 0; label < 60; ++label) {
    const int after = published::label_after(static_cast<std::uint8_t>(label));
    CHECK(after == g["labels_after"][static_cast<std::size_t>(label)].get<int>());
    if (after != label) lost.push_back(label);
  }
  CHECK(lost == std::vector<int>{1, 2, 7, 9, 14, 31});
}

TEST_CASE("semantic: labels have the names and colours of the authors' file") {
  const auto is = [](std::size_t i, std::string_view name, int r, int g, int b) {
    const Label& label = labels()[i];
    CAPTURE(i);
    CHECK(label.name == name);
    CHECK(label.rgb[0] == r);
    CHECK(label.rgb[1] == g);
    CHECK(label.rgb[2] == b);
  };
  is(0, "background", 0, 0, 0);
  is(1, "aeroplane", 128, 0, 0);
  is(9, "chair", 192, 0, 0);
  is(15, "person", 192, 128, 128);
  is(27, "ceiling", 192, 192, 0);
  is(42, "curtain", 64, 128, 64);
  is(50, "sky", 0, 192, 64);
  is(54, "tree", 0, 192, 192);
  is(59, "wood", 192, 192, 64);
}

}  // namespace
