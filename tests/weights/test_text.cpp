#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <string>

#include "weights/checksum.h"
#include "weights/text.h"

using namespace cuhue;

TEST_CASE("clean text is UTF-8 without control characters") {
  for (const char* good : {"", "plain", "na\xc3\xafve", "\xe2\x82\xac", "\xf0\x9f\x8e\xa8", "\xef\xbf\xbd",
                           "\xc2\xa0", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    CAPTURE(good);
    CHECK(is_clean_text(good));
    CHECK(clean_text(good) == good);
  }
  for (const char* bad :
       {"\n", "a\tb", "\x7f", "\xc2\x80", "\xc2\x9f", "\x80", "\xc3", "\xc3(", "\xc0\xaf", "\xe0\x80\xaf",
        "\xed\xa0\x80", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_clean_text(bad));
    CHECK(is_clean_text(clean_text(bad)));
  }
}

TEST_CASE("made clean, text keeps what is clean and is cut at a character") {
  CHECK(clean_text("a\nb\xff\xc3\xa9") == "a?b?\xc3\xa9");
  CHECK(clean_text("\xc3\xa9\xc3\xa9\xc3\xa9", 5) == "\xc3\xa9\xc3\xa9...");
  CHECK(clean_text("abc", 3) == "abc");
}

TEST_CASE("XXH3-64 gives the published values, in one piece and in many") {
  // Published by the algorithm's author for an empty input and seed 0.
  CHECK(xxh3_64({}) == 0x2D06800538D394C2ULL);
  const std::string text(100000, 'x');
  const auto bytes = std::as_bytes(std::span(text));
  Xxh3 pieces;
  for (std::size_t at = 0; at < bytes.size(); at += 777)
    pieces.update(bytes.subspan(at, std::min<std::size_t>(777, bytes.size() - at)));
  CHECK(pieces.digest() == xxh3_64(bytes));
}

TEST_CASE("checksums are 16 lower-case hex digits and nothing else") {
  CHECK(hex16(0) == "0000000000000000");
  CHECK(hex16(0x0123456789abcdefULL) == "0123456789abcdef");
  CHECK(parse_hex16("0123456789abcdef") == 0x0123456789abcdefULL);
  for (const char* bad : {"", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0x23456789abcdef",
                          " 123456789abcdef"})
    CHECK_FALSE(parse_hex16(bad).has_value());
}
