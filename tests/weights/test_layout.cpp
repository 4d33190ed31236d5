// A second reader, written from weights/FORMAT.md alone with a general JSON library, and the document's
// example.
#include <doctest/doctest.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/weights/weight_samples.h"

using namespace cuhue;
using namespace cuhue::test;
using nlohmann::ordered_json;

namespace {

std::string text_of(const Bytes& bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string hex_of(std::uint64_t value) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(value));
  return digits;
}

// Sections 2 to 5 of FORMAT.md, one check each.
void check_layout(const Bytes& bytes) {
  const std::string file = text_of(bytes);
  REQUIRE(file.size() > 8);
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | static_cast<unsigned char>(file[static_cast<std::size_t>(i)]);
  const std::size_t data_start = 8 + length;
  REQUIRE(data_start <= file.size());
  CHECK(data_start % 64 == 0);
  CHECK(data_start <= 16777216);
  const std::string header = file.substr(8, length);
  const std::string json_text = header.substr(0, header.find_last_not_of(' ') + 1);
  CHECK(header.size() - json_text.size() < 64);

  const ordered_json json = ordered_json::parse(json_text);
  CHECK(json.dump() == json_text);  // canonical: as a serialiser without options writes it
  CHECK(json.begin().key() == "__metadata__");
  const ordered_json& metadata = json.at("__metadata__");
  std::vector<std::string> keys;
  for (const auto& [key, value] : metadata.items()) {
    CHECK(value.is_string());
    keys.push_back(key);
  }
  const std::vector<std::string> fixed = {"cuhue_format",  "header_xxh3", "network", "network_version",
                                          "source_sha256", "source_name", "licence", "converter"};
  REQUIRE(keys.size() > fixed.size());
  CHECK(std::equal(fixed.begin(), fixed.end(), keys.begin()));

  std::string zeroed = file.substr(0, data_start);
  zeroed.replace(59, 16, "0000000000000000");
  CHECK(file.substr(59, 16) == metadata.at("header_xxh3").get<std::string>());
  CHECK(metadata.at("header_xxh3").get<std::string>() == hex_of(XXH3_64bits(zeroed.data(), zeroed.size())));

  auto next_key = keys.begin() + static_cast<std::ptrdiff_t>(fixed.size());
  std::string last_property;
  for (; next_key != keys.end() && next_key->starts_with("property."); ++next_key) {
    CHECK(*next_key > last_property);
    last_property = *next_key;
  }

  const std::map<std::string, std::size_t> sizes = {{"F64", 8}, {"I64", 8},  {"F32", 4}, {"I32", 4},
                                                    {"F16", 2}, {"BF16", 2}, {"I16", 2}, {"I8", 1},
                                                    {"U8", 1},  {"BOOL", 1}};
  std::size_t end = 0;
  std::size_t last_size = 8;
  for (auto it = std::next(json.begin()); it != json.end(); ++it) {
    CAPTURE(it.key());
    std::vector<std::string> members;
    for (const auto& [key, value] : it.value().items()) members.push_back(key);
    CHECK(members == std::vector<std::string>{"dtype", "shape", "data_offsets"});
    const std::size_t element = sizes.at(it.value()["dtype"].get<std::string>());
    CHECK(element <= last_size);
    last_size = element;
    std::size_t size = element;
    for (const auto& dim : it.value()["shape"]) size *= dim.get<std::size_t>();
    CHECK(it.value()["data_offsets"][0].get<std::size_t>() == end);
    CHECK(it.value()["data_offsets"][1].get<std::size_t>() == end + size);
    CHECK((data_start + end) % element == 0);
    REQUIRE(data_start + end + size <= file.size());
    REQUIRE(next_key != keys.end());
    CHECK(*next_key == "xxh3." + it.key());
    CHECK(metadata.at(*next_key++).get<std::string>() ==
          hex_of(XXH3_64bits(file.data() + data_start + end, size)));
    end += size;
  }
  CHECK(next_key == keys.end());
  CHECK(data_start + end == file.size());
}

// The example of FORMAT.md, section 7.
constexpr const char* kExample =
    R"({"__metadata__":{"cuhue_format":"1","header_xxh3":"db831bf472d744b4","network":"lite",)"
    R"("network_version":"1","source_sha256":"","source_name":"example","licence":"CC0-1.0",)"
    R"("converter":"cuhue 0.1.0","property.mask_cent":"0.5","xxh3.conv.weight":"28a0ba9c345d3723",)"
    R"("xxh3.conv.flag":"4c5cca45d0f4811f"},"conv.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
    R"("conv.flag":{"dtype":"U8","shape":[],"data_offsets":[8,9]}})";

}  // namespace

TEST_CASE("the bytes written are those FORMAT.md describes") {
  check_layout(file_of(sample_of_every_kind()));
  Sample many;
  many.info.network = "many";
  for (int i = 0; i < 300; ++i)
    many.add(std::to_string(i) + "t", i % 2 == 0 ? DType::u8 : DType::f32, {1 + i % 5});
  check_layout(file_of(many));
}

TEST_CASE("padding ends the header at a multiple of 64 whatever its length") {
  for (std::size_t n = 0; n < 130; ++n) {
    Sample s;
    s.info.network = "pad";
    s.info.source_name = std::string(n, 'n');
    s.add("w", DType::f32, {1});
    const Bytes bytes = file_of(s);
    CHECK(bytes.size() % 64 == 4);
    check_layout(bytes);
    CHECK(WeightFile::from_memory(bytes, "pad").tensors().size() == 1);
  }
}

TEST_CASE("the example of FORMAT.md is reproduced byte for byte") {
  const float weight[2] = {1.0F, -2.0F};
  const unsigned char flag[1] = {7};
  WeightFileInfo info;
  info.network = "lite";
  info.source_name = "example";
  info.licence = "CC0-1.0";
  info.converter_version = "cuhue 0.1.0";
  info.extra = {{"mask_cent", "0.5"}};
  // Given the other way round: larger elements come first in the file.
  const TensorToWrite tensors[] = {{"conv.flag", DType::u8, {}, std::as_bytes(std::span(flag))},
                                   {"conv.weight", DType::f32, {2, 1}, std::as_bytes(std::span(weight))}};
  const Bytes bytes = weight_file_bytes(info, tensors);
  const std::string expected = std::string("\xb8\x01\0\0\0\0\0\0", 8) + kExample + std::string(17, ' ') +
                               std::string("\0\0\x80\x3f\0\0\0\xc0\x07", 9);
  CHECK(text_of(bytes) == expected);
}
