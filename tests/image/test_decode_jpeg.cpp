#include "tests/image/expect.h"

using namespace cuhue;
using namespace cuhue::fixtures;

namespace {

constexpr double kClose = 2.0;

GoodCase good(const std::string& name, const Image& image, const JpegParts& parts) {
  GoodCase c{name, jpeg(image, parts), image, kClose};
  c.want.icc = parts.icc;
  c.want.exif = parts.exif;
  c.want.xmp = parts.xmp;
  return c;
}

}  // namespace

TEST_CASE("JPEG of every coding and common sampling, grey and colour") {
  std::vector<GoodCase> cases;
  const std::pair<std::string, JpegKind> kinds[] = {{"baseline", JpegKind::baseline},
                                                    {"progressive", JpegKind::progressive},
                                                    {"arithmetic", JpegKind::arithmetic},
                                                    {"restarts", JpegKind::restarts},
                                                    {"plane by plane", JpegKind::sequential_scans}};
  for (const auto& [name, kind] : kinds) {
    cases.push_back(good(name + " grey", smooth(37, 23, PixelFormat::grey8), {.kind = kind}));
    cases.push_back(good(name + " colour", smooth(37, 23, PixelFormat::rgb8), {.kind = kind}));
    cases.push_back(good(name + " 4:2:0", smooth(37, 23, PixelFormat::rgb8), {.kind = kind, .sampling = 2}));
  }
  cases.push_back(good("stored as RGB", smooth(19, 19, PixelFormat::rgb8), {.rgb = true}));
  check_good(cases);
}

TEST_CASE("JPEG sides of one, of odd length and of the format's most") {
  std::vector<GoodCase> cases;
  const std::pair<int, int> sides[] = {{1, 1}, {1, 16},  {16, 1},     {7, 9},
                                       {8, 8}, {17, 33}, {65'500, 1}, {1, 65'500}};
  for (const auto& [width, height] : sides) {
    const std::string size = std::to_string(width) + "x" + std::to_string(height);
    cases.push_back(good(size + " grey", smooth(width, height, PixelFormat::grey8), {.quality = 100}));
    cases.push_back(good(size + " colour", smooth(width, height, PixelFormat::rgb8), {.quality = 100}));
  }
  check_good(cases);
}

TEST_CASE("JPEG ink becomes light: CMYK and YCCK, inverted as Adobe does and as the standard says") {
  // cyan, magenta, yellow, black ink, none, half black; 255 = full ink. Eight pixels a colour: no blending.
  const std::vector<Bytes> inks{{255, 0, 0, 0}, {0, 255, 0, 0}, {0, 0, 255, 0},
                                {0, 0, 0, 255}, {0, 0, 0, 0},   {0, 0, 0, 128}};
  const std::vector<Bytes> lights{{0, 255, 255}, {255, 0, 255},   {255, 255, 0},
                                  {0, 0, 0},     {255, 255, 255}, {127, 127, 127}};
  Bytes plain;
  Bytes inverted;
  Bytes want;
  for (int y = 0; y < 8; ++y)
    for (std::size_t i = 0; i < inks.size(); ++i)
      for (int x = 0; x < 8; ++x) {
        plain = plain + inks[i];
        for (const std::uint8_t ink : inks[i]) inverted.push_back(static_cast<std::uint8_t>(255 - ink));
        want = want + lights[i];
      }
  const Image image = make_image(48, 8, PixelFormat::rgb8, want);
  check_good({{"CMYK", cmyk_jpeg(plain, 48, 8, false, false), image, kClose},
              {"Adobe CMYK", cmyk_jpeg(inverted, 48, 8, true, false), image, kClose},
              {"Adobe YCCK", cmyk_jpeg(inverted, 48, 8, true, true), image, kClose},
              {"the ink profile is left behind", cmyk_jpeg(inverted, 48, 8, true, false, icc("CMYK", 300)),
               image, kClose}});
}

