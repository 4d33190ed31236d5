// Files cut at every byte and with bytes changed: always a picture of the right size or Status::input, never
// anything else. Meant to be run under the sanitizers too.
#include "tests/image/expect.h"

using namespace cuhue;
using namespace cuhue::fixtures;

namespace {

struct Seed {
  std::string name;
  Bytes file;
};

std::vector<Seed> seeds() {
  const Image grey = smooth(11, 9, PixelFormat::grey8);
  const Image colour = smooth(17, 13, PixelFormat::rgb8);
  PngParts rich{11, 9, 8, 0, grey.pixels};
  rich.before_pixels = iccp_chunk(icc("GRAY", 40)) + png_chunk("eXIf", exif({6, true, false, 11, 9})) +
                       xmp_chunk(text("<x/>"), true);
  PngParts palette{5, 2, 2, 3, {0b00011011, 0, 0b11100100, 0}};
  palette.before_pixels =
      png_chunk("PLTE", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}) + png_chunk("tRNS", {9, 8});
  const Bytes palette_bmp = bmp({2, 2, 4, false, Bytes(64, 77), {0x23, 0, 0, 0, 0x01, 0, 0, 0}});
  return {
      {"png", png(rich)},
      {"palette png", png(palette)},
      {"interlaced png", interlaced_png(pattern(9, 7, PixelFormat::rgba16))},
      {"jpeg", jpeg(colour, {.exif = exif({8}), .xmp = text("<x/>"), .icc = icc("RGB ")})},
      {"grey jpeg", jpeg(grey, {.kind = JpegKind::restarts})},
      {"progressive jpeg", jpeg(colour, {.kind = JpegKind::progressive, .sampling = 2})},
      {"plane jpeg", jpeg(colour, {.kind = JpegKind::sequential_scans})},
      {"arithmetic jpeg", jpeg(colour, {.kind = JpegKind::arithmetic})},
      {"cmyk jpeg", cmyk_jpeg(Bytes(4 * 16 * 8, 99), 16, 8, true, true)},
      {"bmp", bmp({3, 3, 24, false, {}, Bytes(36, 5)})},
      {"palette bmp", palette_bmp},
      {"16-bit bmp", bmp({2, 2, 16, false, {}, Bytes(8, 0x55), 3, {0xf800, 0x07e0, 0x001f}})},
      {"old bmp", bmp({3, 3, 24, true, {}, Bytes(36, 5)})},
      {"pgm", text("P5 # c\n3 2 65535\n") + Bytes(12, 3)},
      {"ppm text", text("P3 2 2 100 1 2 3 4 5 6 7 8 9 10 11 9")},
      {"pbm", text("P4 9 3\n") + Bytes(6, 0xa5)},
  };
}

constexpr DecodeLimits kSmall{.max_pixels = 1 << 20};

// True when it was decoded; the picture is whole in itself, or the refusal is proper.
bool decodes(const Bytes& file, const std::string& name, Image& image) {
  CAPTURE(name);
  // A copy of exactly this size: reading behind it is seen by the sanitizer.
  const Bytes exact(file.begin(), file.end());
  try {
    image = decode_image(as_file(exact), name, kSmall);
  } catch (const Error& e) {
    if (e.status() != Status::input)
      FAIL_CHECK("status " << static_cast<int>(e.status()) << ": " << e.what());
    return false;
  }
  CHECK(image.width > 0);
  CHECK(image.height > 0);
  CHECK(image.width * image.height <= kSmall.max_pixels);
  CHECK(image.pixels.size() == static_cast<std::size_t>(image.stride() * image.height));
  return true;
}

}  // namespace

TEST_CASE("a file cut at any byte is refused, or all of its picture is there") {
  for (const Seed& seed : seeds()) {
    Image whole;
    REQUIRE(decodes(seed.file, seed.name, whole));
    std::size_t decoded = 0;
    for (std::size_t size = 0; size < seed.file.size(); ++size) {
      Image image;
      if (!decodes(Bytes(seed.file.begin(), seed.file.begin() + static_cast<std::ptrdiff_t>(size)), seed.name,
                   image))
        continue;
      ++decoded;
      CAPTURE(seed.name);
      CAPTURE(size);
      CHECK(image.width == whole.width);
      CHECK(image.pixels == whole.pixels);
    }
    // Only an end marker, last padding or a text's last digit may go unnoticed.
    CAPTURE(seed.name);
    CHECK(decoded <= 12);
  }
}

TEST_CASE("a file with any one byte changed, or many at random, is refused or decoded, and nothing else") {
  std::uint32_t state = 2024;
  const auto random = [&state](std::size_t below) {
    state = state * 1664525U + 1013904223U;
    return static_cast<std::size_t>(state >> 8) % below;
  };
  std::size_t refused = 0;
  std::size_t decoded = 0;
  for (const Seed& seed : seeds()) {
    Image image;
    const auto attempt = [&](const Bytes& file) { ++(decodes(file, seed.name, image) ? decoded : refused); };
    for (std::size_t at = 0; at < seed.file.size(); ++at)
      for (const int change : {0x01, 0x80, 0xff}) {
        Bytes changed = seed.file;
        changed[at] = static_cast<std::uint8_t>(changed[at] ^ change);
        attempt(changed);
      }
    for (int round = 0; round < 400; ++round) {
      Bytes changed = seed.file;
      for (std::size_t i = 0; i < 1 + random(6); ++i)
        changed[random(changed.size())] = static_cast<std::uint8_t>(random(256));
      if (random(4) == 0) changed.resize(1 + random(changed.size()));
      attempt(changed);
    }
  }
  CHECK(refused > 1000);
  CHECK(decoded > 1000);
}

TEST_CASE("a PNG that unpacks its texts to gigabytes costs little") {
  // Sixty thousand to one would be a bomb; here 200 texts of 7 MB from a file of 1.4 MB.
  const Bytes big = xmp_chunk(Bytes(7'000'000, 'x'), true);
  Bytes head = text(std::string_view("comment\0\0", 9));
  const Bytes ztxt = png_chunk("zTXt", head + deflate(Bytes(7'000'000, 'y')));
  PngParts parts{3, 2, 8, 0, {1, 2, 3, 4, 5, 6}};
  for (int i = 0; i < 100; ++i) parts.before_pixels = parts.before_pixels + big + ztxt;
  const Image image = decode_image(as_file(png(parts)), "bomb");
  CHECK(image.pixels == Bytes{1, 2, 3, 4, 5, 6});
}

TEST_CASE("a progressive JPEG of thousands of empty scans is refused quickly") {
  const Bytes file = jpeg(smooth(64, 64, PixelFormat::grey8), {.kind = JpegKind::progressive});
  // The last scan again and again, in front of the end marker.
  std::size_t last = 0;
  for (std::size_t i = 0; i + 1 < file.size(); ++i)
    if (file[i] == 0xff && file[i + 1] == 0xda) last = i;
  Bytes scans(file.begin(), file.end() - 2);
  const Bytes scan(file.begin() + static_cast<std::ptrdiff_t>(last), file.end() - 2);
  for (int i = 0; i < 3000; ++i) scans = std::move(scans) + scan;
  check_refused(std::move(scans) + Bytes{0xff, 0xd9}, "scans", "JPEG");
}
