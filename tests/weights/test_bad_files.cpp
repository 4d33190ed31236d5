// Handcrafted bad weight files. All have a header checksum that fits (unless that is the point), so that what
// is wrong inside is what gets found.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "tests/weights/crafted_file.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

// Three tensors: w F32 [2,3], h F16 [2], b BOOL [3], and two properties.
std::string good_data() {
  return std::string(24, 'w') + std::string(4, 'h') + std::string("\0\1\0", 3);
}

std::string hash_of(const std::string& text) {
  return hex16(xxh3_64(std::as_bytes(std::span(text))));
}

std::string good_json() {
  const std::string data = good_data();
  return metadata_start() + R"(,"property.a":"1","property.b":"2",)" + R"("xxh3.w":")" +
         hash_of(data.substr(0, 24)) + R"(","xxh3.h":")" + hash_of(data.substr(24, 4)) + R"(","xxh3.b":")" +
         hash_of(data.substr(28)) +
         R"("},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
         R"("h":{"dtype":"F16","shape":[2],"data_offsets":[24,28]},)"
         R"("b":{"dtype":"BOOL","shape":[3],"data_offsets":[28,31]}})";
}

struct Parts {
  std::string json = good_json();
  std::string data = good_data();
  std::size_t extra_spaces = 0;

  void edit(const std::string& from, const std::string& to) {
    const std::size_t at = json.find(from);
    REQUIRE_MESSAGE(at != std::string::npos, from);
    json.replace(at, from.size(), to);
  }
};

std::function<void(Parts&)> edit(const std::string& from, const std::string& to) {
  return [=](Parts& p) { p.edit(from, to); };
}

struct BadPart {
  std::string name;
  std::function<void(Parts&)> change;
  const char* message;  // a part of it, naming the place
};

