// SCGAN through the C API: photo to photo in colour, and where people look.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "kernels/color/yuv_planes.h"
#include "runtime/colorizers/resize_linear.h"
#include "tests/api/api_support.h"

using namespace api_test;

namespace {

struct Stage {
  Engine engine = make_engine(2);
  Weights weights = formula_weights("scgan");
  Colorizer colorizer = make_colorizer(engine.get(), weights.get());

  void set(const char* setting, double value) const {
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    must(cuhue_colorizer_set(colorizer.get(), setting, value, &error), error);
  }
  void keep_saliency(bool keep) const {
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    must(cuhue_colorizer_keep_saliency(colorizer.get(), keep ? 1 : 0, &error), error);
  }
  std::vector<float> saliency(std::size_t photo, std::int64_t w, std::int64_t h) const {
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    std::vector<float> values(static_cast<std::size_t>(w * h), -1.0f);
    must(cuhue_colorizer_saliency(colorizer.get(), photo, w, h, values.data(), &error), error);
    return values;
  }
};

// One for all tests: 59 million weights are computed once.
const Stage& stage() {
  static const Stage s;
  return s;
}

Photo photo_of(std::int64_t w, std::int64_t h, cuhue_pixel_format format = CUHUE_RGB8) {
  Photo p(w, h, format);
  std::uint32_t state = 9;
  for (std::size_t i = 0; i < p.bytes.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    p.bytes[i] =
        static_cast<std::uint8_t>(40 + i / 3 % static_cast<std::size_t>(w) * 2 % 120 + (state >> 26));
  }
  return p;
}

struct Outcome {
  cuhue_status status = CUHUE_OK;
  std::string message;
};

Outcome run(const Stage& s, std::vector<Photo> in, std::vector<Photo>& out,
            cuhue_colorize_options options = {}) {
  std::vector<cuhue_pixels> from, to;
  out.clear();
  for (const Photo& p : in) out.emplace_back(p.width, p.height, cuhue_output_format(p.format));
  for (std::size_t i = 0; i < in.size(); ++i) {
    from.push_back(in[i].pixels());
    to.push_back(out[i].pixels());
  }
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  options.struct_size = sizeof options;
  const cuhue_status status =
      cuhue_colorize(s.colorizer.get(), from.data(), to.data(), in.size(), &options, nullptr, &error);
  return {status, error.message};
}

Photo colour(const Stage& s, const Photo& photo, const cuhue_colorize_options& options = {}) {
  std::vector<Photo> out;
  const Outcome o = run(s, {photo}, out, options);
  INFO(o.message);
  REQUIRE(o.status == CUHUE_OK);
  return out[0];
}

cuhue_colorize_options as_published() {
  cuhue_colorize_options o{};
  o.as_published = 1;
  return o;
}

// The network on planes of h by w that fill() writes; its outputs.
struct Outputs {
  std::vector<float> color, saliency;
};
template <class Fill>
Outputs network_of(const Stage& s, std::int64_t h, std::int64_t w,
                   const std::vector<std::pair<const char*, double>>& settings, Fill fill) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_network* handle = nullptr;
  must(cuhue_network_create(s.engine.get(), s.weights.get(), &handle, &error), error);
  const Network network(handle);
  for (const auto& [name, value] : settings) must(cuhue_network_set(handle, name, value, &error), error);
  must(cuhue_network_prepare(handle, 1, h, w, nullptr, 0, &error), error);
  cuhue_tensor grey{}, out{};
  grey.struct_size = out.struct_size = sizeof grey;
  must(cuhue_network_input(handle, "grey", &grey, &error), error);
  fill(grey);
  must(cuhue_network_run(handle, nullptr, nullptr, &error), error);
  Outputs outputs;
  must(cuhue_network_output(handle, "color", &out, &error), error);
  outputs.color.assign(out.data, out.data + 3 * h * w);
  must(cuhue_network_output(handle, "saliency", &out, &error), error);
  outputs.saliency.assign(out.data, out.data + h * w);
  return outputs;
}

std::int64_t reflected(std::int64_t i, std::int64_t size) {
  if (size == 1) return 0;
  const std::int64_t period = 2 * (size - 1), at = i % period;
  return at < size ? at : period - at;
}

// To the bit what the colorizer shows the network: Winograd's sums make a last bit of an input a millionth of
// a result.
float luma_of(const std::uint8_t* rgb) {
  const auto unit = cuhue::unit_of<std::uint8_t>;
  const float luma = cuhue::bt601_luma(unit(rgb[0]), unit(rgb[1]), unit(rgb[2]));
  REQUIRE(std::abs(luma - (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]) / 255) < 1.5e-7);
  return luma;
}

