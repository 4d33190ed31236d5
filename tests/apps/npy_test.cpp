#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "apps/npy.h"

using namespace cuhue::app;

namespace {

std::string file(const std::string& header, const std::string& data, int version = 1) {
  std::string text = "\x93NUMPY";
  text += static_cast<char>(version);
  text += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) text += static_cast<char>(header.size() >> (8 * i) & 255);
  return text + header + data;
}

std::string header(const std::string& descr, const std::string& shape, const std::string& order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

NpyArray parse(const std::string& text) {
  return parse_npy(std::as_bytes(std::span(text)), "a.npy");
}

std::string error_of(const std::string& text) {
  try {
    parse(text);
  } catch (const NpyError& e) {
    return e.what();
  }
  return "";
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::vector<float> floats(const NpyArray& array) {
  std::vector<float> out(array.data.size() / size_of(array.type));
  to_float(array, out);
  return out;
}

}  // namespace

TEST_CASE("the four element types and the three versions are read") {
  for (const int version : {1, 2, 3}) {
    CAPTURE(version);
    const NpyArray f32 = parse(file(header("<f4", "(1, 2)"), bytes_of<float>({1.5F, -2}), version));
    CHECK(f32.shape == std::vector<std::int64_t>{1, 2});
    CHECK(floats(f32) == std::vector<float>{1.5F, -2});
    CHECK(floats(parse(file(header("|u1", "(3,)"), {'\0', '\x80', '\xff'}, version))) ==
          std::vector<float>{0, 128, 255});
    CHECK(floats(parse(file(header("<i4", "(2,)"), bytes_of<std::int32_t>({-7, 1 << 24}), version))) ==
          std::vector<float>{-7, 16777216});
  }
}

TEST_CASE("float16 keeps normal, subnormal, infinite and undefined values") {
  const std::vector<std::uint16_t> halves = {0x3C00, 0xC000, 0x7BFF, 0x0001, 0x8000, 0x7C00, 0xFC00, 0x7E00};
  const std::vector<float> v = floats(parse(file(header("<f2", "(8,)"), bytes_of(halves))));
  CHECK(v[0] == 1);
  CHECK(v[1] == -2);
  CHECK(v[2] == 65504);
  CHECK(v[3] == std::ldexp(1.0F, -24));
  CHECK((v[4] == 0 && std::signbit(v[4])));
  CHECK((std::isinf(v[5]) && v[5] > 0));
  CHECK((std::isinf(v[6]) && v[6] < 0));
  CHECK(std::isnan(v[7]));
}

TEST_CASE("scalars, empty arrays, any key order, both quotes and padding are valid") {
  CHECK(parse(file(header("<f4", "()"), bytes_of<float>({3}))).shape.empty());
  CHECK(parse(file(header("<f4", "(2, 0, 5)"), "")).data.empty());
  CHECK(floats(parse(file("{\"shape\":(1,),'fortran_order':False,'descr':'<f4'}      \n",
                          bytes_of<float>({4})))) == std::vector<float>{4});
}

TEST_CASE("what is written reads back, aligned to 64 bytes") {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{6}, {2, 3}, {1, 2, 3, 1}, {1, 1, 1, 1, 1, 1, 2, 3}}) {
    const auto bytes = npy_bytes(NpyType::f32, shape, std::as_bytes(std::span(values)));
    CHECK((bytes.size() - values.size() * 4) % 64 == 0);
    const NpyArray back = parse_npy(bytes, "b.npy");
    CHECK(back.shape == shape);
    CHECK(floats(back) == values);
  }
  const auto scalar = npy_bytes(NpyType::u8, {}, std::as_bytes(std::span("x", 1)));
  CHECK(parse_npy(scalar, "c.npy").data.size() == 1);
}

TEST_CASE("a bad npy file is refused by name") {
  struct Case {
    const char* what;
    std::string bytes, message;
  };
  const std::string four = bytes_of<float>({1});
  const Case cases[] = {
      {"empty", "", "not an npy file"},
      {"another format", "PK\x03\x04", "not an npy file"},
      {"magic only", "\x93NUMPY", "cut short"},
      {"version 0", file(header("<f4", "(1,)"), four, 0), "version 0.0"},
      {"version 4", file(header("<f4", "(1,)"), four, 4), "version 4.0"},
      {"minor version",
       [&] {
         auto f = file(header("<f4", "(1,)"), four);
         f[7] = 1;
         return f;
       }(),
       "version 1.1"},
      {"length cut", std::string("\x93NUMPY\x02\x00\x10\x00", 10), "cut short"},
      {"header cut", file(header("<f4", "(1,)"), four).substr(0, 40), "cut short"},
      {"header of 4 GB", std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 14), "more than 65536"},
      {"Fortran order", file(header("<f4", "(1,)", "True"), four), "Fortran order"},
      {"big endian", file(header(">f4", "(1,)"), four), "big endian"},
      {"objects", file(header("|O", "(1,)"), four), "Python objects"},
      {"float64", file(header("<f8", "(1,)"), four + four), "'<f8'"},
      {"int64", file(header("<i8", "(1,)"), four + four), "'<i8'"},
      {"bool", file(header("|b1", "(4,)"), four), "'|b1'"},
      {"text", file(header("<U1", "(1,)"), four), "'<U1'"},
      {"fields", file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", four),
       "named fields"},
      {"data short", file(header("<f4", "(2,)"), four), "needs 8 bytes of data, the file has 4"},
      {"data long", file(header("<f4", "(1,)"), four + "x"), "needs 4 bytes of data, the file has 5"},
      {"scalar without data", file(header("<f4", "()"), ""), "needs 4 bytes"},
      {"size overflow", file(header("<f4", "(4294967296, 4294967296)"), four), "more than 2^63"},
      {"size wraps to 4", file(header("<f4", "(4611686018427387905,)"), four), "more than 2^63"},
      {"dimension overflow", file(header("<f4", "(99999999999999999999,)"), four), "a dimension is expected"},
      {"negative dimension", file(header("<f4", "(-1,)"), four), "a dimension is expected"},
      {"nine dimensions", file(header("<f4", "(1,1,1,1,1,1,1,1,1)"), four), "more than 8"},
      {"shape without comma", file(header("<f4", "(1)"), four), "',' is expected"},
      {"shape as list", file(header("<f4", "[1]"), four), "'(' is expected"},
      {"key twice", file("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", four),
       "twice"},
      {"unknown key", file("{'descr': '<f4', 'order': False, 'shape': (1,)}", four), "'order'"},
      {"missing key", file("{'descr': '<f4', 'shape': (1,)}", four), "missing"},
      {"code", file("__import__('os').system('true')", four), "'{' is expected"},
      {"no boolean", file(header("<f4", "(1,)", "0"), four), "True or False"},
      {"open text", file("{'descr", four), "does not end"},
      {"escape", file("{'des\\x63r': '<f4', 'fortran_order': False, 'shape': (1,)}", four), "escaped"},
      {"trailing", file("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} + 1", four), "follows"},
      {"not closed", file("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", four), "'}' is expected"},
      {"empty header", file("", four), "'{' is expected"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const std::string message = error_of(c.bytes);
    CAPTURE(message);
    CHECK(message.starts_with("a.npy: "));
    CHECK(message.find(c.message) != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("cut at every byte, a file is refused") {
  const std::string whole = file(header("<f4", "(2, 2)"), bytes_of<float>({1, 2, 3, 4}));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    CHECK(!error_of(whole.substr(0, n)).empty());
  }
}
