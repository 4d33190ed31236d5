#include <limits>

#include "tests/image/expect.h"

using namespace cuhue;
using namespace cuhue::fixtures;

namespace {

const Bytes kPalette{10, 20, 30, 200, 100, 0, 7, 8, 9, 255, 255, 255};  // four colours

Bytes plte(const Bytes& colours = kPalette) {
  return png_chunk("PLTE", colours);
}

// 5 pixels wide, 2 high, `depth` bits, values 0, 1, 2, … modulo the range; packed rows.
Bytes counting_rows(int depth) {
  Bytes rows;
  int value = 0;
  for (int y = 0; y < 2; ++y) {
    int bit = 0;
    for (int x = 0; x < 5; ++x, ++value) {
      if (bit == 0) rows.push_back(0);
      const int masked = value % (1 << std::min(depth, 2));
      rows.back() = static_cast<std::uint8_t>(rows.back() | masked << (8 - depth - bit));
      bit = (bit + depth) % 8;
    }
  }
  return rows;
}

Bytes counting_grey(int depth) {
  Bytes out;
  const int most = (1 << depth) - 1;
  for (int value = 0; value < 10; ++value)
    out.push_back(static_cast<std::uint8_t>(value % (1 << std::min(depth, 2)) * 255 / most));
  return out;
}

Bytes counting_colours(int depth) {
  Bytes out;
  for (int value = 0; value < 10; ++value) {
    const int index = value % (1 << std::min(depth, 2));
    out.insert(out.end(), kPalette.begin() + 3 * index, kPalette.begin() + 3 * index + 3);
  }
  return out;
}

Bytes big_endian(const std::vector<std::uint16_t>& samples) {
  Bytes out;
  for (const std::uint16_t s : samples) put16(out, s, false);
  return out;
}

const Bytes kGrey6{0, 1, 100, 200, 254, 255};

Image grey6() {
  return make_image(3, 2, PixelFormat::grey8, kGrey6);
}

PngParts grey6_png() {
  PngParts parts;
  parts.width = 3;
  parts.height = 2;
  parts.rows = kGrey6;
  return parts;
}

}  // namespace

TEST_CASE("PNG greyscale of 1, 2 and 4 bits is widened to the full range of 8") {
  std::vector<GoodCase> cases;
  for (const int depth : {1, 2, 4})
    cases.push_back({"grey" + std::to_string(depth), png({5, 2, depth, 0, counting_rows(depth)}),
                     make_image(5, 2, PixelFormat::grey8, counting_grey(depth))});
  check_good(cases);
}

TEST_CASE("PNG palettes of 1, 2, 4 and 8 bits become colours, with tRNS colours and alpha") {
  std::vector<GoodCase> cases;
  for (const int depth : {1, 2, 4, 8}) {
    const Bytes palette = depth == 1 ? Bytes(kPalette.begin(), kPalette.begin() + 6) : kPalette;
    cases.push_back({"palette" + std::to_string(depth),
                     png({5, 2, depth, 3, counting_rows(depth), plte(palette)}),
                     make_image(5, 2, PixelFormat::rgb8, counting_colours(depth))});
    Bytes rgba;
    const Bytes rgb = counting_colours(depth);
    for (std::size_t i = 0; i < 10; ++i) {
      rgba.insert(rgba.end(), rgb.begin() + static_cast<std::ptrdiff_t>(3 * i),
                  rgb.begin() + static_cast<std::ptrdiff_t>(3 * i + 3));
      rgba.push_back(i % (std::size_t{1} << std::min(depth, 2)) == 1 ? 77 : 255);
    }
    cases.push_back(
        {"palette and tRNS " + std::to_string(depth),
         png({5, 2, depth, 3, counting_rows(depth), plte(palette) + png_chunk("tRNS", {255, 77})}),
         make_image(5, 2, PixelFormat::rgba8, rgba)});
  }
  check_good(cases);
}