const std::vector<BadPart>& bad_parts() {
  static const std::vector<BadPart> cases = {
      // The JSON text: only the canonical form.
      {"space after a colon", edit("\"network\":", "\"network\": "), "metadata network: expected"},
      {"space between members", edit(",\"licence\"", ", \"licence\""), "metadata licence: expected"},
      {"newline before a tensor", edit(",\"w\":{", ",\n\"w\":{"), "tensor 0 of 3: expected"},
      {"single quotes", edit("\"licence\"", "'licence'"), "metadata licence: expected"},
      {"trailing comma in shape", edit("[2,3]", "[2,3,]"),
       "tensor 'w': dimension 2 is not a non-negative integer"},
      {"missing brace", edit("[28,31]}}", "[28,31]}"), "after the last tensor: expected }"},
      {"second object", edit("[28,31]}}", "[28,31]}}{}"), "something follows its closing brace"},
      {"comment", edit("[28,31]}}", "[28,31]}}//"), "something follows its closing brace"},
      {"zero byte in the padding", [](Parts& p) { p.json += '\0'; }, "something follows its closing brace"},
      {"tab in the padding", [](Parts& p) { p.json += '\t'; }, "something follows its closing brace"},
      {"more padding than needed", [](Parts& p) { p.extra_spaces = 64; },
       "spaces of padding, fewer than 64 would do"},
      {"array nested without end", edit("[2,3]", std::string(5000, '[')), "tensor 'w': dimension 0 is not"},
      {"object nested without end", [](Parts& p) { p.edit("\"1\",\"property.b\"", std::string(3000, '{')); },
       "metadata 'property.a': expected"},
      {"metadata that is a list", edit("{\"cuhue_format\"", "[\"cuhue_format\""),
       "header (byte 8) does not start as"},
      {"escaped slash in a value", edit("\"licence\":\"", "\"licence\":\"\\/"),
       "metadata licence holds an escape other"},
      {"escaped letter in a value", edit("\"licence\":\"", "\"licence\":\"\\u0041"),
       "metadata licence holds an escape other"},
      {"newline in a value", edit("\"licence\":\"", "\"licence\":\"a\nb"),
       "metadata licence holds control characters"},
      {"not UTF-8 in a value", edit("\"licence\":\"", "\"licence\":\"\xc0\xaf"),
       "metadata licence holds control characters or is not UTF-8"},
      {"value without closing quote", edit("\"converter\":\"\"", "\"converter\":\""),
       "expected } but found 'property'"},
      {"file of one unclosed string",
       [](Parts& p) { p.json = metadata_start() + ",\"xxh3." + std::string(200, 'x'); },
       "a checksum's key has no closing quote"},
      // Metadata.
      {"other format version", edit("\"cuhue_format\":\"1\"", "\"cuhue_format\":\"2\""),
       "cuhue_format is '2', this build reads 1"},
      {"empty format version", edit("\"cuhue_format\":\"1\"", "\"cuhue_format\":\"\""),
       "cuhue_format is '', this build reads 1"},
      {"no header checksum", edit("\"header_xxh3\":\"0000000000000000\",", ""),
       "header_xxh3 does not follow cuhue_format"},
      {"short header checksum", edit("0000000000000000", "000000000000000"),
       "is not 16 lower-case hex digits"},
      {"upper-case header checksum", edit("0000000000000000", "ABCDEF0123456789"),
       "header_xxh3 'ABCDEF0123456789'"},
      {"wrong header checksum", edit("0000000000000000", "0000000000000001"), "header checksum is"},
      {"no network", edit("\"network\":\"net\",", ""), "metadata network: expected"},
      {"empty network", edit("\"network\":\"net\"", "\"network\":\"\""),
       "metadata network is not of the form"},
      {"network with a path", edit("\"net\"", "\"../net\""), "metadata network is not of the form"},
      {"network as number", edit("\"net\"", "1"), "metadata network: expected"},
      {"network version 0", edit("\"network_version\":\"1\"", "\"network_version\":\"0\""),
       "metadata network_version is not an integer"},
      {"network version 01", edit("\"network_version\":\"1\"", "\"network_version\":\"01\""),
       "metadata network_version is not an integer"},
      {"negative network version", edit("\"network_version\":\"1\"", "\"network_version\":\"-1\""),
       "metadata network_version is not an integer"},
      {"huge network version", edit("\"network_version\":\"1\"", "\"network_version\":\"2147483648\""),
       "metadata network_version is not an integer"},
      {"empty network version", edit("\"network_version\":\"1\"", "\"network_version\":\"\""),
       "metadata network_version is not an integer"},
      {"short SHA-256", edit("\"source_sha256\":\"\"", "\"source_sha256\":\"abcd\""),
       "metadata source_sha256 is neither empty nor 64"},
      {"upper-case SHA-256",
       edit("\"source_sha256\":\"\"", "\"source_sha256\":\"" + std::string(64, 'A') + "\""),
       "metadata source_sha256 is neither"},
      {"keys out of order",
       edit("\"source_name\":\"\",\"licence\":\"\"", "\"licence\":\"\",\"source_name\":\"\""),
       "metadata source_name: expected"},
      {"key twice", edit("\"licence\":\"\"", "\"licence\":\"\",\"licence\":\"\""),
       "metadata converter: expected"},
      {"unknown key", edit(",\"property.a\"", ",\"colour\""),
       "after the checksums, at the end of the metadata: expected }"},
      {"long value", edit("\"licence\":\"", "\"licence\":\"" + std::string(1025, 'l')),
       "metadata licence is longer than 1024 bytes"},
      {"very long value", edit("\"licence\":\"", "\"licence\":\"" + std::string(5000, 'l')),
       "metadata licence is longer than 2048 bytes"},
      {"property twice", edit("property.b", "property.a"), "metadata 'property.a' stands twice"},
      {"properties out of order", edit("property.a", "property.c"), "metadata 'property.b' is out of order"},
      {"property without name", edit("property.a", "property."), "metadata 'property.' is not of the form"},
      {"property in upper case", edit("property.a", "property.A"),
       "metadata 'property.A' is not of the form"},
      {"property with a long name", edit("property.a", std::string("property.").append(65, 'a')),
       "is longer than 73 bytes"},
      {"too many properties",
       [](Parts& p) {
         std::string many;
         for (int i = 0; i < 257; ++i) many += ",\"property.p" + std::to_string(1000 + i) + "\":\"\"";
         p.edit(R"(,"property.a":"1","property.b":"2")", many);
       },
       "more than 256 properties"},
      // Checksums of tensors.
      {"no checksum for a tensor",
       [](Parts& p) { p.edit(",\"xxh3.b\":\"" + hash_of(std::string("\0\1\0", 3)) + "\"", ""); },
       "after the last tensor: expected }"},
      {"checksum without tensor", edit("\"xxh3.b\"", "\"xxh3.extra\":\"0000000000000000\",\"xxh3.b\""),
       "tensor 'b': the checksum in its place is that of 'extra'"},
      {"one checksum more at the end", edit("},\"w\"", ",\"xxh3.z\":\"0000000000000000\"},\"w\""),
       "tensor 3 of 4: expected"},
      {"checksums out of order", edit("\"xxh3.w\"", "\"xxh3.q\""),
       "tensor 'w': the checksum in its place is that of 'q'"},
      {"checksum with 15 digits",
       edit("\"xxh3.w\":\"" + hash_of(std::string(24, 'w')), "\"xxh3.w\":\"000000000000000"),
       "metadata 'xxh3.w' is not 16"},
      {"checksum with 17 digits", edit("\"xxh3.w\":\"", "\"xxh3.w\":\"0"),
       "the checksum of a tensor is longer than 16 bytes"},
      {"checksum in upper case",
       edit("\"xxh3.w\":\"" + hash_of(std::string(24, 'w')), "\"xxh3.w\":\"AAAAAAAAAAAAAAAA"),
       "metadata 'xxh3.w' is not 16"},
      {"checksum of other data", edit("\"xxh3.h\":\"" + hash_of("hhhh"), "\"xxh3.h\":\"" + hash_of("HHHH")),
       "tensor 'h': checksum is"},
      {"no tensors",
       [](Parts& p) {
         p.json = metadata_start() + "}}";
         p.data.clear();
       },
       "the file holds no tensor"},
      // Tensors.
      {"tensor twice",
       [](Parts& p) {
         p.edit("\"xxh3.h\"", "\"xxh3.w\"");
         p.edit("\"h\":{", "\"w\":{");
       },
       "tensor 'w' stands twice"},
      {"tensor without name",
       [](Parts& p) {
         p.edit("\"xxh3.w\"", "\"xxh3.\"");
         p.edit("\"w\":{", "\"\":{");
       },
       "tensor '': its name is empty"},
      {"second metadata object",
       [](Parts& p) {
         p.edit("\"xxh3.w\"", "\"xxh3.__metadata__\"");
         p.edit("\"w\":{", "\"__metadata__\":{");
       },
       "tensor '__metadata__': its name is reserved"},
      {"tensor name of 256 bytes", edit("\"w\":{", "\"" + std::string(256, 'w') + "\":{"),
       "a tensor's name is longer than 255 bytes"},
      {"tensor name with an escape", edit("\"w\":{", "\"\\u0077\":{"), "a tensor's name holds an escape"},
      {"tensor name with a newline",
       [](Parts& p) {
         p.edit("\"xxh3.w\"", "\"xxh3.a\nb\"");
         p.edit("\"w\":{", "\"a\nb\":{");
       },
       "tensor 'a?b': its name holds control characters"},
      {"tensor name not UTF-8",
       [](Parts& p) {
         p.edit("\"xxh3.w\"", "\"xxh3.\xff\"");
         p.edit("\"w\":{", "\"\xff\":{");
       },
       "its name holds control characters or is not UTF-8"},
      {"tensor that is a number",
       edit("\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}", "\"w\":5"),
       "tensor 'w': expected"},
      {"members in another order",
       edit("\"dtype\":\"F32\",\"shape\":[2,3]", "\"shape\":[2,3],\"dtype\":\"F32\""),
       "tensor 'w': expected"},
      {"no data_offsets", edit(",\"data_offsets\":[0,24]", ""), "tensor 'w': expected ,\"data_offsets\""},
      {"unknown member", edit("[0,24]}", "[0,24],\"strides\":[3,1]}"), "tensor 'w': expected ]}"},
      {"unknown dtype", edit("F32", "F31"), "tensor 'w': dtype 'F31' is not one of the format's"},
      {"dtype of a later safetensors", edit("F32", "F8_E4M3"), "tensor 'w': dtype 'F8_E4M3'"},
      {"dtype in lower case", edit("F32", "f32"), "tensor 'w': dtype 'f32'"},
      {"dtype as number", edit("\"F32\"", "32"), "tensor 'w': expected"},
      {"larger elements after smaller",
       edit("\"dtype\":\"BOOL\",\"shape\":[3]", "\"dtype\":\"F32\",\"shape\":[3]"),
       "tensor 'b': elements of 4 bytes follow smaller ones"},
      {"zero dimension", edit("[2,3]", "[2,0]"), "tensor 'w': dimension 1 is 0"},
      {"negative dimension", edit("[2,3]", "[-2,-3]"),
       "tensor 'w': dimension 0 is not a non-negative integer"},
      {"fractional dimension", edit("[2,3]", "[2.0,3]"), "tensor 'w': shape: expected ,"},
      {"dimension with exponent", edit("[2,3]", "[2e0,3]"), "tensor 'w': shape: expected ,"},
      {"dimension with leading zero", edit("[2,3]", "[02,3]"), "tensor 'w': dimension 0 has leading zeros"},
      {"dimension as text", edit("[2,3]", "[\"2\",3]"),
       "tensor 'w': dimension 0 is not a non-negative integer"},
      {"dimension beyond 63 bits", edit("[2,3]", "[9223372036854775808,3]"),
       "tensor 'w': dimension 0 is larger than 2^63-1"},
      {"dimension of 1000 digits", edit("[2,3]", "[" + std::string(1000, '9') + "]"),
       "tensor 'w': dimension 0 is larger than 2^63-1"},
      {"nine dimensions", edit("[2,3]", "[1,1,1,1,1,1,1,2,3]"), "tensor 'w': more than 8 dimensions"},
      {"product that wraps to 0", edit("[2,3]", "[4294967296,4294967296]"),
       "tensor 'w': its shape holds more bytes than can be counted"},
      {"product that wraps to 24", edit("[2,3]", "[2,3,3,6148914691236517206]"),
       "tensor 'w': its shape holds more bytes"},
      {"exabyte backed by bytes",
       edit("\"shape\":[2,3],\"data_offsets\":[0,24]",
            "\"shape\":[1152921504606846976],\"data_offsets\":[0,4611686018427387904]"),
       "tensor 'w': its data ends at byte 4611686018427"},
      {"shape too large for its range", edit("[2,3]", "[2,4]"),
       "tensor 'w': data_offsets 0..24 do not hold the 32 bytes"},
      {"shape too small for its range", edit("[2,3]", "[2,2]"),
       "tensor 'w': data_offsets 0..24 do not hold the 16 bytes"},
      {"end before begin", edit("[24,28]", "[24,20]"), "tensor 'h': data_offsets 24..20 do not hold"},
      {"overlap", edit("[24,28]", "[20,24]"), "tensor 'h': its data begins at 20, not at 24"},
      {"hole", edit("[24,28]", "[26,30]"), "tensor 'h': its data begins at 26, not at 24"},
      {"data that does not begin at 0", edit("[0,24]", "[4,28]"),
       "tensor 'w': its data begins at 4, not at 0"},
      {"two tensors on the same data", edit("[24,28]", "[0,4]"),
       "tensor 'h': its data begins at 0, not at 24"},
      {"negative offset", edit("[0,24]", "[-24,0]"),
       "tensor 'w': data_offsets begin is not a non-negative integer"},
      {"three offsets", edit("[0,24]", "[0,24,24]"), "tensor 'w': expected ]}"},
      {"one offset", edit("[0,24]", "[24]"), "tensor 'w': data_offsets: expected ,"},
      {"offset beyond 64 bits", edit("[0,24]", "[0,18446744073709551640]"),
       "tensor 'w': data_offsets end is larger than 2^63-1"},
      // Data.
      {"data cut", [](Parts& p) { p.data.pop_back(); }, "tensor 'b': its data ends at byte"},
      {"no data", [](Parts& p) { p.data.clear(); }, "tensor 'w': its data ends at byte"},
      {"data after the end", [](Parts& p) { p.data += "tail"; },
       "4 bytes follow the last tensor 'b', which ends at byte"},
      {"data changed", [](Parts& p) { p.data[5] = 'v'; }, "tensor 'w': checksum is"},
      {"tensors' data exchanged", [](Parts& p) { std::swap(p.data[23], p.data[24]); },
       "tensor 'w': checksum is"},
      {"BOOL of 2",
       [](Parts& p) {
         p.data[29] = 2;
         p.edit(hash_of(std::string("\0\1\0", 3)), hash_of(p.data.substr(28)));
       },
       "tensor 'b': element 1 of type BOOL is neither 0 nor 1"},
  };
  return cases;
}

