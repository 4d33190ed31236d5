// SIGGRAPH17 through the C API: hints from file to picture.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "tests/api/api_support.h"

using namespace api_test;

namespace {

struct Stage {
  Engine engine = make_engine();
  Weights weights = formula_weights("siggraph17");
  Colorizer colorizer = make_colorizer(engine.get(), weights.get());
};

Photo photo_of(std::int64_t w, std::int64_t h) {
  Photo p(w, h, CUHUE_RGB8);
  for (std::size_t i = 0; i < p.bytes.size(); ++i)
    p.bytes[i] = static_cast<std::uint8_t>(60 + i / 3 % static_cast<std::size_t>(w) / 2 + i * i % 23);
  return p;
}

struct Outcome {
  cuhue_status status = CUHUE_OK;
  std::string message;
};

Outcome run(const Stage& s, std::vector<Photo>& in, std::vector<Photo>& out, int keep_photos = 0) {
  std::vector<cuhue_pixels> from, to;
  out.clear();
  for (Photo& p : in) out.emplace_back(p.width, p.height, CUHUE_RGB8);
  for (std::size_t i = 0; i < in.size(); ++i) {
    from.push_back(in[i].pixels());
    to.push_back(out[i].pixels());
  }
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_colorize_options options{};
  options.struct_size = sizeof options;
  options.keep_photos = keep_photos;
  const cuhue_status status =
      cuhue_colorize(s.colorizer.get(), from.data(), to.data(), in.size(), &options, nullptr, &error);
  return {status, error.message};
}

Photo colour(const Stage& s, const Photo& photo, int keep_photos = 0) {
  std::vector<Photo> in{photo}, out;
  const Outcome o = run(s, in, out, keep_photos);
  INFO(o.message);
  REQUIRE(o.status == CUHUE_OK);
  return out[0];
}

cuhue_hint hint_of(std::int64_t x, std::int64_t y, std::uint8_t r, std::uint8_t g, std::uint8_t b,
                   int side = 0) {
  cuhue_hint h{};
  h.struct_size = sizeof h;
  h.x = x;
  h.y = y;
  h.side = side;
  h.rgb[0] = r;
  h.rgb[1] = g;
  h.rgb[2] = b;
  return h;
}

void set_hints(const Stage& s, const std::vector<cuhue_hint>& hints, std::size_t photo = CUHUE_ALL_PHOTOS) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  must(cuhue_colorizer_set_hints(s.colorizer.get(), photo, hints.data(), hints.size(), &error), error);
}

// Mean difference of samples whose pixel is at most `most` pixels from (x, y), and of the others.
std::pair<double, double> change(const Photo& p, const Photo& q, std::int64_t x, std::int64_t y,
                                 std::int64_t most) {
  double sum[2] = {}, count[2] = {};
  for (std::int64_t i = 0; i < p.width * p.height; ++i) {
    const std::int64_t dx = std::abs(i % p.width - x), dy = std::abs(i / p.width - y);
    const int far = std::max(dx, dy) > most;
    for (int k = 0; k < 3; ++k) {
      const auto at = static_cast<std::size_t>(3 * i + k);
      sum[far] += std::abs(p.sample8(at) - q.sample8(at));
      ++count[far];
    }
  }
  return {sum[0] / count[0], sum[1] / count[1]};
}

TEST_CASE("siggraph17: hints change the colours near them; reruns are a fresh run, bit for bit") {
  const Stage s;
  CHECK(std::string(cuhue_colorizer_system(s.colorizer.get())) == "siggraph17");
  const Photo photo = photo_of(256, 256);
  const Photo plain = colour(s, photo);
  CHECK(plain.bytes != photo.bytes);

  set_hints(s, {hint_of(100, 60, 255, 128, 0, 21)});
  const Photo hinted = colour(s, photo, 1);
  const auto [near, far] = change(plain, hinted, 100, 60, 12);
  MESSAGE("mean change near a hint ", near, ", elsewhere ", far);
  CHECK(near > 2.0);
  CHECK(near > 3.0 * far);

  // The same from a picture of hints.
  Photo picture(256, 256, CUHUE_RGBA8);
  for (std::int64_t y = 50; y <= 70; ++y)
    for (std::int64_t x = 90; x <= 110; ++x) {
      const std::uint8_t orange[] = {255, 128, 0, 255};
      std::copy_n(orange, 4, picture.bytes.begin() + 4 * (y * 256 + x));
    }
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  const cuhue_pixels pixels = picture.pixels();
  must(cuhue_colorizer_set_hint_picture(s.colorizer.get(), 0, &pixels, &error), error);
  CHECK(colour(s, photo, 1).bytes == hinted.bytes);

  // Fresh: another colorizer, no kept photos.
  const Stage fresh;
  set_hints(fresh, {hint_of(100, 60, 255, 128, 0, 21)});
  CHECK(colour(fresh, photo).bytes == hinted.bytes);

  must(cuhue_colorizer_clear_hints(s.colorizer.get(), &error), error);
  CHECK(colour(s, photo, 1).bytes == plain.bytes);
}

