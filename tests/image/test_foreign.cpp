#include "tests/image/expect.h"

using namespace cuhue;
using namespace cuhue::fixtures;

namespace {

using namespace std::string_view_literals;

Bytes padded(std::string_view start) {
  return text(start) + Bytes(64, 'x');
}

}  // namespace

TEST_CASE("files that are no picture we read are refused by their name") {
  const std::pair<std::string_view, std::string> signs[] = {
      {"GIF89a"sv, "a GIF picture"},
      {"GIF87a"sv, "a GIF picture"},
      {"RIFF\x10\0\0\0WEBPVP8 "sv, "a WebP picture"},
      {"RIFF\x10\0\0\0AVI LIST"sv, "an AVI video"},
      {"II*\0\x08\0\0\0"sv, "a TIFF picture"},
      {"MM\0*\0\0\0\x08"sv, "a TIFF picture"},
      {"II*\0\x10\0\0\0CR\x02\0"sv, "a Canon raw photo"},
      {"II+\0\x08\0\0\0"sv, "a BigTIFF picture"},
      {"FUJIFILMCCD-RAW 0201"sv, "a Fujifilm raw photo"},
      {"\0\0\0\x1c"
       "ftypavif"sv,
       "an AVIF picture"},
      {"\0\0\0\x1c"
       "ftypheic"sv,
       "a HEIC picture"},
      {"\0\0\0\x1c"
       "ftypmif1"sv,
       "a HEIF picture"},
      {"\0\0\0\x1c"
       "ftypisom"sv,
       "an MP4 or QuickTime video"},
      {"\xff\x0a"sv, "a JPEG XL picture"},
      {"\0\0\0\x0cJXL \r\n\x87\n"sv, "a JPEG XL picture"},
      {"\0\0\0\x0cjP  \r\n\x87\n"sv, "a JPEG 2000 picture"},
      {"\xff\x4f\xff\x51"sv, "a JPEG 2000 picture"},
      {"8BPS\0\x01"sv, "a Photoshop document"},
      {"%PDF-1.7"sv, "a PDF document"},
      {"\x76\x2f\x31\x01"sv, "an OpenEXR picture"},
      {"#?RADIANCE\n"sv, "a Radiance HDR picture"},
      {"P7\nWIDTH 1"sv, "a PAM picture"},
      {"PF\n1 1\n"sv, "a PFM picture"},
      {"qoif\0\0"sv, "a QOI picture"},
      {"\0\0\x01\0\x01\0"sv, "an icon file"},
      {"PK\x03\x04"sv, "a ZIP archive"},
      {"\x93NUMPY\x01\0"sv, "a NumPy array"},
      {"version https://git-lfs.github.com/spec/v1\n"sv, "a Git LFS pointer"},
      {"<!DOCTYPE HTML><title>404"sv, "an HTML page"},
      {"\xef\xbb\xbf\r\n <html>"sv, "an HTML page"},
      {"<svg xmlns='http://www.w3.org/2000/svg'>"sv, "an SVG drawing"},
      {"<?xml version='1.0'?><svg>"sv, "an SVG drawing"},
      {"<?xml version='1.0'?><note>"sv, "an XML document"},
  };
  for (const auto& [start, name] : signs) check_refused(padded(start), "upload", "this is " + name);
}

TEST_CASE("empty, short and unknown files are refused") {
  check_bad({{"empty", {}, "the file is empty"},
             {"one byte", {0}, "not a picture"},
             {"a sign cut short", text("\x89PN"), "not a picture"},
             {"text", text("Hello, world.\n"), "not a picture"},
             {"text that starts like a BMP", text("BM is short for bitmap, they say"), "not a picture"},
             {"text that starts like a PNM", text("P5x"), "not a picture"},
             {"zeros", Bytes(1000, 0), "not a picture"}});
}

TEST_CASE("format is told by content, not by name") {
  const Image image = pattern(3, 2, PixelFormat::rgb8);
  const Bytes file = png({3, 2, 8, 2, image.pixels});
  CHECK(decode_image(as_file(file), "photo.jpg").pixels == image.pixels);
}

TEST_CASE("file names tell the format to write") {
  const std::pair<std::string_view, FileFormat> known[] = {{"a.png", FileFormat::png},
                                                           {".png", FileFormat::png},
                                                           {"png", FileFormat::png},
                                                           {"A.PNG", FileFormat::png},
                                                           {"a.jpg", FileFormat::jpeg},
                                                           {"a.JPEG", FileFormat::jpeg},
                                                           {"x/y.z/a.jpe", FileFormat::jpeg},
                                                           {"a.tar.jfif", FileFormat::jpeg},
                                                           {"C:\\a.b\\c.bmp", FileFormat::bmp},
                                                           {"a.dib", FileFormat::bmp},
                                                           {"a.ppm", FileFormat::pnm},
                                                           {"a.pgm", FileFormat::pnm},
                                                           {"pnm", FileFormat::pnm}};
  for (const auto& pair : known) {
    const std::string_view name = pair.first;
    const FileFormat format = pair.second;
    CAPTURE(name);
    CHECK(file_format_from_extension(name) == format);
  }
  for (const std::string_view name : {"", ".", "a", "a.", "a.png/", "a.png/b", "photos/png", "a.gif",
                                      "a.webp", "a.tif", "a.pngx", "a.pn"}) {
    CAPTURE(name);
    CHECK_FALSE(file_format_from_extension(name).has_value());
  }
  for (const FileFormat format : {FileFormat::png, FileFormat::jpeg, FileFormat::bmp, FileFormat::pnm})
    CHECK(file_format_from_extension(extension(format)) == format);
}
