// Photos through the C API against the published pipelines (tests/golden/make_picture_golden.py).
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/api/api_support.h"

namespace {

using namespace api_test;

const std::string kPictures = CUHUE_TEST_DATA "/pictures/";

// One engine, weights and colorizer for a system; made once, since eccv16's weights take a moment.
struct Stage {
  Engine engine;
  Weights weights;
  Colorizer colorizer;
};
Stage make_stage(const std::string& system) {
  Stage s{make_engine(), formula_weights(system), nullptr};
  s.colorizer = make_colorizer(s.engine.get(), s.weights.get());
  return s;
}

cuhue_colorize_options options_of(const nlohmann::json& j) {
  cuhue_colorize_options o{};
  o.struct_size = sizeof o;
  o.chroma = j.value("chroma", 0.0f);
  o.temperature = j.value("temperature", 0.0f);
  o.as_published = j.value("as_published", 0);
  return o;
}

std::vector<Photo> colorize(const Stage& stage, std::vector<Photo>& photos,
                            const cuhue_colorize_options& options) {
  std::vector<Photo> out;
  std::vector<cuhue_pixels> in_pixels, out_pixels;
  out.reserve(photos.size());
  for (Photo& p : photos) {
    out.emplace_back(p.width, p.height, cuhue_output_format(p.format));
    in_pixels.push_back(p.pixels());
    out_pixels.push_back(out.back().pixels());
  }
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  must(cuhue_colorize(stage.colorizer.get(), in_pixels.data(), out_pixels.data(), photos.size(), &options,
                      nullptr, &error),
       error);
  return out;
}

struct Agreement {
  double within_one = 0;  // share of samples at most one level apart
  int most = 0;
};
Agreement agreement(const Photo& picture, const Photo& expected) {
  REQUIRE(picture.width == expected.width);
  REQUIRE(picture.height == expected.height);
  REQUIRE(picture.samples() == expected.samples());
  Agreement a;
  std::size_t close = 0;
  for (std::size_t i = 0; i < picture.samples(); ++i) {
    const int difference = std::abs(picture.sample8(i) - expected.sample8(i));
    close += difference <= 1 ? 1 : 0;
    a.most = std::max(a.most, difference);
  }
  a.within_one = static_cast<double>(close) / static_cast<double>(picture.samples());
  return a;
}

}  // namespace

TEST_CASE("pictures are the published pipeline's: at most 1 level apart in 99.9 % of samples") {
  std::ifstream file(kPictures + "cases.json");
  REQUIRE(file);
  const auto cases = nlohmann::json::parse(file);
  REQUIRE(cases.size() >= 12);
  Agreement worst{1.0, 0};
  for (const std::string system : {"eccv16", "lite"}) {
    const Stage stage = make_stage(system);
    for (const auto& c : cases) {
      if (c["system"] != system) continue;
      CAPTURE(c.dump());
      std::vector<Photo> photos{read_photo(kPictures + c["picture"].get<std::string>())};
      const std::vector<Photo> out = colorize(stage, photos, options_of(c["options"]));
      const Photo expected = read_photo(kPictures + c["expected"].get<std::string>());
      const Agreement a = agreement(out[0], expected);
      CHECK(a.within_one >= 0.999);
      worst = {std::min(worst.within_one, a.within_one), std::max(worst.most, a.most)};
    }
  }
  MESSAGE("worst of ", cases.size(), " pictures: ", 100 * worst.within_one,
          " % of samples within 1 level, at most ", worst.most);
}