TEST_CASE("siggraph17: photos of 1x1 and 7x5000, each with its own hints, are one batch") {
  const Stage s;
  std::vector<Photo> in{photo_of(1, 1), photo_of(7, 5000)}, plain, hinted;
  REQUIRE(run(s, in, plain).status == CUHUE_OK);
  set_hints(s, {hint_of(6, 4999, 255, 0, 0, 15)}, 1);
  REQUIRE(run(s, in, hinted, 1).status == CUHUE_OK);
  CHECK(hinted[0].bytes == plain[0].bytes);
  const auto [near, far] = change(plain[1], hinted[1], 6, 4999, 100);
  CHECK(near > 1.0);
  CHECK(near > 3.0 * far);
  // Hints of photo 1, but a call of one; a hint outside: nothing is written.
  std::vector<Photo> one{in[0]}, out;
  const Outcome missing = run(s, one, out);
  CHECK(missing.status == CUHUE_USAGE);
  CHECK(missing.message.find("photo 1") != std::string::npos);
  set_hints(s, {hint_of(1, 0, 255, 0, 0)});
  const Outcome outside = run(s, one, out);
  CHECK(outside.status == CUHUE_USAGE);
  CHECK(outside.message == "hint 0: (1, 0) is outside of the photo, which is 1x1");
  CHECK(out[0].bytes == std::vector<std::uint8_t>(3, 0));
}

TEST_CASE("siggraph17: mask_cent is a setting; it changes what no hint means") {
  const Stage s;
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  const Photo photo = photo_of(64, 48);
  const Photo zero = colour(s, photo);
  must(cuhue_colorizer_set(s.colorizer.get(), "mask_cent", 0.5, &error), error);
  CHECK(colour(s, photo).bytes != zero.bytes);
  CHECK(cuhue_colorizer_set(s.colorizer.get(), "mask_cent", 2.0, &error) == CUHUE_USAGE);
  CHECK(cuhue_colorizer_set(s.colorizer.get(), "norm", 0.0, &error) == CUHUE_USAGE);
  must(cuhue_colorizer_set(s.colorizer.get(), "mask_cent", 0.0, &error), error);
  CHECK(colour(s, photo).bytes == zero.bytes);
}

TEST_CASE("siggraph17: likely colours of a pixel, which hints change") {
  const Stage s;
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  Photo photo = photo_of(120, 90);
  const cuhue_pixels pixels = photo.pixels();
  std::vector<cuhue_suggestion> got(600);
  for (auto& g : got) g.struct_size = sizeof g;
  std::size_t count = 0;
  CHECK(cuhue_colorizer_suggest(s.colorizer.get(), 0, nullptr, 5, 5, got.data(), 9, &count, &error) ==
        CUHUE_USAGE);
  must(cuhue_colorizer_suggest(s.colorizer.get(), 0, &pixels, 119, 89, got.data(), 600, &count, &error),
       error);
  CHECK(count == 529);
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    sum += static_cast<double>(got[i].probability);
    if (i > 0) CHECK(got[i].probability <= got[i - 1].probability);
    CHECK(std::abs(got[i].a) <= 110.0f);
  }
  CHECK(sum == doctest::Approx(1.0).epsilon(1e-4));
  CHECK(got[0].probability > got[528].probability);
  const auto first = got;
  // Another pixel of the same photo at once; the same pixel again is the same.
  must(cuhue_colorizer_suggest(s.colorizer.get(), 0, nullptr, 119, 89, got.data(), 3, &count, &error), error);
  CHECK(count == 3);
  CHECK(got[2].a == first[2].a);
  CHECK(cuhue_colorizer_suggest(s.colorizer.get(), 0, nullptr, 120, 0, got.data(), 3, &count, &error) ==
        CUHUE_USAGE);
  set_hints(s, {hint_of(110, 80, 0, 255, 0, 31)});
  CHECK(cuhue_colorizer_suggest(s.colorizer.get(), 0, nullptr, 119, 89, got.data(), 3, &count, &error) ==
        CUHUE_USAGE);
  must(cuhue_colorizer_suggest(s.colorizer.get(), 0, &pixels, 119, 89, got.data(), 3, &count, &error), error);
  CHECK(got[0].probability != first[0].probability);
}

TEST_CASE("systems without hints say so") {
  const Engine engine = make_engine();
  const Weights weights = formula_weights("lite");
  const Colorizer colorizer = make_colorizer(engine.get(), weights.get());
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  const cuhue_hint h = hint_of(0, 0, 1, 2, 3);
  CHECK(cuhue_colorizer_set_hints(colorizer.get(), 0, &h, 1, &error) == CUHUE_USAGE);
  CHECK(std::string(error.message).find("siggraph17") != std::string::npos);
  CHECK(cuhue_colorizer_clear_hints(colorizer.get(), &error) == CUHUE_USAGE);
  CHECK(cuhue_colorizer_set(colorizer.get(), "mask_cent", 0.5, &error) == CUHUE_USAGE);
}

}  // namespace