TEST_CASE("PNG keeps grey, grey with alpha, colour and colour with alpha at 8 and 16 bits") {
  const std::vector<std::uint16_t> wide{0, 1, 255, 256, 0x1234, 0xfffe, 0xffff, 0x8000, 7, 300, 40000, 50000};
  const Bytes narrow{0, 1, 2, 3, 250, 251, 252, 253, 254, 255, 128, 127};
  check_good({
      {"grey8", png(grey6_png()), grey6()},
      {"grey_alpha8", png({3, 2, 8, 4, narrow}), make_image(3, 2, PixelFormat::grey_alpha8, narrow)},
      {"rgb8", png({2, 2, 8, 2, narrow}), make_image(2, 2, PixelFormat::rgb8, narrow)},
      {"rgba8", png({3, 1, 8, 6, narrow}), make_image(3, 1, PixelFormat::rgba8, narrow)},
      {"grey16", png({4, 3, 16, 0, big_endian(wide)}), make_wide(4, 3, PixelFormat::grey16, wide)},
      {"grey_alpha16", png({3, 2, 16, 4, big_endian(wide)}),
       make_wide(3, 2, PixelFormat::grey_alpha16, wide)},
      {"rgb16", png({2, 2, 16, 2, big_endian(wide)}), make_wide(2, 2, PixelFormat::rgb16, wide)},
      {"rgba16", png({1, 3, 16, 6, big_endian(wide)}), make_wide(1, 3, PixelFormat::rgba16, wide)},
  });
}

TEST_CASE("PNG tRNS of grey and of colour becomes an alpha channel") {
  check_good({
      {"grey8 tRNS", png({3, 1, 8, 0, {5, 9, 5}, png_chunk("tRNS", {0, 9})}),
       make_image(3, 1, PixelFormat::grey_alpha8, {5, 255, 9, 0, 5, 255})},
      {"grey1 tRNS", png({3, 1, 1, 0, {0b01000000}, png_chunk("tRNS", {0, 1})}),
       make_image(3, 1, PixelFormat::grey_alpha8, {0, 255, 255, 0, 0, 255})},
      {"rgb8 tRNS", png({2, 1, 8, 2, {1, 2, 3, 4, 5, 6}, png_chunk("tRNS", {0, 4, 0, 5, 0, 6})}),
       make_image(2, 1, PixelFormat::rgba8, {1, 2, 3, 255, 4, 5, 6, 0})},
      {"grey16 tRNS", png({2, 1, 16, 0, {1, 2, 3, 4}, png_chunk("tRNS", {3, 4})}),
       make_wide(2, 1, PixelFormat::grey_alpha16, {0x0102, 0xffff, 0x0304, 0})},
  });
}

TEST_CASE("PNG row filters and sides of one and of odd length") {
  std::vector<GoodCase> cases;
  const std::pair<int, int> sides[] = {{1, 1}, {1, 7}, {7, 1}, {2, 3}, {8, 8}, {9, 9}, {33, 17}};
  for (const auto& [width, height] : sides)
    for (const int filter : {0, 1, 2}) {
      const Image image = pattern(width, height, PixelFormat::rgb8);
      PngParts parts{static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height), 8, 2,
                     image.pixels};
      parts.filter = filter;
      cases.push_back(
          {std::to_string(width) + "x" + std::to_string(height) + " filter " + std::to_string(filter),
           png(parts), image});
    }
  check_good(cases);
}

TEST_CASE("PNG interlaced pictures are put together, down to one pixel") {
  std::vector<GoodCase> cases;
  const std::pair<int, int> sides[] = {{1, 1}, {2, 1}, {1, 5}, {3, 3}, {5, 9}, {8, 8}, {17, 11}};
  for (const auto& [width, height] : sides)
    for (const PixelFormat format : {PixelFormat::grey8, PixelFormat::rgb8, PixelFormat::rgba16}) {
      const Image image = pattern(width, height, format);
      cases.push_back({"adam7 " + std::to_string(width) + "x" + std::to_string(height) + " format " +
                           std::to_string(static_cast<int>(format)),
                       interlaced_png(image), image});
    }
  check_good(cases);
}

