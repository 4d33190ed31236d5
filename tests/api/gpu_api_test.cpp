// The C API on a GPU, played by the host executor: precisions, device memory, the caller's stream.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/api/api_support.h"
#include "tests/executor/host_device.h"

using namespace api_test;

namespace {

cuhue_error fresh_error() {
  return {sizeof(cuhue_error), CUHUE_OK, {}};
}

Engine gpu_engine(cuhue_precision precision = CUHUE_FP32, const char* device = "cuda:0") {
  cuhue_error error = fresh_error();
  cuhue_engine_options options{};
  options.struct_size = sizeof options;
  options.device = device;
  options.precision = precision;
  cuhue_engine* engine = nullptr;
  must(cuhue_engine_create(&options, &engine, &error), error);
  return Engine(engine);
}

Photo test_photo() {
  Photo photo(45, 31, CUHUE_GREY8);
  for (std::size_t i = 0; i < photo.bytes.size(); ++i)
    photo.bytes[i] = static_cast<std::uint8_t>(i * 37 % 251);
  return photo;
}

}  // namespace

TEST_CASE("a GPU is listed, and chosen by auto") {
  cuhue_error error = fresh_error();
  REQUIRE(cuhue_device_count() == 2);
  cuhue_device_info info{};
  info.struct_size = sizeof info;
  must(cuhue_device(1, &info, &error), error);
  CHECK(std::string(info.name) == "cuda:0");
  CHECK(std::string(info.unusable).empty());
  CHECK(info.precisions == ((1U << CUHUE_FP32) | (1U << CUHUE_TF32) | (1U << CUHUE_FP16)));
  for (const char* device : {"auto", "cuda", "cuda:0"}) {
    const Engine engine = gpu_engine(CUHUE_FP16, device);
    CHECK(std::string(cuhue_engine_device(engine.get())) == "cuda:0");
  }
  CHECK(cuhue_device(2, &info, &error) == CUHUE_USAGE);
}

// One program, compiled once; photos from host memory, device memory, and in the order of a stream.
TEST_CASE("device memory and the caller's stream give what host memory gives") {
  cuhue_error error = fresh_error();
  const Engine engine = gpu_engine();
  const Weights weights = formula_weights("lite");
  const Colorizer colorizer = make_colorizer(engine.get(), weights.get());
  Photo grey = test_photo(), host(grey.width, grey.height, CUHUE_RGB8), cpu = host;
  const cuhue_pixels in = grey.pixels();
  cuhue_pixels out = host.pixels();
  must(cuhue_colorize(colorizer.get(), &in, &out, 1, nullptr, nullptr, &error), error);

  const Engine cpu_engine = make_engine();
  const Colorizer on_cpu = make_colorizer(cpu_engine.get(), weights.get());
  out = cpu.pixels();
  must(cuhue_colorize(on_cpu.get(), &in, &out, 1, nullptr, nullptr, &error), error);
  int most = 0;
  for (std::size_t i = 0; i < cpu.samples(); ++i)
    most = std::max(most, std::abs(cpu.sample8(i) - host.sample8(i)));
  CHECK(most <= 1);

  cuhue::test::HostDevice device;
  const auto bytes_in = static_cast<std::int64_t>(grey.bytes.size());
  const auto bytes_out = static_cast<std::int64_t>(host.bytes.size());
  void* const device_in = device.allocate(bytes_in, "input");
  void* const device_out = device.allocate(bytes_out, "output");
  std::memset(device_in, 0, grey.bytes.size());
  std::memset(device_out, 0, host.bytes.size());
  cuhue_pixels from = in, to = host.pixels();
  from.data = device_in;
  to.data = device_out;
  from.memory = to.memory = CUHUE_MEMORY_DEVICE;
  const cuhue::Stream stream = device.create_stream();
  cuhue_colorize_options options{};
  options.struct_size = sizeof options;
  options.stream = stream;
  // The photo arrives by the stream, so that colours of it prove the order.
  device.copy(device_in, grey.bytes.data(), bytes_in, stream);
  must(cuhue_colorize(colorizer.get(), &from, &to, 1, &options, nullptr, &error), error);
  const std::vector<std::uint8_t> zeros(host.bytes.size());
  CHECK(std::memcmp(device_out, zeros.data(), zeros.size()) == 0);  // not done yet
  device.synchronize(stream);
  CHECK(std::memcmp(device_out, host.bytes.data(), host.bytes.size()) == 0);
  // Host memory and a stream: done on return.
  Photo again(grey.width, grey.height, CUHUE_RGB8);
  out = again.pixels();
  must(cuhue_colorize(colorizer.get(), &from, &out, 1, &options, nullptr, &error), error);
  CHECK(again.bytes == host.bytes);
  device.destroy_stream(stream);
  device.release(device_in);
  device.release(device_out);
  CHECK(device.damaged() == 0);
}

TEST_CASE(
    "masks-gan on a GPU: what the CPU makes of a mask, then of another on the kept photo, behind a gate") {
  cuhue_error error = fresh_error();
  const Engine cpu = make_engine(), gpu = gpu_engine();
  const Weights weights = formula_weights("masks-gan");
  const Colorizer reference = make_colorizer(cpu.get(), weights.get()),
                  colorizer = make_colorizer(gpu.get(), weights.get());
  Photo photo(29, 17, CUHUE_GREY8), mask = photo;  // among planes of 32x32
  for (std::size_t i = 0; i < photo.bytes.size(); ++i)
    photo.bytes[i] = static_cast<std::uint8_t>(40 + i * 37 % 151);
  const cuhue_pixels in = photo.pixels(), shown = mask.pixels();
  cuhue_colorize_options options{};
  options.struct_size = sizeof options;
  for (int call = 0; call < 2; ++call) {
    for (std::size_t i = 0; i < mask.bytes.size(); ++i)
      mask.bytes[i] = static_cast<std::uint8_t>((i % 29 < 12) == (call == 0) ? 255 : 0);
    options.keep_photos = options.gate = call;
    Photo expected(29, 17, CUHUE_RGB8), colored = expected;
    const cuhue_pixels want = expected.pixels(), out = colored.pixels();
    for (const Colorizer* c : {&reference, &colorizer}) {
      must(cuhue_colorizer_set_mask(c->get(), CUHUE_ALL_PHOTOS, &shown, &error), error);
      must(cuhue_colorize(c->get(), &in, c == &reference ? &want : &out, 1, &options, nullptr, &error),
           error);
    }
    int worst = 0;
    std::size_t colors = 0;
    for (std::size_t i = 0; i < colored.bytes.size(); ++i) {
      worst = std::max(worst, std::abs(colored.bytes[i] - expected.bytes[i]));
      const bool grey = colored.bytes[i] == photo.bytes[i / 3];
      colors += grey ? 0 : 1;
      if (call == 1 && mask.bytes[i / 3] == 0) CHECK(grey);
    }
    CHECK(worst <= 1);
    CHECK(colors > 300);
  }
}
