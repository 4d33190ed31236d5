#include "runtime/graph/param_source.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "tests/graph/graph_helpers.h"
#include "weights/weight_file.h"
#include "weights/weight_writer.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

struct Tensor {
  std::string name;
  DType dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> data;
};

std::vector<std::byte> file_of(const std::vector<Tensor>& tensors) {
  std::vector<TensorToWrite> all;
  all.reserve(tensors.size());
  for (const Tensor& t : tensors) all.push_back({t.name, t.dtype, t.shape, t.data});
  WeightFileInfo info;
  info.network = "test";
  return weight_file_bytes(info, all);
}

const std::vector<Param> kSchema = {{"c.weight", {2, 1, 1, 1}, ParamRole::weight},
                                    {"c.bias", {2}, ParamRole::bias},
                                    {"n.num_batches_tracked", {}, ParamRole::ignored}};

Tensor f32(const std::string& name, std::vector<std::int64_t> shape, std::size_t count) {
  return {name, DType::f32, std::move(shape), bytes_of(std::vector<float>(count, 1.0f))};
}

std::string refusal(const std::vector<Tensor>& tensors) {
  const auto bytes = file_of(tensors);
  const WeightFile file = WeightFile::from_memory(bytes, "some.file");
  const Error e = error_of([&] { check_weights(kSchema, file); });
  CHECK(e.status() == Status::weights);
  CHECK(contains(e.what(), "some.file"));
  return e.what();
}

}  // namespace

TEST_CASE("check_weights: a file with every tensor passes, with or without the ignored ones") {
  const std::vector<Tensor> tensors = {f32("c.weight", {2, 1, 1, 1}, 2), f32("c.bias", {2}, 2)};
  std::vector<Tensor> with = tensors;
  with.push_back({"n.num_batches_tracked", DType::i64, {}, bytes_of(std::vector<std::int64_t>{7})});
  for (const auto& each : {tensors, with}) {
    const auto bytes = file_of(each);
    CHECK_NOTHROW(check_weights(kSchema, WeightFile::from_memory(bytes, "some.file")));
  }
}

TEST_CASE("check_weights: missing, extra, misshaped and mistyped tensors are named") {
  const Tensor weight = f32("c.weight", {2, 1, 1, 1}, 2), bias = f32("c.bias", {2}, 2);
  const std::string missing = refusal({weight});
  CHECK(contains(missing, "c.bias"));
  CHECK(contains(missing, "missing"));
  const std::string extra = refusal({weight, bias, f32("d.bias", {3}, 3)});
  CHECK(contains(extra, "d.bias"));
  CHECK(contains(extra, "not part"));
  const std::string shape = refusal({weight, f32("c.bias", {1, 2}, 2)});
  CHECK(contains(shape, "c.bias"));
  CHECK(contains(shape, "[1, 2]"));
  CHECK(contains(shape, "expected [2]"));
  const std::string type =
      refusal({weight, {"c.bias", DType::i32, {2}, bytes_of(std::vector<std::int32_t>{1, 2})}});
  CHECK(contains(type, "c.bias"));
  CHECK(contains(type, "I32"));
  const std::string several = refusal({f32("d.bias", {3}, 3)});
  CHECK(contains(several, "c.weight"));
  CHECK(contains(several, "2 more"));
}

TEST_CASE("weight file source: float32 is viewed in place, other floats are widened exactly") {
  const std::vector<float> expected = {0.0f,     -0.0f,    1.0f,        -2.5f,    65504.0f,
                                       0x1p-14f, 0x1p-24f, -0x1.8p-20f, INFINITY, -INFINITY};
  const std::vector<std::uint16_t> half = {0x0000, 0x8000, 0x3C00, 0xC100, 0x7BFF,
                                           0x0400, 0x0001, 0x8018, 0x7C00, 0xFC00};
  std::vector<std::uint16_t> brain;
  std::vector<double> wide;
  for (const float v : {1.0f, -2.5f, 0x1.02p-100f, INFINITY}) {
    brain.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(v) >> 16));
    wide.push_back(static_cast<double>(v));
  }
  wide.push_back(0.1);
  const auto bytes = file_of({{"a", DType::f32, {10}, bytes_of(expected)},
                              {"b", DType::f16, {10}, bytes_of(half)},
                              {"c", DType::bf16, {4}, bytes_of(brain)},
                              {"d", DType::f64, {5}, bytes_of(wide)}});
  const WeightFile file = WeightFile::from_memory(bytes, "some.file");
  const WeightFileSource source(file);
  std::vector<float> scratch;

  const auto a = source.fetch({"a", {10}}, scratch);
  CHECK(static_cast<const void*>(a.data()) == static_cast<const void*>(file.find("a")->data.data()));
  CHECK(scratch.empty());
  const auto b = source.fetch({"b", {10}}, scratch);
  REQUIRE(b.size() == 10);
  for (std::size_t i = 0; i < b.size(); ++i)
    CHECK(std::bit_cast<std::uint32_t>(b[i]) == std::bit_cast<std::uint32_t>(expected[i]));
  const auto c = source.fetch({"c", {4}}, scratch);
  REQUIRE(c.size() == 4);
  CHECK(c[2] == 0x1.02p-100f);
  CHECK(c[3] == INFINITY);
  const auto d = source.fetch({"d", {5}}, scratch);
  REQUIRE(d.size() == 5);
  CHECK(d[1] == -2.5f);
  CHECK(d[4] == 0.1f);
  CHECK_NOTHROW(source.release({"a", {10}}));
}

TEST_CASE("weight file source: a tensor that is absent or of another shape is an error that names it") {
  const auto bytes = file_of({f32("a", {2}, 2)});
  const WeightFile file = WeightFile::from_memory(bytes, "some.file");
  const WeightFileSource source(file);
  std::vector<float> scratch;
  const Error absent = error_of([&] { source.fetch({"b", {2}}, scratch); });
  CHECK(absent.status() == Status::weights);
  CHECK(contains(absent.what(), "tensor b"));
  const Error shape = error_of([&] { source.fetch({"a", {1, 2}}, scratch); });
  CHECK(contains(shape.what(), "tensor a"));
  CHECK(contains(shape.what(), "[1, 2]"));
}
