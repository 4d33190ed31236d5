// Labels through the C API: the specification by hand around the networks, names, views, errors.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "runtime/colorizers/semantic_published.h"
#include "runtime/image/photo_ref.h"
#include "tests/api/api_support.h"

using namespace api_test;
namespace published = cuhue::semantic_published;

namespace {

struct Stage {
  Engine engine = make_engine(2);
  Weights colornet = formula_weights("colornet"), segnet = formula_weights("segnet");
  Colorizer colorizer;

  explicit Stage(bool finds_labels = true) {
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    cuhue_weights* weights[] = {segnet.get(), colornet.get()};
    cuhue_colorizer* made = nullptr;
    must(cuhue_colorizer_create(engine.get(), nullptr, weights + (finds_labels ? 0 : 1), finds_labels ? 2 : 1,
                                &made, &error),
         error);
    colorizer = Colorizer(made);
  }
  void set(Photo map, std::size_t photo = CUHUE_ALL_PHOTOS) const {
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    const cuhue_pixels pixels = map.pixels();
    must(cuhue_colorizer_set_labels(colorizer.get(), photo, &pixels, &error), error);
  }
  Photo labels(std::int64_t w, std::int64_t h) const {
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    Photo map(w, h, CUHUE_GREY8);
    const cuhue_pixels pixels = map.pixels();
    must(cuhue_colorizer_labels(colorizer.get(), 0, &pixels, &error), error);
    return map;
  }
};

cuhue_colorize_options options_of(bool as_published, bool keep_photos) {
  cuhue_colorize_options o{};
  o.struct_size = sizeof o;
  o.as_published = as_published ? 1 : 0;
  o.keep_photos = keep_photos ? 1 : 0;
  return o;
}

Photo colour(const Stage& s, Photo photo, bool as_published = false, bool keep_photos = false) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  const cuhue_colorize_options o = options_of(as_published, keep_photos);
  std::int64_t w = photo.width, h = photo.height;
  must(cuhue_colorizer_result_size(s.colorizer.get(), &o, &w, &h, &error), error);
  Photo out(w, h, cuhue_output_format(photo.format));
  const cuhue_pixels from = photo.pixels(), to = out.pixels();
  must(cuhue_colorize(s.colorizer.get(), &from, &to, 1, &o, nullptr, &error), error);
  return out;
}

Photo photo_of(std::int64_t w, std::int64_t h) {
  Photo p(w, h, CUHUE_RGB8);
  std::uint32_t state = 5;
  for (std::size_t i = 0; i < p.bytes.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    p.bytes[i] = static_cast<std::uint8_t>(30 + i / 3 % static_cast<std::size_t>(w) / 3 + (state >> 26));
  }
  return p;
}

Photo stripes(std::int64_t w, std::int64_t h) {
  Photo map(w, h, CUHUE_GREY8);
  for (std::int64_t i = 0; i < w * h; ++i)
    map.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(i % w * 60 / w);
  return map;
}

// One of the two networks at 352x352.
std::vector<float> run_network(const Stage& s, cuhue_weights* weights, const std::vector<float>& grey,
                               const Photo* labels, const char* output) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_network* handle = nullptr;
  must(cuhue_network_create(s.engine.get(), weights, &handle, &error), error);
  const Network network(handle);
  must(cuhue_network_prepare(handle, 1, 352, 352, &output, 1, &error), error);
  cuhue_tensor t{};
  t.struct_size = sizeof t;
  must(cuhue_network_input(handle, "grey", &t, &error), error);
  std::copy(grey.begin(), grey.end(), t.data);
  if (labels != nullptr) {
    must(cuhue_network_input(handle, "labels", &t, &error), error);
    std::copy(labels->bytes.begin(), labels->bytes.end(), t.data);
  }
  must(cuhue_network_run(handle, nullptr, nullptr, &error), error);
  must(cuhue_network_output(handle, output, &t, &error), error);
  return {t.data, t.data + t.n * t.c * t.h * t.w};
}

double to_linear(double v) {
  return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
}
double to_gamma(double v) {
  return v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1 / 2.4) - 0.055;
}