TEST_CASE("JPEG keeps ICC of one and of many segments, EXIF and XMP") {
  const Image image = smooth(16, 16, PixelFormat::rgb8);
  const Bytes xmp = text("<x:xmpmeta/>");
  check_good({good("small profile", image, {.icc = icc("RGB ", 500)}),
              good("profile of three segments", image, {.icc = icc("RGB ", 150'000)}),
              good("EXIF", image, {.exif = exif({})}), good("XMP", image, {.xmp = xmp}),
              good("all of them", image,
                   {.exif = exif({.little = false}), .xmp = xmp, .icc = icc("RGB ", 66'000)})});
}

TEST_CASE("JPEG with damaged optional segments keeps its picture without them") {
  const Image image = smooth(16, 16, PixelFormat::grey8);
  const Bytes file = jpeg(image);
  const auto sign = [](std::string_view s) { return text(s); };
  const Bytes second_of_two = sign(std::string_view("ICC_PROFILE\0\x02\x02", 14)) + icc("GRAY");
  const Bytes not_tiff = sign(std::string_view("Exif\0\0", 6)) + text("neither II nor MM");
  const Bytes short_exif = sign(std::string_view("Exif\0\0", 6));
  check_good({{"half a profile", with_segments(file, segment(0xE2, second_of_two)), image, kClose},
              {"EXIF without TIFF header", with_segments(file, segment(0xE1, not_tiff)), image, kClose},
              {"EXIF of no bytes", with_segments(file, segment(0xE1, short_exif)), image, kClose},
              {"an unknown APP1", with_segments(file, segment(0xE1, text("something else"))), image, kClose},
              {"a comment", with_segments(file, segment(0xFE, text("hello"))), image, kClose}});
}

TEST_CASE("JPEG that lacks only its end marker is whole; bytes behind the end do not matter") {
  const Image image = smooth(40, 40, PixelFormat::rgb8);
  for (const JpegKind kind : {JpegKind::baseline, JpegKind::progressive}) {
    const Bytes file = jpeg(image, {.kind = kind});
    check_good({{"no end marker", Bytes(file.begin(), file.end() - 2), image, kClose},
                {"a second picture behind", file + file, image, kClose},
                {"zeros behind", file + Bytes(1000, 0), image, kClose}});
  }
}

TEST_CASE("JPEG cut short or damaged is refused, not filled up with grey") {
  const Image image = smooth(64, 64, PixelFormat::rgb8);
  const Bytes file = jpeg(image);
  const auto cut = [](const Bytes& from, std::size_t percent) {
    return Bytes(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(from.size() * percent / 100));
  };
  const Bytes progressive = jpeg(image, {.kind = JpegKind::progressive});
  const Bytes planes = jpeg(image, {.kind = JpegKind::sequential_scans});
  Bytes no_restart = jpeg(image, {.kind = JpegKind::restarts});
  for (std::size_t i = no_restart.size() / 2;; ++i)
    if (no_restart[i] == 0xff && no_restart[i + 1] >= 0xd0 && no_restart[i + 1] <= 0xd7) {
      no_restart[i + 1] ^= 3;
      break;
    }
  // All of the first scan and the end marker, then nothing.
  std::size_t second_scan = 0;
  int scans = 0;
  for (std::size_t i = 0; i + 1 < planes.size() && second_scan == 0; ++i)
    if (planes[i] == 0xff && planes[i + 1] == 0xda && ++scans == 2) second_scan = i;
  const Bytes first_plane(planes.begin(), planes.begin() + static_cast<std::ptrdiff_t>(second_scan));
  check_bad({{"three bytes", {0xff, 0xd8, 0xff}, "cut short"},
             {"start and end", {0xff, 0xd8, 0xff, 0xd9}, "damaged"},
             {"a tenth", cut(file, 10), "cut short"},
             {"a half", cut(file, 50), "cut short"},
             {"nine tenths", cut(file, 90), "cut short"},
             {"half a progressive", cut(progressive, 50), "cut short"},
             {"one plane of three", first_plane, "cut short"},
             {"restart markers out of order", no_restart, "damaged"},
             {"no picture", Bytes{0xff, 0xd8} + segment(0xFE, text("hi")) + Bytes{0xff, 0xd9}, "damaged"}});
}

TEST_CASE("JPEG above the pixel cap, of 12 bits, of two channels or of no pixels is refused") {
  const Bytes file = jpeg(smooth(16, 16, PixelFormat::grey8));
  check_refused(file, "small limit", "more than the limit of 255", {.max_pixels = 255});
  CHECK(decode_image(as_file(file), "at the limit", {.max_pixels = 256}).width == 16);

  std::size_t frame = 0;
  while (!(file[frame] == 0xff && file[frame + 1] == 0xc0)) ++frame;
  const auto changed = [&file, frame](std::initializer_list<std::pair<std::size_t, int>> bytes) {
    Bytes out = file;
    for (const auto& [at, value] : bytes) out[frame + at] = static_cast<std::uint8_t>(value);
    return out;
  };
  check_bad({{"12 bits", changed({{4, 12}}), "not supported"},
             {"lossless", changed({{1, 0xc3}}), "not supported"},
             {"height 0", changed({{5, 0}, {6, 0}}), "damaged"},
             {"width 0", changed({{7, 0}, {8, 0}}), "damaged"},
             {"65535 pixels wide", changed({{7, 255}, {8, 255}}), "65500"},
             {"huge, in a few bytes", changed({{5, 24}, {6, 0}, {7, 250}, {8, 0}}), "too few bytes"}});
  const Bytes two_channels = Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(frame)) +
                             segment(0xc0, {8, 0, 16, 0, 16, 2, 1, 0x11, 0, 2, 0x11, 0}) +
                             segment(0xda, {2, 1, 0, 2, 0, 0, 63, 0}) + Bytes{0xff, 0xd9};
  check_refused(two_channels, "two channels", "2 unknown channels");
}
