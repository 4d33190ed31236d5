#include "tests/image/expect.h"

using namespace cuhue;
using namespace cuhue::fixtures;

namespace {

Bytes with(std::string_view header, const Bytes& samples) {
  return text(header) + samples;
}

}  // namespace

TEST_CASE("PNM, all six kinds, comments and whitespace as the format allows them") {
  const Image bits = make_image(3, 2, PixelFormat::grey8, {255, 0, 255, 0, 0, 255});
  const Image grey = make_image(3, 1, PixelFormat::grey8, {0, 7, 255});
  const Image colour = make_image(2, 1, PixelFormat::rgb8, {1, 2, 3, 255, 0, 9});
  check_good({
      {"P1", text("P1\n3 2\n0 1 0\n1 1 0\n"), bits},
      {"P1 without spaces", text("P1 3 2 010110"), bits},
      {"P1 with comments", text("P1 # a\n# b\n3#c\n 2\n01 # d\n0110"), bits},
      {"P2", text("P2\n3 1\n255\n0 7 255\n"), grey},
      {"P2 without end of line", text("P2 3 1 255 0 7 255"), grey},
      {"P2 DOS lines", text("P2\r\n3 1\r\n255\r\n0 7\r\n255"), grey},
      {"P2 of 16 bits", text("P2 2 1 65535 258 65535"), make_wide(2, 1, PixelFormat::grey16, {258, 65535})},
      {"P3", text("P3 2 1 255 1 2 3 255 0 9"), colour},
      {"P4", with("P4\n3 2\n", {0b01000000, 0b11011111}), bits},
      {"P4, two bytes a row", with("P4 9 1\n", {0x00, 0x80}),
       make_image(9, 1, PixelFormat::grey8, {255, 255, 255, 255, 255, 255, 255, 255, 0})},
      {"P5", with("P5\n3 1\n255\n", {0, 7, 255}), grey},
      {"P5 with a comment", with("P5\n# made by hand\n3 1\n255\n", {0, 7, 255}), grey},
      {"P5 whose first sample looks like a space", with("P5 3 1 255 ", {'\n', '#', ' '}),
       make_image(3, 1, PixelFormat::grey8, {'\n', '#', ' '})},
      {"P5 of 16 bits", with("P5 2 1 65535\n", {1, 2, 0xff, 0xfe}),
       make_wide(2, 1, PixelFormat::grey16, {0x0102, 0xfffe})},
      {"P6", with("P6\n2 1\n255\n", {1, 2, 3, 255, 0, 9}), colour},
      {"P6 of 16 bits", with("P6 1 1 65535\n", {0, 1, 0x80, 0, 0xff, 0xff}),
       make_wide(1, 1, PixelFormat::rgb16, {1, 0x8000, 0xffff})},
      {"bytes behind", with("P6\n2 1\n255\n", {1, 2, 3, 255, 0, 9, 4, 4, 4}), colour},
  });
}

TEST_CASE("PNM of another largest sample is scaled to the full range") {
  check_good({
      {"most 1", with("P5 2 1 1\n", {0, 1}), make_image(2, 1, PixelFormat::grey8, {0, 255})},
      {"most 15", text("P2 4 1 15 0 1 8 15"), make_image(4, 1, PixelFormat::grey8, {0, 17, 136, 255})},
      {"most 100", with("P5 3 1 100\n", {0, 50, 100}), make_image(3, 1, PixelFormat::grey8, {0, 128, 255})},
      {"most 1023", with("P5 3 1 1023\n", {0, 0, 2, 0, 3, 255}),
       make_wide(3, 1, PixelFormat::grey16, {0, 32800, 65535})},
      {"most 256", text("P2 2 1 256 128 256"), make_wide(2, 1, PixelFormat::grey16, {32768, 65535})},
  });
}

TEST_CASE("PNM that is damaged, cut or impossible is refused") {
  check_bad({{"no sides", text("P5\n"), "no width"},
             {"one side", text("P5 3\n"), "no width"},
             {"a word for a side", text("P5 three 1 255\n"), "no width"},
             {"negative side", text("P5 -3 1 255\n"), "no width"},
             {"side above 31 bits", text("P5 99999999999999999999 1 255\n"), "no width"},
             {"side 0", with("P5 0 1 255\n", {1}), "no pixels"},
             {"most 0", with("P5 1 1 0\n", {1}), "1..65535"},
             {"most 65536", with("P5 1 1 65536\n", {1, 1}), "1..65535"},
             {"no most", text("P5 1 1"), "1..65535"},
             {"nothing behind the header", text("P5 1 1 255"), "no space"},
             {"a sample missing", with("P5 3 1 255\n", {1, 2}), "cut short"},
             {"half a 16-bit sample", with("P5 2 1 65535\n", {1, 2, 3}), "cut short"},
             {"a row of bits missing", with("P4 9 2\n", {1, 2, 3}), "cut short"},
             {"sample above most", with("P5 2 1 100\n", {100, 101}), "too large"},
             {"text sample above most", text("P2 2 1 9 9 10"), "too large"},
             {"text cut", text("P2 9 1 255 1 2 3 4 5 6 7 888888888"), "damaged"},
             {"text cut at a space", text("P2 3 1 255 1 22      "), "cut short"},
             {"text too short for its samples", text("P3 1000 1000 255 1 2 3"), "cut short"},
             {"a word for a sample", text("P2 3 1 255 1 x 3"), "no number"},
             {"bit 2", text("P1 2 1 0 2"), "no number"},
             {"vast", text("P6 2147483647 2147483647 255\n"), "limit"},
             {"20000x20000 in a few bytes", text("P6 20000 20000 255\n"), "cut short"}});
}