// The photo's L* and these a and b, of sRGB and its D65.
std::array<double, 3> with_colour(const std::uint8_t* rgb, double a, double b) {
  double linear[3];
  for (int c = 0; c < 3; ++c) linear[c] = to_linear(rgb[c] / 255.0);
  const double y = 0.212671 * linear[0] + 0.715160 * linear[1] + 0.072169 * linear[2];
  const auto f = [](double t) { return t > 0.008856 ? std::cbrt(t) : 7.787 * t + 16.0 / 116; };
  const auto back = [](double t) { return t > 0.2068966 ? t * t * t : (t - 16.0 / 116) / 7.787; };
  const double fy = f(y), x = 0.95047 * back(fy + a / 500), z = 1.08883 * back(std::max(fy - b / 200, 0.0));
  const double out[3] = {3.2404813432 * x - 1.5371515163 * y - 0.4985363262 * z,
                         -0.9692549500 * x + 1.8759900015 * y + 0.0415559266 * z,
                         0.0556466391 * x - 0.2040413384 * y + 1.0573110696 * z};
  std::array<double, 3> result{};
  for (std::size_t c = 0; c < 3; ++c) result[c] = 255 * to_gamma(std::clamp(out[c], 0.0, 1.0));
  return result;
}

TEST_CASE("labels: by default a picture is the photo's lightness with the network's clamped colours") {
  const Stage s(false);
  const Photo photo = photo_of(352, 352), map = stripes(352, 352);  // neither is resized
  s.set(map);
  const Photo picture = colour(s, photo);
  CHECK(std::string(cuhue_colorizer_system(s.colorizer.get())) == "semantic");
  std::vector<float> grey;
  for (std::size_t i = 0; i < photo.bytes.size(); i += 3)
    grey.push_back(static_cast<float>(
        (0.299 * photo.bytes[i] + 0.587 * photo.bytes[i + 1] + 0.114 * photo.bytes[i + 2]) / 255));
  const std::vector<float> ab = run_network(s, s.colornet.get(), grey, &map, "ab");
  double worst = 0, most = 0;
  for (std::size_t i = 0; i < grey.size(); ++i) {
    const double a = 127.5 * std::clamp(static_cast<double>(ab[i]), -1.0, 1.0),
                 b = 127.5 * std::clamp(static_cast<double>(ab[grey.size() + i]), -1.0, 1.0);
    most = std::max({most, std::abs(a), std::abs(b)});
    const std::array<double, 3> want = with_colour(photo.bytes.data() + 3 * i, a, b);
    for (std::size_t c = 0; c < 3; ++c)
      worst = std::max(worst, std::abs(want[c] - static_cast<double>(picture.bytes[3 * i + c])));
  }
  CHECK(most > 5);                               // there are colours
  CHECK(worst < 0.75);                           // rounding, and the network's own error
  CHECK(s.labels(352, 352).bytes == map.bytes);  // exact
}

TEST_CASE("labels: as published a picture is the authors' arithmetic around both networks, of their size") {
  const Stage s;
  const Photo photo = photo_of(200, 150);
  const cuhue::ConstPixelView view(photo.bytes.data(), 200, 150, 600, cuhue::PixelFormat::rgb8);
  const std::vector<std::uint8_t> bytes = published::grey_of(cuhue::photo_ref(view));
  std::vector<float> grey;
  for (const std::uint8_t g : bytes) grey.push_back(static_cast<float>(g) / 255.0f);
  const std::vector<float> found = run_network(s, s.segnet.get(), grey, nullptr, "labels");
  Photo map(352, 352, CUHUE_GREY8);
  std::transform(found.begin(), found.end(), map.bytes.begin(),
                 [](float v) { return static_cast<std::uint8_t>(v); });

  const auto by_hand = [&](const Photo& labels) {
    const std::vector<float> ab = run_network(s, s.colornet.get(), grey, &labels, "ab");
    Photo want(352, 352, CUHUE_RGB8);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const published::Rgb8 c = published::rgb_of(published::lab_of(bytes[i], ab[i], ab[bytes.size() + i]));
      const std::uint8_t rgb[3] = {c.r, c.g, c.b};
      std::copy_n(rgb, 3, want.bytes.data() + 3 * i);
    }
    return want;
  };
  const Photo picture = colour(s, photo, true);
  CHECK(picture.width == 352);
  CHECK(picture.bytes == by_hand(map).bytes);
  // The map comes back with its losses, and is what a kept photo is coloured by.
  Photo lowered = map;
  for (std::uint8_t& label : lowered.bytes) label = published::label_after(label);
  CHECK(s.labels(352, 352).bytes == lowered.bytes);
  CHECK(colour(s, photo, true, true).bytes == by_hand(lowered).bytes);
}

