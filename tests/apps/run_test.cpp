// cuhue run: raw tensors in NumPy files.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/cuhue/api.h"
#include "apps/cuhue/options.h"
#include "apps/npy.h"
#include "tests/apps/program.h"
#include "tests/apps/scratch.h"

using namespace cuhue::test;
using namespace cuhue::app;
using Json = nlohmann::json;
using Shape = std::vector<std::int64_t>;

namespace {

template <class T>
void save(const std::string& path, NpyType type, const Shape& shape, const std::vector<T>& values) {
  const auto bytes = npy_bytes(type, shape, std::as_bytes(std::span(values)));
  write_text(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

NpyArray load(const std::string& path) {
  const std::string text = read_text(path);
  return parse_npy(std::as_bytes(std::span(text)), path);
}

std::vector<float> values_of(const NpyArray& array) {
  std::vector<float> values(array.data.size() / size_of(array.type));
  to_float(array, values);
  return values;
}

// 0, 1, 2, ... of a small cycle: numbers that all element types hold.
template <class T>
std::vector<T> cycle(std::size_t n) {
  std::vector<T> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<T>(i * 7 % 101);
  return values;
}

std::vector<float> through_api(const std::vector<float>& l, int n, int h, int w, const char* output) {
  auto options = DeviceOptions();
  options.device = "cpu";
  const Engine engine = make_engine(options);
  const Weights weights = formula_weights("eccv16");
  const auto network = make<NetworkHandle>(cuhue_network_create, engine.get(), weights.get());
  call(cuhue_network_prepare, network.get(), n, h, w, &output, 1);
  auto tensor = sized<cuhue_tensor>();
  call(cuhue_network_input, network.get(), "l", &tensor);
  std::copy(l.begin(), l.end(), tensor.data);
  call(cuhue_network_run, network.get(), nullptr, nullptr);
  call(cuhue_network_output, network.get(), output, &tensor);
  return {tensor.data, tensor.data + tensor.n * tensor.c * tensor.h * tensor.w};
}

}  // namespace

TEST_CASE("a network's outputs are what the API gives, for a batch of two") {
  const Scratch scratch;
  const std::vector<float> l = cycle<float>(2 * 16 * 24);
  save(scratch / "l.npy", NpyType::f32, {2, 1, 16, 24}, l);
  const ProgramResult r =
      run_program({"run", "eccv16", "--formula", "--input", "l=" + (scratch / "l.npy"), "--output",
                   "ab=" + (scratch / "ab.npy"), "--output", "logits=" + (scratch / "z.npy"), "--json", "-"});
  CAPTURE(r.err);
  REQUIRE(r.code == 0);
  const NpyArray ab = load(scratch / "ab.npy");
  const NpyArray logits = load(scratch / "z.npy");
  CHECK(ab.type == NpyType::f32);
  CHECK(ab.shape == Shape{2, 2, 16, 24});
  CHECK(logits.shape == Shape{2, 313, 4, 6});
  CHECK(values_of(logits) == through_api(l, 2, 16, 24, "logits"));
  const Json json = Json::parse(r.out);
  CHECK(json["network"] == "eccv16");
  CHECK(json["size"] == "16x24");
  CHECK(json["batch"] == 2);
}

TEST_CASE("all element types give the same result") {
  const Scratch scratch;
  const Shape shape = {1, 1, 8, 8};
  save(scratch / "f32.npy", NpyType::f32, shape, cycle<float>(64));
  save(scratch / "u8.npy", NpyType::u8, shape, cycle<std::uint8_t>(64));
  save(scratch / "i32.npy", NpyType::i32, shape, cycle<std::int32_t>(64));
  std::vector<std::uint16_t> halves;
  for (const float v : cycle<float>(64)) {
    // v is a whole number below 2^11: exact in float16.
    int exponent = 0;
    const float fraction = std::frexp(v, &exponent);
    const int mantissa = static_cast<int>(fraction * 2048) - 1024;
    halves.push_back(v == 0 ? std::uint16_t{0}
                            : static_cast<std::uint16_t>(((exponent + 14) << 10) | mantissa));
  }
  save(scratch / "f16.npy", NpyType::f16, shape, halves);
  std::vector<float> first;
  for (const char* type : {"f32", "u8", "i32", "f16"}) {
    CAPTURE(type);
    const ProgramResult r =
        run_program({"run", "eccv16", "--formula", "--input", "l=" + (scratch / (std::string(type) + ".npy")),
                     "--output", "ab=" + (scratch / "ab.npy")});
    CAPTURE(r.err);
    REQUIRE(r.code == 0);
    const std::vector<float> values = values_of(load(scratch / "ab.npy"));
    if (first.empty()) first = values;
    CHECK(values == first);
  }
}

TEST_CASE("labels are bytes: written as uint8, read from it or from whole numbers of any type") {
  const Scratch scratch;
  const Shape shape = {1, 1, 32, 64};
  std::vector<float> grey = cycle<float>(32 * 64);
  for (float& v : grey) v /= 101.0f;
  save(scratch / "grey.npy", NpyType::f32, shape, grey);
  const ProgramResult seg =
      run_program({"run", "segnet", "--formula", "--input", "grey=" + (scratch / "grey.npy"), "--output",
                   "labels=" + (scratch / "labels.npy"), "--output", "logits=" + (scratch / "logits.npy")});
  CAPTURE(seg.err);
  REQUIRE(seg.code == 0);
  const NpyArray labels = load(scratch / "labels.npy"), logits = load(scratch / "logits.npy");
  CHECK(labels.type == NpyType::u8);
  CHECK(labels.shape == shape);
  CHECK(logits.type == NpyType::f32);
  const std::vector<float> label = values_of(labels), score = values_of(logits);
  REQUIRE(score.size() == label.size() * 60);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < label.size(); ++i) {
    for (std::size_t c = 0; c < 60; ++c)
      wrong += score[c * label.size() + i] > score[static_cast<std::size_t>(label[i]) * label.size() + i];
  }
  CHECK(wrong == 0);

  const auto color = [&](const std::string& file, const std::string& out) {
    return run_program({"run", "colornet", "--formula", "--input", "grey=" + (scratch / "grey.npy"),
                        "--input", "labels=" + file, "--output", "ab=" + (scratch / out)});
  };
  save(scratch / "whole.npy", NpyType::f32, shape, label);
  CHECK(color(scratch / "labels.npy", "ab.npy").code == 0);
  CHECK(color(scratch / "whole.npy", "ab2.npy").code == 0);
  CHECK(values_of(load(scratch / "ab.npy")) == values_of(load(scratch / "ab2.npy")));
  for (const float bad : {0.5f, -1.0f, 256.0f, std::nanf("")}) {
    std::vector<float> values = label;
    values[77] = bad;
    save(scratch / "bad.npy", NpyType::f32, shape, values);
    const ProgramResult r = color(scratch / "bad.npy", "none.npy");
    CHECK(r.code == 3);
    CHECK(r.err.find("'labels' is of whole numbers 0..255") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(scratch / "none.npy"));
  }
  const Json list = Json::parse(run_program({"run", "colornet", "--list", "--json", "-"}).out);
  CHECK(list["inputs"][0]["type"] == "float32");
  CHECK(list["inputs"][1]["type"] == "uint8");
}

TEST_CASE("--set changes the result and is checked") {
  const Scratch scratch;
  save(scratch / "l.npy", NpyType::f32, {1, 1, 8, 8}, cycle<float>(64));
  const auto run = [&](const std::string& setting, const std::string& out) {
    return run_program({"run", "eccv16", "--formula", "--input", "l=" + (scratch / "l.npy"), "--output",
                        "ab=" + (scratch / out), "--set", setting});
  };
  CHECK(run("temperature=1", "1.npy").code == 0);
  CHECK(run("temperature=0.3", "2.npy").code == 0);
  CHECK(values_of(load(scratch / "1.npy")) != values_of(load(scratch / "2.npy")));
  CHECK(run("temperature=-1", "3.npy").code == 2);
  CHECK(run("warmth=1", "3.npy").code == 2);
  CHECK(!std::filesystem::exists(scratch / "3.npy"));
}

TEST_CASE("wrong names, shapes and files have their exit codes") {
  const Scratch scratch;
  save(scratch / "l.npy", NpyType::f32, {1, 1, 8, 8}, cycle<float>(64));
  save(scratch / "odd.npy", NpyType::f32, {1, 1, 7, 8}, cycle<float>(56));
  save(scratch / "rgb.npy", NpyType::f32, {1, 3, 8, 8}, cycle<float>(192));
  save(scratch / "flat.npy", NpyType::f32, {64}, cycle<float>(64));
  save(scratch / "two.npy", NpyType::f32, {8, 8}, cycle<float>(64));
  write_text(scratch / "bad.npy", "not an array");
  struct Case {
    std::string input, output;
    int code;
  };
  for (const Case& c : {Case{"l=l.npy", "ab=o.npy", 0},
                        {"l=none.npy", "ab=o.npy", 3},
                        {"l=bad.npy", "ab=o.npy", 3},
                        {"l=rgb.npy", "ab=o.npy", 3},
                        {"l=flat.npy", "ab=o.npy", 3},
                        {"l=two.npy", "ab=o.npy", 3},
                        {"l=odd.npy", "ab=o.npy", 2},
                        {"grey=l.npy", "ab=o.npy", 2},
                        {"l=l.npy", "rgb=o.npy", 2},
                        {"l=l.npy", "ab=none/o.npy", 7},
                        {"l=l.npy", "ab=l.npy", 7},
                        {"l=.", "ab=o.npy", 3}}) {
    CAPTURE(c.input);
    CAPTURE(c.output);
    ProgramOptions options;
    options.directory = scratch.path().string();
    std::filesystem::remove(scratch / "o.npy");
    const ProgramResult r =
        run_program({"run", "eccv16", "--formula", "--input", c.input, "--output", c.output}, options);
    CAPTURE(r.err);
    CHECK(r.code == c.code);
    CHECK(std::filesystem::exists(scratch / "o.npy") == (c.code == 0));
    if (c.code != 0) CHECK(r.err.starts_with("cuhue: "));
  }
}

TEST_CASE("--list prints inputs, outputs, shapes and settings, as text or JSON") {
  const ProgramResult text = run_program({"run", "eccv16", "--list"});
  CHECK(text.code == 0);
  CHECK(text.err.empty());
  for (const char* part : {"l [N,1,H,W]", "ab [N,2,H,W]", "logits [N,313,H/4,W/4]", "temperature"}) {
    CAPTURE(part);
    CHECK(text.out.find(part) != std::string::npos);
  }
  const Json one = Json::parse(run_program({"run", "lite", "--list", "--json", "-"}).out);
  CHECK(one["inputs"][0]["name"] == "grey");
  CHECK(one["size_multiple"] == 8);
  const Json all = Json::parse(run_program({"run", "--list", "--json", "-"}).out);
  CHECK(all.size() == cuhue_network_count());
  CHECK(run_program({"run", "no-such-network", "--list"}).code == 2);
}

TEST_CASE(
    "a network that finds objects: any number of them, of several types, and what is wrong with a picture") {
  const Scratch scratch;
  save(scratch / "image.npy", NpyType::u8, {40, 52, 3}, cycle<std::uint8_t>(40 * 52 * 3));
  save(scratch / "grey.npy", NpyType::u8, {40, 52}, cycle<std::uint8_t>(40 * 52));
  save(scratch / "whole.npy", NpyType::i32, {40, 52, 3}, cycle<std::int32_t>(40 * 52 * 3));
  const std::vector<std::string> start = {"run",   "mask-rcnn",   "--formula", "-g",         "cpu",
                                          "--set", "min_size=64", "--set",     "max_size=96"};
  const auto run = [&](const std::string& image, std::vector<std::string> more) {
    std::vector<std::string> arguments = start;
    arguments.insert(arguments.end(), {"--input", "image=" + (scratch / image)});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  const std::vector<std::string> outputs = {"--output", "boxes=" + (scratch / "boxes.npy"),
                                            "--output", "scores=" + (scratch / "scores.npy"),
                                            "--output", "classes=" + (scratch / "classes.npy"),
                                            "--output", "masks=" + (scratch / "masks.npy"),
                                            "--json",   "-"};
  const ProgramResult r = run("image.npy", outputs);
  INFO(r.err);
  REQUIRE(r.code == 0);
  const Json report = Json::parse(r.out);
  const std::int64_t count = report["detections"];
  CHECK(count > 0);
  CHECK(report["arena_bytes"] > 0);
  CHECK(report["stages"]["features"] > 0);
  const NpyArray boxes = load(scratch / "boxes.npy"), scores = load(scratch / "scores.npy"),
                 classes = load(scratch / "classes.npy"), masks = load(scratch / "masks.npy");
  CHECK(boxes.shape == Shape{count, 4});
  CHECK(scores.shape == Shape{count});
  CHECK(classes.shape == Shape{count});
  CHECK(classes.type == NpyType::i32);
  CHECK(masks.shape == Shape{count, 40, 52});
  CHECK(masks.type == NpyType::u8);

  for (const char* image : {"grey.npy", "whole.npy"}) {
    const ProgramResult bad = run(image, {"--output", "boxes=" + (scratch / "none.npy")});
    CHECK(bad.code == CUHUE_INPUT);
    CHECK(bad.last_error_line().find(image) != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(scratch / "none.npy"));
  }
  const ProgramResult list = run_program({"run", "mask-rcnn", "--list"});
  CHECK(list.code == 0);
  CHECK(list.out.find("classes [K] int32") != std::string::npos);
  CHECK(list.out.find("score_threshold") != std::string::npos);
}
