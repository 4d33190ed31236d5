// deep-koalarization through the C API: the published pictures, and pictures at the photo's own size.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/letterbox/letterbox.h"
#include "runtime/image/photo_ref.h"
#include "tests/api/api_support.h"
#include "tests/kernels/golden_picture.h"

using namespace api_test;

namespace {

// Read once, and kept: loops go over parts of it.
const nlohmann::json& golden() {
  static const nlohmann::json kept = [] {
    std::ifstream stream(CUHUE_TEST_DATA "/golden/koalarization_pictures.json");
    REQUIRE(stream);
    return nlohmann::json::parse(stream);
  }();
  return kept;
}

struct Stage {
  Engine engine = make_engine(2);
  Weights features = formula_weights("inception-resnet-v2"), colours = formula_weights("koalarization");
  Colorizer colorizer;

  Stage() {
    // Weights are recognised in any order.
    cuhue_weights* given[] = {colours.get(), features.get()};
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    cuhue_colorizer* made = nullptr;
    must(cuhue_colorizer_create(engine.get(), nullptr, given, 2, &made, &error), error);
    colorizer.reset(made);
  }
};

// Packing the weights of both networks takes seconds.
Stage& stage() {
  static Stage the_stage;
  return the_stage;
}

struct Options {
  bool as_published = false, keep_photos = false;
};

cuhue_colorize_options options_of(const Options& wanted) {
  cuhue_colorize_options o{};
  o.struct_size = sizeof o;
  o.as_published = wanted.as_published ? 1 : 0;
  o.keep_photos = wanted.keep_photos ? 1 : 0;
  return o;
}

std::vector<Photo> colour(std::vector<Photo> in, const Options& wanted = {}) {
  const cuhue_colorize_options options = options_of(wanted);
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  std::vector<Photo> out;
  std::vector<cuhue_pixels> from, to;
  for (Photo& p : in) {
    const cuhue_pixels pixels = p.pixels();
    std::int64_t width = pixels.width, height = pixels.height;
    must(cuhue_colorizer_result_size(stage().colorizer.get(), &options, &width, &height, &error), error);
    out.emplace_back(width, height, cuhue_output_format(p.format));
    from.push_back(pixels);
  }
  for (Photo& p : out) to.push_back(p.pixels());
  must(cuhue_colorize(stage().colorizer.get(), from.data(), to.data(), in.size(), &options, nullptr, &error),
       error);
  return out;
}

std::vector<int> classes_of(std::size_t photo) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  std::vector<cuhue_class> classes(5);
  for (cuhue_class& c : classes) c.struct_size = sizeof c;
  std::size_t count = 0;
  must(
      cuhue_colorizer_classes(stage().colorizer.get(), photo, classes.data(), classes.size(), &count, &error),
      error);
  CHECK(count == 5);
  std::vector<int> indices;
  float last = 1.0f;
  for (const cuhue_class& c : classes) {
    indices.push_back(c.index);
    CHECK(c.probability <= last);
    CHECK(c.probability > 0.0f);
    last = c.probability;
  }
  return indices;
}

Photo noise_photo(std::int64_t w, std::int64_t h, cuhue_pixel_format format) {
  Photo p(w, h, format);
  std::uint32_t state = 7;
  for (std::uint8_t& byte : p.bytes)
    byte = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  return p;
}

}  // namespace

TEST_CASE("letterboxes have Pillow's bytes, in colour and of luma") {
  cuhue::Letterbox box;
  for (const auto& c : golden().at("letterboxes")) {
    const std::int64_t w = c.at("width"), h = c.at("height");
    const std::vector<std::uint8_t> rgb = cuhue::test::golden_picture(w, h);
    const cuhue::PhotoRef view = cuhue::photo_ref(cuhue::ConstPixelView{
        rgb.data(), w, h, static_cast<std::ptrdiff_t>(3 * w), cuhue::PixelFormat::rgb8});
    const auto text = [](std::span<const std::uint8_t> box_bytes) {
      const std::vector<std::uint8_t> bytes(box_bytes.begin(), box_bytes.end());
      char hex[17];
      std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(cuhue::test::fnv1a64(bytes)));
      return std::string(hex);
    };
    CAPTURE(w);
    CAPTURE(h);
    CHECK(text(box.colour(view, 299)) == c.at("colour").get<std::string>());
    CHECK(text(box.luma(view, 299)) == c.at("luma").get<std::string>());
  }
  // A grey of any kind is itself.
  for (int v = 0; v < 256; ++v) {
    const auto byte = static_cast<std::uint8_t>(v);
    CHECK(cuhue::letterbox_luma(byte, byte, byte) == byte);
  }
}

TEST_CASE("as published: the original's 224x224 picture, its embedding's classes") {
  for (const auto& c : golden().at("pictures")) {
    const std::string name = c.at("photo");
    CAPTURE(name);
    const Photo photo = read_photo(std::string(CUHUE_TEST_DATA "/photos/") + name);
    const Photo result = colour({photo}, {.as_published = true})[0];
    CHECK(result.width == 224);
    CHECK(result.height == 224);
    CHECK(result.format == cuhue_output_format(photo.format));
    const std::vector<int> expected = c.at("bytes");
    const std::size_t stride = c.at("stride");
    std::size_t off = 0;
    int most = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const int difference = std::abs(result.sample8(i * stride) - expected[i]);
      off += difference > 0 ? 1 : 0;
      most = std::max(most, difference);
    }
    MESSAGE(name << ": of " << expected.size() << " samples " << off << " differ, by at most " << most);
    CHECK(most <= 1);
    CHECK(off * 100 <= expected.size());
    CHECK(classes_of(0) == c.at("classes").get<std::vector<int>>());
  }
}

