// The C API on "cuda:0", which the host executor plays here: its device memory is the heap.
#include <cmath>
#include <cstdlib>

#include "tests/api/api_support.h"

using namespace api_test;

namespace {

Engine engine_on(const char* device, cuhue_precision precision = CUHUE_FP32) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_engine_options options{};
  options.struct_size = sizeof options;
  options.device = device;
  options.precision = precision;
  cuhue_engine* engine = nullptr;
  must(cuhue_engine_create(&options, &engine, &error), error);
  return Engine(engine);
}

Photo grey_photo(std::int64_t w, std::int64_t h, cuhue_pixel_format format) {
  Photo p(w, h, format);
  for (std::size_t i = 0; i < p.bytes.size(); ++i)
    p.bytes[i] = static_cast<std::uint8_t>(
        128 + 100 * std::sin(static_cast<double>(i % static_cast<std::size_t>(w * 3)) / 40.0));
  return p;
}

void colorize(cuhue_colorizer* colorizer, const cuhue_pixels& in, const cuhue_pixels& out) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_colorize_options options{};
  options.struct_size = sizeof options;
  cuhue_timings timings{};
  timings.struct_size = sizeof timings;
  must(cuhue_colorize(colorizer, &in, &out, 1, &options, &timings, &error), error);
  CHECK(timings.network > 0);
}

double far_off(const Photo& a, const Photo& b) {
  std::size_t off = 0;
  for (std::size_t i = 0; i < a.samples(); ++i) off += std::abs(a.sample8(i) - b.sample8(i)) > 1;
  return static_cast<double>(off) / static_cast<double>(a.samples());
}

TEST_CASE("C API on cuda:0: a photo in host memory, then in device memory, as on the CPU") {
  const Engine cpu = engine_on("cpu"), gpu = engine_on("cuda:0");
  CHECK(std::string(cuhue_engine_device(gpu.get())) == "cuda:0");
  const Weights weights = formula_weights("lite");
  const Colorizer on_cpu = make_colorizer(cpu.get(), weights.get());
  const Colorizer on_gpu = make_colorizer(gpu.get(), weights.get());
  Photo in = grey_photo(90, 60, CUHUE_RGB8), want(90, 60, CUHUE_RGB8), got(90, 60, CUHUE_RGB8),
        again(90, 60, CUHUE_RGB8);
  colorize(on_cpu.get(), in.pixels(), want.pixels());
  colorize(on_gpu.get(), in.pixels(), got.pixels());
  CHECK(far_off(got, want) <= 0.001);
  CHECK(got.bytes != in.bytes);
  cuhue_pixels from = in.pixels(), to = again.pixels();
  from.memory = to.memory = CUHUE_MEMORY_DEVICE;
  colorize(on_gpu.get(), from, to);
  CHECK(again.bytes == got.bytes);

  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_memory memory{};
  memory.struct_size = sizeof memory;
  must(cuhue_colorizer_memory(on_gpu.get(), &memory, &error), error);
  CHECK(memory.weight_bytes > 0);
  CHECK(memory.arena_bytes > 0);
}

TEST_CASE("C API on cuda:0: a network on raw tensors, and its layers") {
  const Weights weights = formula_weights("lite");
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  const char* wanted[] = {"ab"};
  std::vector<float> results[2];
  int turn = 0;
  for (const char* device : {"cpu", "cuda:0"}) {
    const Engine engine = engine_on(device);
    cuhue_network* handle = nullptr;
    must(cuhue_network_create(engine.get(), weights.get(), &handle, &error), error);
    const Network network(handle);
    must(cuhue_network_prepare(handle, 1, 32, 24, wanted, 1, &error), error);
    cuhue_tensor in{}, out{};
    in.struct_size = out.struct_size = sizeof in;
    must(cuhue_network_input(handle, "grey", &in, &error), error);
    for (std::int64_t i = 0; i < 32 * 24; ++i) in.data[i] = static_cast<float>(i % 97) / 96.0f;
    must(cuhue_network_run(handle, nullptr, nullptr, &error), error);
    must(cuhue_network_output(handle, "ab", &out, &error), error);
    results[turn++].assign(out.data, out.data + out.n * out.c * out.h * out.w);
    must(cuhue_network_profile(handle, &error), error);
    CHECK(cuhue_network_layer_count(handle) > 10);
  }
  REQUIRE(results[0].size() == results[1].size());
  float most = 0, worst = 0;
  for (std::size_t i = 0; i < results[0].size(); ++i) {
    most = std::max(most, std::abs(results[0][i]));
    worst = std::max(worst, std::abs(results[0][i] - results[1][i]));
  }
  CHECK(worst < 1e-4f * most);
}

TEST_CASE("C API: a GPU that is not there is named") {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_engine_options options{};
  options.struct_size = sizeof options;
  options.device = "cuda:7";
  cuhue_engine* engine = nullptr;
  CHECK(cuhue_engine_create(&options, &engine, &error) == CUHUE_DEVICE);
  CHECK(std::string(error.message).find("cuda:7") != std::string::npos);
}

TEST_CASE("C API: device memory is refused where the engine is the CPU") {
  const Engine cpu = engine_on("cpu");
  const Weights weights = formula_weights("lite");
  const Colorizer colorizer = make_colorizer(cpu.get(), weights.get());
  Photo in = grey_photo(16, 16, CUHUE_RGB8);
  cuhue_pixels from = in.pixels();
  from.memory = CUHUE_MEMORY_DEVICE;
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  CHECK(cuhue_colorize(colorizer.get(), &from, &from, 1, nullptr, nullptr, &error) == CUHUE_USAGE);
}

}  // namespace