TEST_CASE("PNG of extreme shape") {
  check_good({{"65500x1", png({65'500, 1, 8, 0, pattern(65'500, 1, PixelFormat::grey8).pixels}),
               pattern(65'500, 1, PixelFormat::grey8)},
              {"1x65500", png({1, 65'500, 8, 0, pattern(65'500, 1, PixelFormat::grey8).pixels}),
               pattern(1, 65'500, PixelFormat::grey8)},
              {"2000001x1", png({2'000'001, 1, 8, 0, Bytes(2'000'001, 9)}),
               make_image(2'000'001, 1, PixelFormat::grey8, Bytes(2'000'001, 9))}});
}

TEST_CASE("PNG keeps ICC, EXIF and XMP unchanged, wherever the chunks stand") {
  PngParts parts = grey6_png();
  Image want = grey6();
  want.icc = icc("GRAY", 400);
  want.exif = exif({});
  want.xmp = text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>");
  const Bytes exif_chunk = png_chunk("eXIf", want.exif);
  parts.before_pixels = iccp_chunk(want.icc) + exif_chunk + xmp_chunk(want.xmp, false);
  const Bytes all_before = png(parts);
  parts.before_pixels = iccp_chunk(want.icc);
  parts.after_pixels = exif_chunk + xmp_chunk(want.xmp, true);
  check_good({{"before the pixels", all_before, want}, {"behind the pixels, XMP packed", png(parts), want}});
}

TEST_CASE("PNG samples are not changed by gAMA, cHRM, sRGB, bKGD and sBIT; texts and times are passed over") {
  PngParts parts = grey6_png();
  parts.before_pixels = png_chunk("gAMA", {0, 0, 0x27, 0x10}) + png_chunk("sRGB", {0}) +
                        png_chunk("bKGD", {0, 9}) + png_chunk("sBIT", {5}) +
                        png_chunk("tEXt", text(std::string_view("Comment\0hello", 13))) +
                        png_chunk("tIME", {7, 232, 1, 1, 0, 0, 0}) + png_chunk("prVt", {1, 2, 3});
  check_good({{"ancillary chunks", png(parts), grey6()}});
}

TEST_CASE("PNG with a damaged optional chunk keeps its picture; what cannot be trusted is left out") {
  PngParts bad_profile = grey6_png();
  bad_profile.before_pixels = iccp_chunk(Bytes(40, 1));
  PngParts bad_exif = grey6_png();
  bad_exif.before_pixels = png_chunk("eXIf", text("II or not"));
  PngParts bad_crc = grey6_png();
  bad_crc.before_pixels = xmp_chunk(text("<x/>"), false);
  bad_crc.before_pixels.back() ^= 1;
  check_good({{"profile too short", png(bad_profile), grey6()},
              {"EXIF without TIFF header", png(bad_exif), grey6()},
              {"XMP with a wrong checksum", png(bad_crc), grey6()}});
}

TEST_CASE("PNG that is damaged, cut or impossible is refused") {
  const Bytes good = png(grey6_png());
  Bytes bad_checksum = good;
  bad_checksum[8 + 8 + 13] ^= 1;
  Bytes bad_pixels = good;
  bad_pixels[8 + 25 + 8 + 4] ^= 0xff;
  PngParts no_palette = grey6_png();
  no_palette.colour_type = 3;
  PngParts few_rows = grey6_png();
  few_rows.height = 1;
  Bytes rows_missing = png(few_rows);
  const Bytes header_of_good(good.begin() + 8, good.begin() + 8 + 25);
  std::copy(header_of_good.begin(), header_of_good.end(), rows_missing.begin() + 8);
  check_bad({{"only the signature", Bytes(good.begin(), good.begin() + 8), "no header chunk"},
             {"half a header", Bytes(good.begin(), good.begin() + 20), "no header chunk"},
             {"wrong header checksum", bad_checksum, "damaged"},
             {"broken deflate stream", bad_pixels, "damaged"},
             {"no end chunk", Bytes(good.begin(), good.end() - 12), "ends too early"},
             {"no palette", png(no_palette), "damaged"},
             {"a row missing", rows_missing, "damaged"},
             {"width 0", png({0, 2, 8, 0, {}}), "no pixels"},
             {"height 0", png({2, 0, 8, 0, {}}), "no pixels"},
             {"depth 3", png({3, 2, 3, 0, {1, 2}}), "damaged"},
             {"colour type 5", png({3, 2, 8, 5, {}}), "damaged"},
             {"width 2^31", png({0x80000000U, 1, 8, 0, {}}), "limit"}});
}

TEST_CASE("PNG above the pixel cap is refused before memory is taken; so is a huge one in a few bytes") {
  // 2^31 - 1 pixels each way would need more than 16 EiB: reaching an allocation would not end as
  // Status::input.
  check_refused(png({0x7fffffff, 0x7fffffff, 16, 6, {}}), "vast", "more than the limit of 400000000");
  check_refused(png({0x7fffffff, 0x7fffffff, 16, 6, {}}), "vast, no limit", "too few bytes",
                {.max_pixels = std::numeric_limits<std::int64_t>::max()});
  check_refused(png({20'000, 20'000, 8, 2, {}}), "at the limit, no data", "too few bytes");
  check_refused(png(grey6_png()), "small limit", "more than the limit of 5", {.max_pixels = 5});
  const Image at_limit = decode_image(as_file(png(grey6_png())), "at the limit", {.max_pixels = 6});
  CHECK(at_limit.pixels == kGrey6);
}
