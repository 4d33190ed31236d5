// The masks GAN through the C API: photo and mask to partly coloured photo.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "tests/api/api_support.h"

using namespace api_test;

namespace {

struct Stage {
  Engine engine = make_engine(2);
  Weights weights = formula_weights("masks-gan");
  Colorizer colorizer = make_colorizer(engine.get(), weights.get());

  void set_mask(Photo mask, std::size_t photo = CUHUE_ALL_PHOTOS) const {
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    const cuhue_pixels pixels = mask.pixels();
    must(cuhue_colorizer_set_mask(colorizer.get(), photo, &pixels, &error), error);
  }
  void clear_masks() const {
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    must(cuhue_colorizer_clear_masks(colorizer.get(), &error), error);
  }
  void set_norm(double value) const {
    cuhue_error error{sizeof error, CUHUE_OK, {}};
    must(cuhue_colorizer_set(colorizer.get(), "norm", value, &error), error);
  }
};

struct Options {
  bool as_published = false, keep_photos = false, gate = false;
};

struct Outcome {
  cuhue_status status = CUHUE_OK;
  std::string message;
};

constexpr std::uint8_t kUntouched = 0x5A;

Outcome run(const Stage& s, std::vector<Photo> in, std::vector<Photo>& out, const Options& wanted = {}) {
  std::vector<cuhue_pixels> from, to;
  out.clear();
  for (const Photo& p : in) {
    out.emplace_back(p.width, p.height, cuhue_output_format(p.format));
    std::ranges::fill(out.back().bytes, kUntouched);
  }
  for (std::size_t i = 0; i < in.size(); ++i) {
    from.push_back(in[i].pixels());
    to.push_back(out[i].pixels());
  }
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_colorize_options options{};
  options.struct_size = sizeof options;
  options.as_published = wanted.as_published ? 1 : 0;
  options.keep_photos = wanted.keep_photos ? 1 : 0;
  options.gate = wanted.gate ? 1 : 0;
  const cuhue_status status =
      cuhue_colorize(s.colorizer.get(), from.data(), to.data(), in.size(), &options, nullptr, &error);
  return {status, error.message};
}

Photo colour(const Stage& s, const Photo& photo, const Options& options = {}) {
  std::vector<Photo> out;
  const Outcome o = run(s, {photo}, out, options);
  INFO(o.message);
  REQUIRE(o.status == CUHUE_OK);
  return out[0];
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

// A grey mask: white where `on` says so.
template <class On>
Photo mask_of(std::int64_t w, std::int64_t h, On on) {
  Photo mask(w, h, CUHUE_GREY8);
  for (std::int64_t i = 0; i < w * h; ++i)
    mask.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(on(i % w, i / w) ? 255 : 0);
  return mask;
}
Photo even_mask(std::int64_t w, std::int64_t h, std::uint8_t level) {
  Photo mask(w, h, CUHUE_GREY8);
  std::ranges::fill(mask.bytes, level);
  return mask;
}
// White on the near side of a diagonal.
Photo corner(std::int64_t w, std::int64_t h) {
  return mask_of(w, h, [w, h](std::int64_t x, std::int64_t y) { return x * h + y * w < w * h; });
}

// The specification by hand, around the network: a photo of at most 512 a side is not resized.
Photo by_hand(const Stage& s, const Photo& photo, const Photo& mask, bool as_published, double norm) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_network* handle = nullptr;
  must(cuhue_network_create(s.engine.get(), s.weights.get(), &handle, &error), error);
  const Network network(handle);
  must(cuhue_network_set(handle, "norm", norm, &error), error);
  const std::int64_t h = (photo.height + 31) / 32 * 32, w = (photo.width + 31) / 32 * 32;
  must(cuhue_network_prepare(handle, 1, h, w, nullptr, 0, &error), error);
  cuhue_tensor y{}, shown{}, uv{};
  y.struct_size = shown.struct_size = uv.struct_size = sizeof y;
  must(cuhue_network_input(handle, "y", &y, &error), error);
  must(cuhue_network_input(handle, "mask", &shown, &error), error);
  const auto luma = [&](std::int64_t row, std::int64_t column) {
    const auto at = static_cast<std::size_t>(3 * (row * photo.width + column));
    return (0.299 * photo.bytes[at] + 0.587 * photo.bytes[at + 1] + 0.114 * photo.bytes[at + 2]) / 255;
  };
  for (std::int64_t row = 0; row < h; ++row) {
    for (std::int64_t column = 0; column < w; ++column) {
      const std::int64_t r = std::min(row, photo.height - 1), c = std::min(column, photo.width - 1);
      y.data[row * w + column] = static_cast<float>(luma(r, c));
      shown.data[row * w + column] =
          static_cast<float>(mask.bytes[static_cast<std::size_t>(r * photo.width + c)] / 255.0);
    }
  }
  must(cuhue_network_run(handle, nullptr, nullptr, &error), error);
  must(cuhue_network_output(handle, "uv", &uv, &error), error);
  Photo out(photo.width, photo.height, CUHUE_RGB8);
  for (std::int64_t r = 0; r < photo.height; ++r) {
    for (std::int64_t c = 0; c < photo.width; ++c) {
      const double u = 0.436 * static_cast<double>(uv.data[r * w + c]);
      const double v = 0.615 * static_cast<double>(uv.data[(h + r) * w + c]);
      const double l = luma(r, c);
      const double rgb[3] = {l - 4.18277965e-09 * u + 1.13988303 * v, l - 0.394642334 * u - 0.58062185 * v,
                             l + 2.03206185 * u - 1.22326577e-09 * v};
      for (int k = 0; k < 3; ++k) {
        const double unit = std::clamp(rgb[k], 0.0, 1.0);
        const double level =
            as_published ? std::min(255.0, std::nearbyint(256 * unit)) : std::nearbyint(255 * unit);
        out.bytes[static_cast<std::size_t>(3 * (r * photo.width + c) + k)] = static_cast<std::uint8_t>(level);
      }
    }
  }
  return out;
}

// Share of samples that differ; the largest difference must be one level.
double differing(const Photo& a, const Photo& b) {
  REQUIRE(a.bytes.size() == b.bytes.size());
  std::size_t count = 0;
  int worst = 0;
  for (std::size_t i = 0; i < a.bytes.size(); ++i) {
    count += a.bytes[i] != b.bytes[i];
    worst = std::max(worst, std::abs(a.bytes[i] - b.bytes[i]));
  }
  CHECK(worst <= 1);
  return static_cast<double>(count) / static_cast<double>(a.bytes.size());
}

bool is_grey(const Photo& p, std::size_t pixel) {
  return p.bytes[3 * pixel] == p.bytes[3 * pixel + 1] && p.bytes[3 * pixel] == p.bytes[3 * pixel + 2];
}

TEST_CASE("masks-gan: a picture is the specification around the network, for each mask, norm and option") {
  const Stage s;
  CHECK(std::string(cuhue_colorizer_system(s.colorizer.get())) == "masks-gan");
  std::vector<Photo> pictures;
  for (const auto& [w, h, as_published] : {std::tuple{33, 65, false}, {64, 32, false}, {64, 32, true}}) {
    const Photo photo = photo_of(w, h);
    const Photo masks[] = {even_mask(w, h, 0), even_mask(w, h, 255), corner(w, h), even_mask(w, h, 100)};
    for (const Photo& mask : masks) {
      for (const double norm : {0.0, 1.0}) {
        if (norm == 1.0 && &mask != &masks[2]) continue;
        s.set_norm(norm);
        s.set_mask(mask);
        const Photo picture = colour(s, photo, {.as_published = as_published});
        CHECK(differing(picture, by_hand(s, photo, mask, as_published, norm)) < 2e-3);
        for (const Photo& other : pictures) CHECK(picture.bytes != other.bytes);
        pictures.push_back(picture);
      }
    }
  }
}

TEST_CASE(
    "masks-gan: behind a gate the photo keeps its grey to the last bit, elsewhere it is as without one") {
  const Stage s;
  // The second is seen at 512x199 by the network; masks at full resolution.
  for (const auto& [w, h] : {std::pair{33, 65}, {540, 210}}) {
    for (const cuhue_pixel_format format : {CUHUE_GREY8, CUHUE_RGB8}) {
      if (w > 512 && format == CUHUE_RGB8) continue;
      const Photo photo = photo_of(w, h, format);
      const Photo mask =
          mask_of(w, h, [](std::int64_t x, std::int64_t y) { return (x / 5 + y / 3) % 2 == 0; });
      s.set_mask(mask);
      const Photo open = colour(s, photo), gated = colour(s, photo, {.gate = true});
      std::size_t colored = 0, wrong = 0;
      for (std::size_t i = 0; i < mask.bytes.size(); ++i) {
        const std::uint8_t* pixel = gated.bytes.data() + 3 * i;
        if (mask.bytes[i] == 255) {
          wrong += std::equal(pixel, pixel + 3, open.bytes.data() + 3 * i) ? 0 : 1;
          colored += is_grey(gated, i) ? 0 : 1;
        } else {
          wrong += is_grey(gated, i) && (format == CUHUE_RGB8 || pixel[0] == photo.bytes[i]) ? 0 : 1;
        }
      }
      CHECK(wrong == 0);
      CHECK(colored > mask.bytes.size() / 4);
      CHECK(open.bytes != gated.bytes);
    }
  }
}

TEST_CASE("masks-gan: photos of any size and format, each with its own mask, are one call") {
  const Stage s;
  const std::vector<Photo> photos{photo_of(1, 1), photo_of(7, 5000), photo_of(33, 65),
                                  photo_of(33, 65, CUHUE_RGBA8), photo_of(40, 20, CUHUE_GREY16)};
  std::vector<Photo> alone, together;
  for (std::size_t i = 0; i < photos.size(); ++i) {
    s.clear_masks();
    s.set_mask(corner(photos[i].width, photos[i].height));
    alone.push_back(colour(s, photos[i]));
  }
  for (std::size_t i = 0; i < photos.size(); ++i) s.set_mask(corner(photos[i].width, photos[i].height), i);
  REQUIRE(run(s, photos, together).status == CUHUE_OK);
  for (std::size_t i = 0; i < photos.size(); ++i) {
    CHECK(together[i].bytes == alone[i].bytes);
    CHECK(std::ranges::any_of(alone[i].bytes, [](std::uint8_t b) { return b != kUntouched; }));
  }
  for (std::size_t i = 3; i < photos[3].bytes.size(); i += 4)
    REQUIRE(together[3].bytes[i] == photos[3].bytes[i]);  // alpha
  // A photo that is 16 bits deep keeps its luma: that of a pixel is 0.299 R + 0.587 G + 0.114 B.
  const auto sample = [](const Photo& p, std::size_t i) {
    std::uint16_t v = 0;
    std::memcpy(&v, p.bytes.data() + 2 * i, sizeof v);
    return static_cast<double>(v);
  };
  double worst = 0;
  for (std::size_t i = 0; i < 800; ++i) {
    const double r = sample(together[4], 3 * i), g = sample(together[4], 3 * i + 1),
                 b = sample(together[4], 3 * i + 2);
    if (std::min({r, g, b}) == 0 || std::max({r, g, b}) == 65535) continue;  // clipped
    worst = std::max(worst, std::abs(0.299 * r + 0.587 * g + 0.114 * b - sample(photos[4], i)));
  }
  CHECK(worst < 1.0);
}

TEST_CASE("masks-gan: a mask in any format is the same mask; another one on a kept photo is a fresh run") {
  const Stage s;
  const Photo photo = photo_of(33, 40),
              grey = mask_of(33, 40, [](auto x, auto y) { return x * x + y * y < 700; });
  Photo rgb(33, 40, CUHUE_RGB8), wide(33, 40, CUHUE_GREY_ALPHA16);
  for (std::size_t i = 0; i < grey.bytes.size(); ++i) {
    for (std::size_t k = 0; k < 3; ++k) rgb.bytes[3 * i + k] = grey.bytes[i];
    for (std::size_t k = 0; k < 2; ++k) wide.bytes[4 * i + k] = grey.bytes[i];
  }
  s.set_mask(grey);
  const Photo expected = colour(s, photo);
  s.set_mask(rgb);
  CHECK(colour(s, photo).bytes == expected.bytes);
  s.set_mask(wide);
  CHECK(colour(s, photo).bytes == expected.bytes);

  s.set_mask(corner(33, 40));
  const Photo other = colour(s, photo, {.keep_photos = true});
  CHECK(other.bytes != expected.bytes);
  const Stage fresh;
  fresh.set_mask(corner(33, 40));
  CHECK(colour(fresh, photo).bytes == other.bytes);
  // After a call of two photos no plane is the first one's.
  Photo second = photo;
  std::ranges::reverse(second.bytes);
  std::vector<Photo> out;
  for (const bool keep_photos : {false, true}) {
    REQUIRE(run(s, {photo, second}, out, {.keep_photos = keep_photos}).status == CUHUE_OK);
    CHECK(out[0].bytes == other.bytes);
  }
}

void refused(const Outcome& o, const std::vector<std::string>& words) {
  INFO(o.message);
  CHECK(o.status == CUHUE_USAGE);
  for (const std::string& word : words) {
    CAPTURE(word);
    CHECK(o.message.find(word) != std::string::npos);
  }
}

bool untouched(const std::vector<Photo>& photos) {
  return std::ranges::all_of(photos, [](const Photo& p) {
    return std::ranges::all_of(p.bytes, [](std::uint8_t b) { return b == kUntouched; });
  });
}

TEST_CASE("masks-gan: what is missing or does not fit is said before any photo gets colours") {
  const Stage s;
  std::vector<Photo> out;
  refused(run(s, {photo_of(20, 10)}, out), {"photo 0", "mask", "--mask-rect", "cuhue_colorizer_set_mask"});
  CHECK(untouched(out));
  s.set_mask(even_mask(20, 10, 255), 0);
  refused(run(s, {photo_of(20, 10), photo_of(20, 10)}, out), {"photo 1", "no mask"});
  CHECK(untouched(out));
  s.set_mask(even_mask(10, 20, 255));
  refused(run(s, {photo_of(20, 10)}, out), {"photo 0", "10x20", "20x10"});
  CHECK(untouched(out));
  s.set_mask(even_mask(20, 10, 255), 2);
  s.set_mask(even_mask(20, 10, 255), 0);
  refused(run(s, {photo_of(20, 10)}, out), {"masks for photo 2", "1"});
  s.clear_masks();
  s.set_mask(even_mask(64, 33, 255));
  refused(run(s, {photo_of(64, 33)}, out, {.as_published = true}), {"64x33", "multiples of 32"});
  CHECK(untouched(out));

  cuhue_error error{sizeof error, CUHUE_OK, {}};
  const auto failed = [&](cuhue_status status) { return Outcome{status, error.message}; };
  Photo video(8, 8, CUHUE_GREY8);
  video.bytes.resize(96);
  cuhue_pixels pixels = video.pixels();
  pixels.format = CUHUE_NV12;
  refused(failed(cuhue_colorizer_set_mask(s.colorizer.get(), 0, &pixels, &error)), {"video"});
  refused(failed(cuhue_colorizer_set_mask(s.colorizer.get(), 0, nullptr, &error)), {"mask", "NULL"});
  refused(failed(cuhue_colorizer_set(s.colorizer.get(), "norms", 1, &error)), {"norm"});
  refused(failed(cuhue_colorizer_set(s.colorizer.get(), "norm", 2, &error)), {"norm"});
  refused(failed(cuhue_colorizer_clear_hints(s.colorizer.get(), &error)), {"siggraph17"});
  const Weights lite = formula_weights("lite");
  const Colorizer other = make_colorizer(s.engine.get(), lite.get());
  pixels = video.pixels();
  refused(failed(cuhue_colorizer_set_mask(other.get(), 0, &pixels, &error)), {"masks-gan"});
  refused(failed(cuhue_colorizer_clear_masks(other.get(), &error)), {"masks-gan"});
}

TEST_CASE("masks-gan: progress goes from 0 to 1 over all photos, and stops where it is told to") {
  const Stage s;
  s.set_mask(even_mask(32, 32, 255));
  std::vector<Photo> in{photo_of(32, 32), photo_of(32, 32)}, out{in};
  std::vector<cuhue_pixels> from, to;
  for (std::size_t i = 0; i < 2; ++i) {
    from.push_back(in[i].pixels());
    to.push_back(out[i].pixels());
  }
  std::vector<double> fractions;
  cuhue_colorize_options options{};
  options.struct_size = sizeof options;
  options.progress_user = &fractions;
  options.progress = [](void* user, double fraction) {
    static_cast<std::vector<double>*>(user)->push_back(fraction);
    return fraction > 0.7 ? 1 : 0;
  };
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  CHECK(cuhue_colorize(s.colorizer.get(), from.data(), to.data(), 2, &options, nullptr, &error) ==
        CUHUE_CANCELLED);
  CHECK(std::ranges::is_sorted(fractions));
  CHECK(fractions.front() == 0.0);
  CHECK(std::ranges::any_of(fractions, [](double f) { return f > 0.2 && f < 0.5; }));
  CHECK(fractions.back() > 0.7);
  CHECK(fractions.back() < 1.0);
}

}  // namespace