TEST_CASE("what is compared reacts: published and nearest rounding differ, so do systems and settings") {
  const Photo nearest = read_photo(kPictures + "rocket.eccv16.png");
  const Photo published = read_photo(kPictures + "rocket.eccv16.as_published-1.png");
  const Photo lite = read_photo(kPictures + "rocket.lite.chroma-0.04.png");
  const Photo grey = read_photo(kPictures + "rocket.png");
  CHECK(nearest.bytes != published.bytes);
  CHECK(agreement(nearest, lite).within_one < 0.5);
  CHECK(agreement(nearest, grey).within_one < 0.5);

  // Each rounding has nearly all samples of its own golden, and about half of the other's.
  const Stage stage = make_stage("eccv16");
  std::vector<Photo> photos{grey};
  const auto equal_share = [](const Photo& a, const Photo& b) {
    double n = 0;
    for (std::size_t i = 0; i < a.samples(); ++i) n += a.sample8(i) == b.sample8(i) ? 1 : 0;
    return n / static_cast<double>(a.samples());
  };
  const Photo by_default = colorize(stage, photos, options_of(nlohmann::json::object()))[0];
  const Photo as_published = colorize(stage, photos, options_of({{"as_published", 1}}))[0];
  CHECK(equal_share(by_default, nearest) > 0.99);
  CHECK(equal_share(by_default, published) < 0.7);
  CHECK(equal_share(as_published, published) > 0.99);
  CHECK(equal_share(as_published, nearest) < 0.7);
}

TEST_CASE("a batch of photos of different sizes and formats has the bits of one by one") {
  for (const std::string system : {"eccv16", "lite"}) {
    CAPTURE(system);
    const Stage stage = make_stage(system);
    const cuhue_colorize_options options = options_of({{"chroma", system == "lite" ? 0.04 : 1.0}});
    std::vector<Photo> photos;
    for (const char* name : {"rocket.png", "man.png", "deep.png"})
      photos.push_back(read_photo(kPictures + name));
    const std::vector<Photo> together = colorize(stage, photos, options);
    for (std::size_t i = 0; i < photos.size(); ++i) {
      CAPTURE(i);
      std::vector<Photo> alone{photos[i]};
      CHECK(colorize(stage, alone, options)[0].bytes == together[i].bytes);
    }
  }
}

TEST_CASE("the same photo in another channel order, with padded rows or in place has the same colours") {
  const Stage stage = make_stage("lite");
  const cuhue_colorize_options options = options_of({{"chroma", 0.04}});
  std::vector<Photo> photos{read_photo(kPictures + "rocket.png")};
  const Photo& photo = photos[0];
  const Photo expected = colorize(stage, photos, options)[0];
  cuhue_error error{sizeof error, CUHUE_OK, {}};

  // BGRA with padded rows, coloured in place.
  const std::size_t width = static_cast<std::size_t>(photo.width),
                    height = static_cast<std::size_t>(photo.height);
  const std::size_t stride = width * 4 + 12;
  std::vector<std::uint8_t> bytes(stride * height, 0xA5);
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const std::uint8_t* from = photo.bytes.data() + (y * width + x) * 3;
      std::uint8_t* to = bytes.data() + y * stride + x * 4;
      to[0] = from[2], to[1] = from[1], to[2] = from[0], to[3] = static_cast<std::uint8_t>(x);
    }
  }
  cuhue_pixels p{};
  p.struct_size = sizeof p;
  p.data = bytes.data();
  p.width = photo.width;
  p.height = photo.height;
  p.stride = static_cast<std::ptrdiff_t>(stride);
  p.format = CUHUE_BGRA8;
  must(cuhue_colorize(stage.colorizer.get(), &p, &p, 1, &options, nullptr, &error), error);

  std::size_t wrong = 0;
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const std::uint8_t* want = expected.bytes.data() + (y * width + x) * 3;
      const std::uint8_t* got = bytes.data() + y * stride + x * 4;
      wrong += got[0] == want[2] && got[1] == want[1] && got[2] == want[0] && got[3] == (x & 255) ? 0 : 1;
    }
    for (std::size_t i = width * 4; i < stride; ++i) wrong += bytes[y * stride + i] == 0xA5 ? 0 : 1;
  }
  CHECK(wrong == 0);
}