Outputs of_photo(const Stage& s, const Photo& p, double norm) {
  const std::int64_t h = (p.height + 255) / 256 * 256, w = (p.width + 255) / 256 * 256;
  return network_of(s, h, w, {{"norm", norm}}, [&](const cuhue_tensor& grey) {
    for (std::int64_t y = 0; y < h; ++y) {
      for (std::int64_t x = 0; x < w; ++x) {
        const std::uint8_t* rgb =
            p.bytes.data() + 3 * (reflected(y, p.height) * p.width + reflected(x, p.width));
        grey.data[y * w + x] = luma_of(rgb);
      }
    }
  });
}

double linear(double v) {
  return v > 0.04045 ? std::pow((v + 0.055) / 1.055, 2.4) : v / 12.92;
}
struct Lab {
  double l, a, b;
};
Lab lab_of(const double* rgb) {
  constexpr double m[3][3] = {
      {0.412453, 0.357580, 0.180423}, {0.212671, 0.715160, 0.072169}, {0.019334, 0.119193, 0.950227}};
  constexpr double white[3] = {0.95047, 1, 1.08883};
  double f[3];
  for (int i = 0; i < 3; ++i) {
    double sum = 0;
    for (int k = 0; k < 3; ++k) sum += m[i][k] * linear(rgb[k]);
    sum /= white[i];
    f[i] = sum > 0.008856 ? std::cbrt(sum) : 7.787 * sum + 16.0 / 116;
  }
  return {116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])};
}

// The most that a picture's lightness differs from the photo's, over its pixels that are not clipped; and how
// far its a and b are from those of the network's colours.
struct Difference {
  double lightness = 0, color = 0;
  int pixels = 0;
};
Difference difference(const Photo& photo, const Photo& picture, const std::vector<float>& color) {
  const std::int64_t h = (photo.height + 255) / 256 * 256, w = (photo.width + 255) / 256 * 256;
  Difference d;
  for (std::int64_t y = 0; y < photo.height; ++y) {
    for (std::int64_t x = 0; x < photo.width; ++x) {
      const auto at = static_cast<std::size_t>(3 * (y * photo.width + x));
      double was[3], is[3], net[3];
      bool clipped = false;
      for (std::size_t k = 0; k < 3; ++k) {
        was[k] = photo.bytes[at + k] / 255.0;
        is[k] = picture.bytes[at + k] / 255.0;
        clipped = clipped || picture.bytes[at + k] == 0 || picture.bytes[at + k] == 255;
        net[k] = std::clamp(
            static_cast<double>(color[(k * static_cast<std::size_t>(h) + static_cast<std::size_t>(y)) *
                                          static_cast<std::size_t>(w) +
                                      static_cast<std::size_t>(x)]),
            0.0, 1.0);
      }
      if (clipped) continue;
      ++d.pixels;
      const Lab a = lab_of(was), b = lab_of(is), n = lab_of(net);
      d.lightness = std::max(d.lightness, std::abs(a.l - b.l));
      d.color = std::max({d.color, std::abs(n.a - b.a), std::abs(n.b - b.b)});
    }
  }
  return d;
}

// Of levels: a rounded byte moves L, a and b of a dark pixel by about this much.
constexpr double kLevel = 1.5;

TEST_CASE("scgan: a picture has the photo's lightness and the network's a and b, in both norms") {
  const Stage& s = stage();
  CHECK(std::string(cuhue_colorizer_system(s.colorizer.get())) == "scgan");
  std::vector<Photo> pictures;
  for (const double norm : {0.0, 1.0}) {
    const Photo photo = photo_of(100, 70);
    s.set("norm", norm);
    const Photo picture = colour(s, photo);
    const Difference d = difference(photo, picture, of_photo(s, photo, norm).color);
    CHECK(d.pixels > 1000);
    CHECK(d.lightness < kLevel);
    CHECK(d.color < 2 * kLevel);
    pictures.push_back(picture);
  }
  CHECK(pictures[0].bytes != pictures[1].bytes);
  s.set("norm", 0);
}