TEST_CASE("labels: names, colours and views are data") {
  REQUIRE(cuhue_label_count() == 60);
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  Photo map(60, 2, CUHUE_GREY8), view(60, 2, CUHUE_RGB8);
  for (std::size_t i = 0; i < 120; ++i) map.bytes[i] = static_cast<std::uint8_t>(i % 60);
  cuhue_pixels from = map.pixels(), to = view.pixels();
  must(cuhue_label_view(&from, &to, &error), error);
  for (std::size_t i = 0; i < 60; ++i) {
    cuhue_label_info info{};
    info.struct_size = sizeof info;
    must(cuhue_label_at(i, &info, &error), error);
    CHECK(std::string(info.name).size() >= 3);
    for (const std::size_t row : {0u, 1u})
      CHECK(std::equal(info.rgb, info.rgb + 3, view.bytes.data() + 3 * (60 * row + i)));
  }
  cuhue_label_info info{};
  info.struct_size = sizeof info;
  CHECK(cuhue_label_at(60, &info, &error) == CUHUE_USAGE);
  to.format = CUHUE_BGR8;
  CHECK(cuhue_label_view(&from, &to, &error) == CUHUE_USAGE);
  to = view.pixels();
  to.width = 59;
  CHECK(cuhue_label_view(&from, &to, &error) == CUHUE_USAGE);
  map.bytes[7] = 200;
  to = view.pixels();
  CHECK(cuhue_label_view(&from, &to, &error) == CUHUE_USAGE);
  CHECK(std::string(error.message).find("7,0") != std::string::npos);
}

TEST_CASE("labels: systems say which networks they can do without, and what they do not take") {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  bool seen = false;
  for (std::size_t i = 0; i < cuhue_system_count(); ++i) {
    cuhue_system_info info{};
    info.struct_size = sizeof info;
    must(cuhue_system_at(i, &info, &error), error);
    const bool semantic = std::string(info.name) == "semantic";
    seen = seen || semantic;
    if (semantic) CHECK(std::string(info.networks) == "colornet");
    if (semantic) CHECK(std::string(info.optional_networks) == "segnet");
    if (std::string(info.name) == "lite") CHECK(std::string(info.optional_networks).empty());
  }
  CHECK(seen);
  const Engine engine = make_engine(1);
  const Weights lite = formula_weights("lite");
  const Colorizer other = make_colorizer(engine.get(), lite.get());
  Photo map(8, 8, CUHUE_GREY8);
  const cuhue_pixels pixels = map.pixels();
  const auto refused = [&](cuhue_status status, const char* word) {
    CHECK(status == CUHUE_USAGE);
    CHECK(std::string(error.message).find(word) != std::string::npos);
  };
  refused(cuhue_colorizer_set_labels(other.get(), 0, &pixels, &error), "semantic");
  refused(cuhue_colorizer_clear_labels(other.get(), &error), "semantic");
  refused(cuhue_colorizer_labels(other.get(), 0, &pixels, &error), "semantic");
  refused(cuhue_colorizer_find_labels(other.get(), &pixels, nullptr, &pixels, &error), "semantic");
  const Stage s(false);
  refused(cuhue_colorizer_set_labels(s.colorizer.get(), 0, nullptr, &error), "NULL");
  // As published the result has another size than the photo.
  Photo photo = photo_of(40, 30), out(40, 30, CUHUE_RGB8);
  s.set(stripes(352, 352));
  const cuhue_pixels in = photo.pixels(), to = out.pixels();
  const cuhue_colorize_options o = options_of(true, false);
  refused(cuhue_colorize(s.colorizer.get(), &in, &to, 1, &o, nullptr, &error), "352x352");
  // Without segnet's weights and a map nothing can be done.
  cuhue_colorizer_clear_labels(s.colorizer.get(), nullptr);
  const cuhue_colorize_options plain = options_of(false, false);
  CHECK(cuhue_colorize(s.colorizer.get(), &in, &to, 1, &plain, nullptr, &error) == CUHUE_WEIGHTS);
  CHECK(std::string(error.message).find("segnet") != std::string::npos);
  CHECK(cuhue_colorizer_find_labels(s.colorizer.get(), &in, nullptr, &pixels, &error) == CUHUE_WEIGHTS);
}

}  // namespace
