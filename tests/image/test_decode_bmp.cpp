#include <limits>

#include "tests/image/expect.h"

using namespace cuhue;
using namespace cuhue::fixtures;

namespace {

// Red, green over blue, white; padded rows of 24 bits, bottom first.
const Bytes kRows24{255, 0, 0, 255, 255, 255, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0};

Image four() {
  return make_image(2, 2, PixelFormat::rgb8, {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255});
}

Bytes top_first(const Bytes& rows) {
  const auto half = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
  return Bytes(half, rows.end()) + Bytes(rows.begin(), half);
}

// Entries of 4 bytes: red, green, blue, white.
const Bytes kPalette{0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0};
const Bytes kTwoColours{0, 0, 255, 0, 255, 255, 255, 0};

Bytes sixteen(const Bytes& palette) {
  return palette + Bytes(64 - palette.size(), 0);
}

}  // namespace

TEST_CASE("BMP of every depth, bottom or top row first") {
  check_good({
      {"24 bits", bmp({2, 2, 24, false, {}, kRows24}), four()},
      {"24 bits, top first", bmp({2, -2, 24, false, {}, top_first(kRows24)}), four()},
      {"24 bits, old header", bmp({2, 2, 24, true, {}, kRows24}), four()},
      {"32 bits, fourth byte unused", bmp({2, 1, 32, false, {}, {1, 2, 3, 0, 4, 5, 6, 0}}),
       make_image(2, 1, PixelFormat::rgb8, {3, 2, 1, 6, 5, 4})},
      {"32 bits, opaque", bmp({2, 1, 32, false, {}, {1, 2, 3, 255, 4, 5, 6, 255}}),
       make_image(2, 1, PixelFormat::rgb8, {3, 2, 1, 6, 5, 4})},
      {"32 bits with alpha", bmp({2, 1, 32, false, {}, {1, 2, 3, 9, 4, 5, 6, 255}}),
       make_image(2, 1, PixelFormat::rgba8, {3, 2, 1, 9, 6, 5, 4, 255})},
      {"16 bits 555", bmp({2, 1, 16, false, {}, {0x00, 0x7c, 0x1f, 0x00}}),
       make_image(2, 1, PixelFormat::rgb8, {255, 0, 0, 0, 0, 255})},
      {"16 bits 565", bmp({2, 1, 16, false, {}, {0xe0, 0x07, 0x1f, 0xf8}, 3, {0xf800, 0x07e0, 0x001f}}),
       make_image(2, 1, PixelFormat::rgb8, {0, 255, 0, 255, 0, 255})},
      {"8 bits", bmp({2, 2, 8, false, sixteen(kPalette), {2, 3, 0, 0, 0, 1, 0, 0}}), four()},
      {"8 bits, four colours", bmp({2, 2, 8, false, kPalette, {2, 3, 0, 0, 0, 1, 0, 0}}), four()},
      {"4 bits", bmp({2, 2, 4, false, sixteen(kPalette), {0x23, 0, 0, 0, 0x01, 0, 0, 0}}), four()},
      {"1 bit", bmp({9, 1, 1, false, kTwoColours, {0b01000000, 0b10000000, 0, 0}}),
       make_image(9, 1, PixelFormat::rgb8, {255, 0,   0, 255, 255, 255, 255, 0,   0, 255, 0,   0,   255, 0,
                                            0,   255, 0, 0,   255, 0,   0,   255, 0, 0,   255, 255, 255})},
      {"last padding missing", bmp({1, 1, 24, false, {}, {7, 8, 9}}),
       make_image(1, 1, PixelFormat::rgb8, {9, 8, 7})},
  });
}

TEST_CASE("BMP that is damaged, cut or of a kind that is not read is refused") {
  const Bytes good = bmp({2, 2, 24, false, {}, kRows24});
  check_bad(
      {{"two bytes", text("BM"), "no header"},
       {"half a header", Bytes(good.begin(), good.begin() + 30), "no header"},
       {"a row missing", Bytes(good.begin(), good.end() - 8), "cut short"},
       {"a byte missing", Bytes(good.begin(), good.end() - 3), "cut short"},
       {"run-length coded", bmp({2, 2, 8, false, sixteen(kPalette), {1, 0, 2, 3, 0, 1, 0, 0}, 1}),
        "run-length"},
       {"colour outside the palette", bmp({2, 1, 8, false, kPalette, {3, 4, 0, 0}}), "outside the palette"},
       {"no palette", bmp({2, 1, 4, false, {}, {0, 0, 0, 0}}), "outside the palette"},
       {"width 0", bmp({0, 2, 24, false, {}, kRows24}), "no pixels"},
       {"height 0", bmp({2, 0, 24, false, {}, kRows24}), "no pixels"},
       {"negative width", bmp({-2, 2, 24, false, {}, kRows24}), "no pixels"},
       {"lowest height", bmp({1, std::numeric_limits<int>::min(), 24, false, {}, kRows24}), "limit"},
       {"2 bits", bmp({2, 2, 2, false, kPalette, kRows24}), "2 bits a pixel"},
       {"vast", bmp({0x7fffffff, 0x7fffffff, 32, false, {}, {}}), "limit"},
       {"20000x20000 in 54 bytes", bmp({20'000, 20'000, 24, false, {}, {}}), "cut short"}});
}