struct BadFile {
  std::string name;
  std::function<void(std::string&)> change;  // of the whole good file
  const char* message;
};

void set_length(std::string& file, std::uint64_t length) {
  std::memcpy(file.data(), &length, 8);
}

const std::vector<BadFile>& bad_files() {
  static const std::vector<BadFile> cases = {
      {"header length 0", [](std::string& f) { set_length(f, 0); },
       "header length 0 (byte 0) does not end at a multiple of 64"},
      {"header length 56", [](std::string& f) { set_length(f, 56); },
       "header ends inside its own checksum (byte 64)"},
      {"header length one off", [](std::string& f) { set_length(f, f.size()); },
       "does not end at a multiple of 64"},
      {"header 64 bytes short", [](std::string& f) { set_length(f, f.size() / 64 * 64 - 8 - 64); },
       "header checksum is"},
      {"header of the whole file and more", [](std::string& f) { set_length(f, 64 * 1000 - 8); },
       "header of 63992 bytes ends beyond the file's"},
      {"header of 16 MiB", [](std::string& f) { set_length(f, (1 << 24) - 8); },
       "header of 16777208 bytes ends beyond the file's"},
      {"header above 16 MiB", [](std::string& f) { set_length(f, (1 << 24) + 56); },
       "header length 16777272 (byte 0) is larger than the format's 16 MiB"},
      {"header of 2^63 bytes", [](std::string& f) { set_length(f, 1ULL << 63); },
       "is larger than the format's 16 MiB"},
      {"header of 2^64-8 bytes", [](std::string& f) { set_length(f, ~0ULL - 7); },
       "is larger than the format's 16 MiB"},
      {"big-endian length", [](std::string& f) { std::reverse(f.begin(), f.begin() + 8); },
       "is larger than the format's 16 MiB"},
      {"length only", [](std::string& f) { f.resize(8); }, "not a cuhue weight file"},
      {"damaged magic", [](std::string& f) { f[12] = 'X'; }, "header (byte 8) does not start as"},
      {"cut inside the magic", [](std::string& f) { f.resize(30); }, "header (byte 8) does not start as"},
      {"cut inside the header", [](std::string& f) { f.resize(100); }, "ends beyond the file's 100 bytes"},
      {"byte order mark", [](std::string& f) { f.insert(0, "\xef\xbb\xbf"); },
       "header (byte 8) does not start as"},
      {"data before the header", [](std::string& f) { f.insert(0, 64, '\0'); },
       "header (byte 8) does not start as"},
      {"line ends converted", [](std::string& f) { f.insert(8, "\r"); }, "header (byte 8) does not start as"},
  };
  return cases;
}