TEST_CASE(
    "scgan: saliency of the photo's part, at any size, only when it is kept, without changing colours") {
  const Stage& s = stage();
  const Photo photo = photo_of(60, 40);
  const Photo without = colour(s, photo);
  s.keep_saliency(true);
  CHECK(colour(s, photo).bytes == without.bytes);
  const std::vector<float> exact = of_photo(s, photo, 0).saliency;
  const std::vector<float> map = s.saliency(0, 60, 40);
  float worst = 0;
  for (std::size_t y = 0; y < 40; ++y)
    for (std::size_t x = 0; x < 60; ++x)
      worst = std::max(worst, std::abs(map[y * 60 + x] - exact[y * 256 + x]));
  CHECK(worst == 0.0f);
  const auto [least, most] = std::ranges::minmax(map);
  CHECK((least > 0.0f && most < 1.0f && most - least > 0.05f));
  // Halved: the mean of four.
  const std::vector<float> half = s.saliency(0, 30, 20);
  CHECK(half[31] == doctest::Approx((map[122] + map[123] + map[182] + map[183]) / 4).epsilon(1e-5));

  Photo view(60, 40, CUHUE_RGB8);
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  Photo source = photo;
  const cuhue_pixels in = source.pixels(), out = view.pixels();
  must(cuhue_colorizer_saliency_view(s.colorizer.get(), 0, &in, &out, &error), error);
  CHECK(view.bytes != photo.bytes);
  // Two photos, each with its own; then none.
  std::vector<Photo> both;
  REQUIRE(run(s, {photo_of(33, 65), photo}, both).status == CUHUE_OK);
  CHECK(s.saliency(1, 60, 40) == map);
  CHECK(s.saliency(0, 33, 65).size() == 33 * 65);
  s.keep_saliency(false);
}

TEST_CASE(
    "scgan: as published, a picture is the authors' arithmetic to the last bit; 16 bits, alpha, other "
    "sizes") {
  const Stage& s = stage();
  for (const auto& [w, h] : {std::pair{256, 256}, {300, 200}}) {
    const Photo photo = photo_of(w, h);
    const Photo picture = colour(s, photo, as_published());
    cuhue::ByteImage seen(w, h, 3);
    seen.bytes = photo.bytes;
    seen = cuhue::resize_linear(seen, 256, 256);
    const Outputs outputs = network_of(s, 256, 256, {}, [&](const cuhue_tensor& grey) {
      for (std::size_t i = 0; i < 65536; ++i) {
        const std::uint8_t* rgb = seen.bytes.data() + 3 * i;
        const int level = (9798 * rgb[0] + 19235 * rgb[1] + 3735 * rgb[2] + 16384) >> 15;
        grey.data[i] = static_cast<float>(level / 255.0);
      }
    });
    cuhue::ByteImage made(256, 256, 3);
    for (std::size_t i = 0; i < 3 * 65536; ++i) {
      const float level = 255.0f * outputs.color[i % 3 * 65536 + i / 3];
      made.bytes[i] = static_cast<std::uint8_t>(std::clamp(level, 0.0f, 255.0f));
    }
    made = cuhue::resize_linear(made, w, h);
    CHECK(picture.bytes == made.bytes);
  }
  Photo wide(20, 10, CUHUE_RGBA16), narrow(20, 10, CUHUE_RGBA8);
  for (std::size_t i = 0; i < narrow.bytes.size(); ++i) {
    narrow.bytes[i] = static_cast<std::uint8_t>(i * 7);
    wide.bytes[2 * i] = wide.bytes[2 * i + 1] = narrow.bytes[i];
  }
  const Photo a = colour(s, narrow, as_published()), b = colour(s, wide, as_published());
  for (std::size_t i = 0; i < a.bytes.size(); ++i) {
    REQUIRE(b.bytes[2 * i] == a.bytes[i]);
    REQUIRE(b.bytes[2 * i + 1] == a.bytes[i]);
    if (i % 4 == 3) REQUIRE(a.bytes[i] == narrow.bytes[i]);
  }
}

