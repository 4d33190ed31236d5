#include <cstring>

#include "runtime/image/photo_ref.h"
#include "tests/image/expect.h"

using namespace cuhue;
using namespace cuhue::fixtures;

namespace {

constexpr PixelFormat kAll[] = {PixelFormat::grey8,  PixelFormat::grey_alpha8,  PixelFormat::rgb8,
                                PixelFormat::rgba8,  PixelFormat::bgr8,         PixelFormat::bgra8,
                                PixelFormat::grey16, PixelFormat::grey_alpha16, PixelFormat::rgb16,
                                PixelFormat::rgba16};

// What a decoder gives back for pixels of `format`: blue and red swapped for bgr and bgra.
Image in_file_order(const Image& image) {
  Image out = image;
  const bool bgr = image.format == PixelFormat::bgr8;
  if (!bgr && image.format != PixelFormat::bgra8) return out;
  out.format = bgr ? PixelFormat::rgb8 : PixelFormat::rgba8;
  const auto step = static_cast<std::size_t>(bytes_per_pixel(image.format));
  for (std::size_t i = 0; i < out.pixels.size(); i += step) std::swap(out.pixels[i], out.pixels[i + 2]);
  return out;
}

// Rows with `gap` bytes between them that no encoder may look at.
struct Padded {
  Bytes bytes;
  ConstPixelView view;
};
Padded padded(const Image& image, std::ptrdiff_t gap) {
  Padded out;
  const std::ptrdiff_t stride = image.stride() + gap;
  out.bytes.assign(static_cast<std::size_t>(stride * image.height), 0xEE);
  for (std::int64_t y = 0; y < image.height; ++y)
    std::copy_n(image.pixels.begin() + y * image.stride(), image.stride(), out.bytes.begin() + y * stride);
  out.bytes.resize(static_cast<std::size_t>(stride * (image.height - 1) + image.stride()));
  out.view = {out.bytes.data(), image.width, image.height, stride, image.format};
  return out;
}

Image roundtrip(const ConstPixelView& view, FileFormat format, const EncodeOptions& options = {}) {
  return decode_image(encode_image(view, format, options), "roundtrip");
}

void check_same(const Image& got, const Image& want) {
  CHECK(got.width == want.width);
  CHECK(got.height == want.height);
  CHECK(got.format == want.format);
  CHECK(got.pixels == want.pixels);
}

void check_misuse(const ConstPixelView& view, FileFormat format, const EncodeOptions& options,
                  const std::string& says) {
  try {
    encode_image(view, format, options);
    FAIL_CHECK("was encoded");
  } catch (const Error& e) {
    const std::string what = e.what();
    CAPTURE(what);
    CHECK(e.status() == Status::usage);
    CHECK(what.find(says) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("PNG gives back every pixel format exactly, at every level, from padded rows too") {
  for (const PixelFormat format : kAll)
    for (const auto& [width, height] : {std::pair{1, 1}, std::pair{7, 3}, std::pair{64, 33}}) {
      const Image image = pattern(width, height, format);
      const Padded rows = padded(image, 13);
      CAPTURE(static_cast<int>(format));
      for (const int level : {0, 1, 3, 6, 9})
        check_same(roundtrip(rows.view, FileFormat::png, {.png_level = level}), in_file_order(image));
    }
}

TEST_CASE("PNM gives back formats without alpha exactly") {
  for (const PixelFormat format :
       {PixelFormat::grey8, PixelFormat::rgb8, PixelFormat::bgr8, PixelFormat::grey16, PixelFormat::rgb16})
    for (const auto& [width, height] : {std::pair{1, 1}, std::pair{7, 3}}) {
      const Image image = pattern(width, height, format);
      check_same(roundtrip(padded(image, 5).view, FileFormat::pnm), in_file_order(image));
    }
}

TEST_CASE("PNM 16-bit samples are written high byte first") {
  const Image image = make_wide(2, 1, PixelFormat::grey16, {0x0102, 0xfffe});
  CHECK(to_bytes(encode_image(image.view(), FileFormat::pnm, {})) ==
        text("P5\n2 1\n65535\n") + Bytes{1, 2, 0xff, 0xfe});
}

TEST_CASE("BMP gives back 8-bit colour exactly, grey as colour, whatever the padding") {
  for (const PixelFormat format : {PixelFormat::rgb8, PixelFormat::bgr8})
    for (const int width : {1, 2, 3, 4, 5}) {
      const Image image = pattern(width, 3, format);
      check_same(roundtrip(padded(image, 7).view, FileFormat::bmp), in_file_order(image));
    }
  const Image grey = make_image(2, 1, PixelFormat::grey8, {5, 200});
  check_same(roundtrip(grey.view(), FileFormat::bmp),
             make_image(2, 1, PixelFormat::rgb8, {5, 5, 5, 200, 200, 200}));
}

TEST_CASE("JPEG stays close at quality 95, closer at 100, and is smaller with subsampling") {
  for (const PixelFormat format : {PixelFormat::grey8, PixelFormat::rgb8, PixelFormat::bgr8}) {
    const Image image = smooth(61, 47, format);
    const Padded rows = padded(image, 3);
    const Image want = in_file_order(image);
    const Image normal = roundtrip(rows.view, FileFormat::jpeg);
    const Image best = roundtrip(rows.view, FileFormat::jpeg, {.jpeg_quality = 100});
    CHECK(normal.format == want.format);
    CHECK(mean_difference(normal.pixels, want.pixels) < 2.0);
    CHECK(mean_difference(best.pixels, want.pixels) < mean_difference(normal.pixels, want.pixels));
  }
  const Image colour = pattern(64, 64, PixelFormat::rgb8);
  CHECK(encode_image(colour.view(), FileFormat::jpeg, {.jpeg_subsample = true}).size() <
        encode_image(colour.view(), FileFormat::jpeg, {}).size());
}

TEST_CASE("JPEG default keeps colour at full resolution") {
  // Columns of pure red and blue: halved colour would blend them.
  Image image = make_image(32, 32, PixelFormat::rgb8, Bytes(32 * 32 * 3, 0));
  for (std::size_t i = 0; i < 32 * 32; ++i) image.pixels[3 * i + (i % 2 == 0 ? 0 : 2)] = 255;
  CHECK(mean_difference(roundtrip(image.view(), FileFormat::jpeg).pixels, image.pixels) < 12);
  CHECK(mean_difference(roundtrip(image.view(), FileFormat::jpeg, {.jpeg_subsample = true}).pixels,
                        image.pixels) > 40);
}

TEST_CASE("JPEG longer than its first buffer guess is whole") {
  const Image noise = pattern(300, 300, PixelFormat::rgb8);
  const auto file = encode_image(noise.view(), FileFormat::jpeg, {.jpeg_quality = 100});
  CHECK(file.size() > noise.pixels.size() / 2 + 4096);
  CHECK(mean_difference(decode_image(file, "noise").pixels, noise.pixels) < 2.0);
}

TEST_CASE("PNG and JPEG carry ICC, EXIF and XMP through unchanged") {
  const Image image = smooth(16, 16, PixelFormat::rgb8);
  const Bytes profile = icc("RGB ", 150'000);
  const Bytes block = exif({1, false, false, 16, 16});
  const Bytes packet = text("<?xpacket?><x:xmpmeta>\xc3\xa4</x:xmpmeta>");
  for (const FileFormat format : {FileFormat::png, FileFormat::jpeg}) {
    const Image got = decode_image(encode_image(image.view(), format, {}, profile, block, packet), "extras");
    CHECK(got.icc == profile);
    CHECK(got.exif == block);
    CHECK(got.xmp == packet);
  }
}

TEST_CASE("a profile of another colour space is left out, as is a damaged one") {
  const Image grey = smooth(8, 8, PixelFormat::grey8);
  const Image colour = smooth(8, 8, PixelFormat::rgb8);
  for (const FileFormat format : {FileFormat::png, FileFormat::jpeg}) {
    const auto kept = [format](const Image& image, const Bytes& profile) {
      return decode_image(encode_image(image.view(), format, {}, profile), "profile").icc;
    };
    CHECK(kept(grey, icc("GRAY")) == icc("GRAY"));
    CHECK(kept(colour, icc("RGB ")) == icc("RGB "));
    CHECK(kept(grey, icc("RGB ")).empty());
    CHECK(kept(colour, icc("GRAY")).empty());
    CHECK(kept(colour, icc("CMYK")).empty());
    CHECK(kept(colour, Bytes(20, 1)).empty());
  }
}

TEST_CASE("EXIF and XMP too long for a JPEG segment are left out; PNG keeps them") {
  const Image image = smooth(8, 8, PixelFormat::rgb8);
  const Bytes long_exif = exif({}) + Bytes(70'000, 7);
  const Bytes long_xmp(70'000, 'x');
  const Image from_jpeg =
      decode_image(encode_image(image.view(), FileFormat::jpeg, {}, {}, long_exif, long_xmp), "long");
  CHECK(from_jpeg.exif.empty());
  CHECK(from_jpeg.xmp.empty());
  const Image from_png =
      decode_image(encode_image(image.view(), FileFormat::png, {}, {}, long_exif, long_xmp), "long");
  CHECK(from_png.exif == long_exif);
  CHECK(from_png.xmp == long_xmp);
}

TEST_CASE("what a format cannot hold is refused with one that can") {
  const EncodeOptions plain;
  for (const PixelFormat format :
       {PixelFormat::grey_alpha8, PixelFormat::rgba8, PixelFormat::bgra8, PixelFormat::rgba16})
    for (const FileFormat file : {FileFormat::jpeg, FileFormat::bmp, FileFormat::pnm})
      check_misuse(pattern(2, 2, format).view(), file, plain, "alpha channel: write PNG");
  for (const FileFormat file : {FileFormat::jpeg, FileFormat::bmp})
    check_misuse(pattern(2, 2, PixelFormat::rgb16).view(), file, plain, "16-bit samples: write PNG or PNM");
}

TEST_CASE("empty views, short strides, sides above the format's and bad options are refused") {
  const Image image = pattern(4, 4, PixelFormat::rgb8);
  ConstPixelView view = image.view();
  const Bytes row(65'501);
  check_misuse({row.data(), 65'501, 1, 65'501, PixelFormat::grey8}, FileFormat::jpeg, {},
               "65500 pixels a side");
  check_misuse({row.data(), 1, 65'501, 1, PixelFormat::grey8}, FileFormat::jpeg, {}, "write PNG");
  check_misuse({row.data(), std::int64_t{1} << 31, 1, std::int64_t{1} << 31, PixelFormat::grey8},
               FileFormat::png, {}, "a side");
  check_misuse(view, FileFormat::jpeg, {.jpeg_quality = 0}, "quality 0");
  check_misuse(view, FileFormat::jpeg, {.jpeg_quality = 101}, "quality 101");
  check_misuse(view, FileFormat::png, {.png_level = 10}, "level 10");
  check_misuse(view, FileFormat::png, {.png_level = -1}, "level -1");
  for (const FileFormat format : {FileFormat::png, FileFormat::jpeg, FileFormat::bmp, FileFormat::pnm}) {
    view = image.view();
    view.stride = 11;
    check_misuse(view, format, {}, "stride 11");
    view = image.view();
    view.width = 0;
    check_misuse(view, format, {}, "empty picture");
    view = image.view();
    view.height = -1;
    check_misuse(view, format, {}, "empty picture");
    check_misuse({}, format, {}, "empty picture");
  }
}

TEST_CASE("the longest JPEG side is written and read") {
  const Image image = smooth(65'500, 2, PixelFormat::grey8);
  CHECK(roundtrip(image.view(), FileFormat::jpeg).width == 65'500);
}

TEST_CASE("kernels see each pixel format's channels where they are") {
  struct Case {
    PixelFormat format;
    int channels, bytes, red, green, blue, alpha;
  };
  constexpr Case cases[] = {
      {PixelFormat::grey8, 1, 1, 0, 0, 0, -1},  {PixelFormat::grey_alpha8, 2, 1, 0, 0, 0, 1},
      {PixelFormat::rgb8, 3, 1, 0, 1, 2, -1},   {PixelFormat::rgba8, 4, 1, 0, 1, 2, 3},
      {PixelFormat::bgr8, 3, 1, 2, 1, 0, -1},   {PixelFormat::bgra8, 4, 1, 2, 1, 0, 3},
      {PixelFormat::grey16, 1, 2, 0, 0, 0, -1}, {PixelFormat::grey_alpha16, 2, 2, 0, 0, 0, 1},
      {PixelFormat::rgb16, 3, 2, 0, 1, 2, -1},  {PixelFormat::rgba16, 4, 2, 0, 1, 2, 3}};
  for (const Case& c : cases) {
    Image image = pattern(5, 4, c.format);
    PixelView writable = image.view();
    writable.stride += 6;
    const MutablePhotoRef to = photo_ref(writable);
    const PhotoRef from = photo_ref(ConstPixelView(writable));
    CHECK(to.data == image.pixels.data());
    CHECK(from.data == image.pixels.data());
    CHECK(from.width == 5);
    CHECK(from.height == 4);
    CHECK(from.stride == writable.stride);
    CHECK(from.channels == c.channels);
    CHECK(from.bytes_per_sample == c.bytes);
    CHECK(from.red == c.red);
    CHECK(from.green == c.green);
    CHECK(from.blue == c.blue);
    CHECK(from.alpha == c.alpha);
    CHECK(to.red == c.red);
    CHECK(to.alpha == c.alpha);
  }
}