TEST_CASE("a result of another size than the original's is refused as published, and named") {
  Photo in = noise_photo(30, 20, CUHUE_RGB8), out = in;
  const cuhue_pixels from = in.pixels(), to = out.pixels();
  const cuhue_colorize_options options = options_of({.as_published = true});
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  CHECK(cuhue_colorize(stage().colorizer.get(), &from, &to, 1, &options, nullptr, &error) == CUHUE_USAGE);
  CHECK(std::string(error.message).find("224x224") != std::string::npos);
  CHECK(out.bytes == in.bytes);
}

TEST_CASE("photos of any size and shape keep it, their alpha and their lightness") {
  for (const auto& size : {std::pair{101, 67}, {1, 1}, {5, 300}, {640, 9}, {224, 224}, {333, 500}}) {
    const int w = size.first, h = size.second;
    CAPTURE(w);
    CAPTURE(h);
    Photo grey(w, h, CUHUE_GREY_ALPHA8);
    for (std::size_t i = 0; i < grey.bytes.size(); ++i)
      grey.bytes[i] = static_cast<std::uint8_t>(
          i % 2 == 0 ? 90 + i / 2 % static_cast<std::size_t>(w) * 90 / static_cast<std::size_t>(w) : i % 251);
    const Photo result = colour({grey})[0];
    CHECK(result.width == w);
    CHECK(result.height == h);
    CHECK(result.format == CUHUE_RGBA8);
    int coloured = 0, strayed = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(w * h); ++i) {
      const std::uint8_t* p = result.bytes.data() + 4 * i;
      CHECK(p[3] == grey.bytes[2 * i + 1]);
      coloured += p[0] != p[1] || p[1] != p[2] ? 1 : 0;
      // CIE Y of what is not clipped is the photo's.
      if (std::min({p[0], p[1], p[2]}) == 0 || std::max({p[0], p[1], p[2]}) == 255) continue;
      const auto linear = [](int v) { return std::pow((v / 255.0 + 0.055) / 1.055, 2.4); };
      const double y = 0.212671 * linear(p[0]) + 0.715160 * linear(p[1]) + 0.072169 * linear(p[2]);
      strayed += std::abs(y - linear(grey.bytes[2 * i])) > 0.01 ? 1 : 0;
    }
    CHECK(coloured > 0);
    CHECK(strayed == 0);
  }
}

TEST_CASE("photos of one call are coloured as alone, and again from what was kept of them") {
  const Photo a = noise_photo(150, 100, CUHUE_RGB8), b = noise_photo(90, 260, CUHUE_GREY16);
  const Photo alone_a = colour({a})[0];
  const std::vector<int> classes_a = classes_of(0);
  const Photo again = colour({a}, {.keep_photos = true})[0];
  CHECK(again.bytes == alone_a.bytes);
  CHECK(classes_of(0) == classes_a);
  const Photo alone_b = colour({b})[0];
  const std::vector<int> classes_b = classes_of(0);
  for (const bool kept : {false, true}) {
    const std::vector<Photo> both = colour({a, b}, {.keep_photos = kept});
    CHECK(both[0].bytes == alone_a.bytes);
    CHECK(both[1].bytes == alone_b.bytes);
    CHECK(classes_of(0) == classes_a);
    CHECK(classes_of(1) == classes_b);
  }
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_class one{};
  one.struct_size = sizeof one;
  std::size_t count = 9;
  CHECK(cuhue_colorizer_classes(stage().colorizer.get(), 2, &one, 1, &count, &error) == CUHUE_USAGE);
  CHECK(std::string(error.message).find("photo 2") != std::string::npos);
  CHECK(count == 9);
  const Colorizer lite = make_colorizer(stage().engine.get(), formula_weights("lite").get());
  CHECK(cuhue_colorizer_classes(lite.get(), 0, &one, 1, &count, &error) == CUHUE_USAGE);
  CHECK(std::string(error.message).find("koalarization") != std::string::npos);
}

TEST_CASE("the embedding matters: another one makes other colours of the same plane") {
  // The right half of the photo changes what it shows, far from the pixels that are compared.
  Photo a = noise_photo(224, 224, CUHUE_GREY8), b = a;
  for (std::int64_t y = 0; y < 224; ++y) std::fill_n(b.bytes.begin() + y * 224 + 160, 64, std::uint8_t{250});
  const Photo of_a = colour({a})[0], of_b = colour({b})[0];
  int different = 0;
  for (std::int64_t y = 0; y < 224; ++y)
    for (std::int64_t x = 0; x < 40; ++x)
      different += of_a.bytes[static_cast<std::size_t>(3 * (y * 224 + x))] !=
                           of_b.bytes[static_cast<std::size_t>(3 * (y * 224 + x))]
                       ? 1
                       : 0;
  CHECK(different > 100);
}