void check_refused(const std::string& file, const char* fragment) {
  const Bytes bytes = to_bytes(file);
  const Failure f = failure_of([&] { WeightFile::from_memory(bytes, "bad.cuhue"); });
  CAPTURE(f.message);
  CHECK(f.status == Status::weights);
  CHECK(f.message.starts_with("bad.cuhue: "));
  CHECK(f.message.find(fragment) != std::string::npos);
  CHECK(f.message.find_first_of("\n\r\t") == std::string::npos);
  CHECK(f.message.size() < 600);
  // What, then how to mend it.
  const bool remedy =
      f.message.find("convert") != std::string::npos || f.message.find("fetch") != std::string::npos;
  CHECK(remedy);
}

}  // namespace

TEST_CASE("the file that the bad ones are made from is good") {
  const Bytes bytes = to_bytes(sealed_header(good_json()) + good_data());
  const WeightFile file = WeightFile::from_memory(bytes, "good");
  CHECK(file.network() == "net");
  CHECK(file.tensors().size() == 3);
  CHECK(file.find("w")->shape == std::vector<std::int64_t>{2, 3});
  CHECK(file.find("b")->dtype == DType::boolean);
  CHECK(file.properties().at("b") == "2");
}

TEST_CASE("handcrafted bad weight files are refused by name and place") {
  std::set<std::string> names;
  for (const BadPart& c : bad_parts()) {
    CAPTURE(c.name);
    CHECK(names.insert(c.name).second);
    Parts parts;
    c.change(parts);
    check_refused(sealed_header(parts.json, parts.extra_spaces) + parts.data, c.message);
  }
  for (const BadFile& c : bad_files()) {
    CAPTURE(c.name);
    CHECK(names.insert(c.name).second);
    std::string file = sealed_header(good_json()) + good_data();
    c.change(file);
    check_refused(file, c.message);
  }
  CHECK(names.size() >= 60);
}

TEST_CASE("more tensors than the format allows are refused") {
  std::string checksums;
  for (int i = 0; i < 65537; ++i) checksums += ",\"xxh3." + std::to_string(i) + "\":\"" + kNoHash + "\"";
  check_refused(sealed_header(metadata_start() + checksums + "}}"), "more than 65536 tensors");
}