TEST_CASE("scgan: weights of the multispectral variant see blue, green and red and give them") {
  const Stage s;  // of its own: the setting changes the weights
  s.set("input", 1);
  const Photo photo = photo_of(256, 256);
  const Photo picture = colour(s, photo);
  const Outputs outputs = network_of(s, 256, 256, {{"input", 1}}, [&](const cuhue_tensor& grey) {
    for (std::size_t i = 0; i < 65536; ++i)
      for (std::size_t k = 0; k < 3; ++k)
        grey.data[k * 65536 + i] = static_cast<float>(photo.bytes[3 * i + 2 - k] / 255.0);
  });
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < 65536; ++i) {
    for (std::size_t k = 0; k < 3; ++k) {
      const float level = std::clamp(255.0f * outputs.color[(2 - k) * 65536 + i], 0.0f, 255.0f);
      wrong += picture.bytes[3 * i + k] != static_cast<std::uint8_t>(level);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("scgan: networks trained before April 2021 see -1 to 1 and give it") {
  const Stage& s = stage();
  const auto fill = [](float scale, float shift) {
    return [=](const cuhue_tensor& grey) {
      for (int i = 0; i < 65536; ++i)
        grey.data[i] = scale * static_cast<float>(i * 37 % 256) / 255.0f + shift;
    };
  };
  const Outputs old = network_of(s, 256, 256, {{"value_range", 1}}, fill(1, 0));
  const Outputs plain = network_of(s, 256, 256, {}, fill(255.0f / 128, -1));
  float worst = 0;
  for (std::size_t i = 0; i < old.color.size(); ++i)
    worst = std::max(worst, std::abs(255 * old.color[i] - (128 * plain.color[i] + 128)));
  CHECK(worst < 0.02f);  // of levels
}

void refused(const Outcome& o, const std::vector<std::string>& words) {
  INFO(o.message);
  CHECK(o.status == CUHUE_USAGE);
  for (const std::string& word : words) {
    CAPTURE(word);
    CHECK(o.message.find(word) != std::string::npos);
  }
}

TEST_CASE("scgan: what is not there or does not fit is said") {
  const Stage& s = stage();
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  const auto failed = [&](cuhue_status status) { return Outcome{status, error.message}; };
  float value = 0;
  refused(failed(cuhue_colorizer_saliency(s.colorizer.get(), 0, 1, 1, &value, &error)),
          {"no saliency was kept"});
  s.keep_saliency(true);
  refused(failed(cuhue_colorizer_saliency(s.colorizer.get(), 0, 1, 1, &value, &error)),
          {"no saliency was kept"});
  Photo photo = photo_of(16, 8);
  colour(s, photo);
  CHECK(cuhue_colorizer_saliency(s.colorizer.get(), 0, 1, 1, &value, &error) == CUHUE_OK);
  refused(failed(cuhue_colorizer_saliency(s.colorizer.get(), 1, 1, 1, &value, &error)), {"photo 1", "had 1"});
  refused(failed(cuhue_colorizer_saliency(s.colorizer.get(), 0, 0, 1, &value, &error)), {"width"});
  refused(failed(cuhue_colorizer_saliency(s.colorizer.get(), 0, 1, 1, nullptr, &error)), {"values"});
  Photo other(8, 16, CUHUE_RGB8), grey(16, 8, CUHUE_GREY8);
  const cuhue_pixels in = photo.pixels(), turned = other.pixels(), plain = grey.pixels();
  const auto view = [&](const cuhue_pixels* out) {
    return failed(cuhue_colorizer_saliency_view(s.colorizer.get(), 0, &in, out, &error));
  };
  refused(view(&turned), {"size"});
  refused(view(&plain), {"RGB"});
  refused(view(nullptr), {"result"});
  cuhue_colorize_options options = as_published();
  options.chroma = 2;
  std::vector<Photo> out;
  refused(run(s, {photo}, out, options), {"chroma"});
  s.keep_saliency(false);

  const Stage without;
  without.set("saliency", 0);
  refused(failed(cuhue_colorizer_keep_saliency(without.colorizer.get(), 1, &error)), {"no saliency branch"});
  const Weights lite = formula_weights("lite");
  const Colorizer none = make_colorizer(s.engine.get(), lite.get());
  refused(failed(cuhue_colorizer_keep_saliency(none.get(), 1, &error)), {"scgan"});
  refused(failed(cuhue_colorizer_saliency(none.get(), 0, 1, 1, &value, &error)), {"scgan"});
}

TEST_CASE(
    "8-bit bilinear resizing: halving is the mean of four, the same size the same bytes, steps between") {
  cuhue::ByteImage image(6, 4, 1);
  for (std::size_t i = 0; i < 24; ++i) image.bytes[i] = static_cast<std::uint8_t>(10 * i);
  CHECK(cuhue::resize_linear(image, 6, 4).bytes == image.bytes);
  const cuhue::ByteImage half = cuhue::resize_linear(image, 3, 2);
  CHECK(half.bytes == std::vector<std::uint8_t>{35, 55, 75, 155, 175, 195});
  // Twice as wide: at the edges the edge, between two pixels a quarter and three quarters.
  cuhue::ByteImage two(2, 1, 1);
  two.bytes = {0, 200};
  CHECK(cuhue::resize_linear(two, 4, 1).bytes == std::vector<std::uint8_t>{0, 50, 150, 200});
  cuhue::ByteImage column(1, 2, 1);
  column.bytes = {0, 200};
  CHECK(cuhue::resize_linear(column, 1, 4).bytes == std::vector<std::uint8_t>{0, 50, 150, 200});
  CHECK(cuhue::resize_linear(two, 1, 1).bytes == std::vector<std::uint8_t>{100});
}

}  // namespace
