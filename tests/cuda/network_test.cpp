// Whole networks, lowered for CUDA and run by the host executor, against the CPU backend.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "runtime/networks/network.h"
#include "tests/cuda/host_backend.h"

namespace cuhue::test {
namespace {

void fill(const TensorRef& t, float most) {
  const std::vector<std::uint8_t> noise = formula_image(t.dims.n, t.dims.h, t.dims.w);
  for (std::size_t i = 0; i < noise.size(); ++i) t.data[i] = static_cast<float>(noise[i]) / 255.0f * most;
}

struct Difference {
  double relative = 0;  // max |a - b| / max |b|
  bool same_bits = true;
};

Difference difference(const TensorRef& a, const TensorRef& b) {
  double worst = 0, most = 0;
  Difference d;
  for (std::int64_t i = 0; i < b.dims.count(); ++i) {
    if (!std::isfinite(a.data[i])) return {std::numeric_limits<double>::infinity(), false};
    worst = std::max(worst, std::abs(static_cast<double>(a.data[i]) - b.data[i]));
    most = std::max(most, std::abs(static_cast<double>(b.data[i])));
    d.same_bits = d.same_bits && a.data[i] == b.data[i];
  }
  d.relative = worst / most;
  return d;
}

void check(const char* name, std::int64_t n, std::int64_t h, std::int64_t w, Precision precision,
           double most) {
  const Network& network = network_or_throw(name);
  const std::string_view only[] = {"ab"};
  const std::string_view input = network.inputs[0].name;
  const auto source = std::make_shared<FormulaSource>(network);
  const auto cpu = make_cpu_backend();
  const auto expected = cpu->compile(build_graph(network, n, h, w, {}, only), cpu->make_weights(source), {});
  const HostBackend host(precision);
  const auto got = host->compile(build_graph(network, n, h, w, {}, only), host->make_weights(source), {});
  const float range = input == "l" ? 100.0f : 1.0f;
  fill(expected->input(input), range);
  fill(got->input(input), range);
  expected->run();
  got->run();
  const TensorRef ab = got->output("ab");
  const Difference d = difference(ab, expected->output("ab"));
  MESSAGE(std::string(name) << " " << h << "x" << w << ": relative difference " << d.relative);
  CHECK(d.relative < most);
  const std::vector<float> before(ab.data, ab.data + ab.dims.count());
  got->run();
  CHECK(std::equal(before.begin(), before.end(), ab.data));
  CHECK(host.device->damaged() == 0);
}

TEST_CASE("network: lite in fp32") {
  check("lite", 1, 32, 32, Precision::fp32, 1e-4);
  check("lite", 2, 24, 40, Precision::fp32, 1e-4);
}

TEST_CASE("network: lite in fp16 and tf32") {
  check("lite", 1, 32, 32, Precision::fp16, 1e-2);
  check("lite", 1, 32, 32, Precision::tf32, 1e-2);
}

TEST_CASE("network: segnet's labels and scores, colornet's colours of labels, in fp32") {
  const auto run = [](const char* name, std::int64_t h, std::int64_t w, auto&& check_outputs) {
    const Network& network = network_or_throw(name);
    const auto source = std::make_shared<FormulaSource>(network);
    const auto cpu = make_cpu_backend();
    const HostBackend host(Precision::fp32);
    const auto expected = cpu->compile(build_graph(network, 1, h, w), cpu->make_weights(source), {});
    const auto got = host->compile(build_graph(network, 1, h, w), host->make_weights(source), {});
    for (Program* program : {expected.get(), got.get()}) {
      for (const TensorSpec& input : network.inputs) {
        const TensorRef t = program->input(input.name);
        fill(t, input.type == DType::u8 ? 60.0f : 1.0f);
        for (std::int64_t i = 0; input.type == DType::u8 && i < t.dims.count(); ++i)
          t.data[i] = std::min(std::floor(t.data[i]), 59.0f);
      }
      program->run();
    }
    check_outputs(*expected, *got);
    CHECK(host.device->damaged() == 0);
  };
  run("segnet", 16, 32, [](Program& expected, Program& got) {
    CHECK(difference(got.output("logits"), expected.output("logits")).relative < 1e-4);
    CHECK(difference(got.output("labels"), expected.output("labels")).same_bits);
  });
  run("colornet", 32, 64, [](Program& expected, Program& got) {
    CHECK(difference(got.output("ab"), expected.output("ab")).relative < 1e-4);
  });
}

TEST_CASE("network: eccv16 in fp32") {
  check("eccv16", 1, 8, 16, Precision::fp32, 1e-4);
}

}  // namespace
}  // namespace cuhue::test
