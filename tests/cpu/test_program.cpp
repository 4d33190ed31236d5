#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "kernels/core/parallel.h"
#include "runtime/cpu/arena.h"
#include "runtime/cpu/lowering.h"
#include "runtime/graph/passes.h"
#include "runtime/graph/plan.h"
#include "tests/cpu/graph_maker.h"
#include "tests/support/disjoint.h"
#include "weights/status.h"

namespace cuhue::test {
namespace {

Convolution conv(std::int64_t out, int stride = 1) {
  Convolution op;
  op.out_channels = out;
  op.kernel_h = op.kernel_w = 3;
  op.stride = stride;
  op.pad_top = op.pad_left = op.pad_bottom = op.pad_right = 1;
  return op;
}

// Layers of every kind, a residual block and a concatenation.
Graph mixed_graph(std::int64_t n) {
  GraphMaker m;
  const ValueId x = m.same(ScalarAffine{0.5f, -0.25f}, {m.input({n, 1, 24, 20})});
  ValueId a = m.same(Activation{}, {m.convolution(conv(24), x)});
  a = m.pool({PoolKind::max, 3, 2, 1, 1, 1, 1}, a);
  ValueId b = m.same(Activation{}, {m.convolution(conv(24), a)});
  b = m.same(Activation{}, {m.same(Add{}, {m.convolution(conv(24), b), a})});
  b = m.same(m.batch_norm(24), {b});
  Convolution up = conv(16, 2);
  up.transposed = true;
  up.kernel_h = up.kernel_w = 4;
  const ValueId c = m.same(Activation{ActivationKind::leaky_relu, 0.1f}, {m.convolution(up, b)});
  const ValueId d = m.upsample({UpsampleKind::nearest, 2, 1.0f}, a);
  const ValueId e = m.concat({c, d});
  m.output(m.convolution(conv(2), e));
  m.output(b, "features");
  return std::move(m.graph);
}

Status status_of(const std::function<void()>& body, std::string* message = nullptr) {
  try {
    body();
  } catch (const Error& e) {
    if (message != nullptr) *message = e.what();
    return e.status();
  }
  return Status::ok;
}

TEST_CASE("the passes change no result") {
  const Graph g = mixed_graph(2);
  const Tensors inputs = noise_inputs(g);
  CompileOptions plain;
  plain.optimize = false;
  const Tensors fused = run_cpu(g, inputs), unfused = run_cpu(g, inputs, plain);
  for (const auto& [name, tensor] : fused) CHECK(relative_error(tensor, unfused.at(name)) < 1e-5);
  CHECK(cpu_error(g) < 5e-6);
  CHECK(cpu_error(g, plain) < 5e-6);
  CHECK(cpu_error(g, without({"onednn"})) < 5e-6);
}

TEST_CASE("same input, same bits: over runs, programs and profiled runs") {
  const Graph g = mixed_graph(2);
  const Tensors inputs = noise_inputs(g);
  const auto program = compile(g, {.threads = 2, .optimize = true, .without = {}});
  fill_inputs(*program, inputs);
  program->run();
  const Tensors first = read_outputs(*program, g);
  for (int i = 0; i < 20; ++i) {
    program->run();
    REQUIRE(same_bits(first, read_outputs(*program, g)));
  }
  program->profile();
  CHECK(same_bits(first, read_outputs(*program, g)));
  CHECK(same_bits(first, run_cpu(g, inputs, {.threads = 2, .optimize = true, .without = {}})));
}

TEST_CASE("one thread and two give the same bits") {
  const Graph g = mixed_graph(1);
  const Tensors inputs = noise_inputs(g);
  CHECK(same_bits(run_cpu(g, inputs, {.threads = 1, .optimize = true, .without = {}}),
                  run_cpu(g, inputs, {.threads = 2, .optimize = true, .without = {}})));
}

TEST_CASE("an image has the same bits alone and at any place of a batch") {
  const Graph one = mixed_graph(1), three = mixed_graph(3);
  const Tensors batch = noise_inputs(three);
  const Tensors together = run_cpu(three, batch);
  for (std::int64_t k = 0; k < 3; ++k) {
    Tensors single;
    single["x"] = make_tensor({1, 1, 24, 20});
    const auto& all = batch.at("x").data;
    std::copy_n(all.begin() + k * 480, 480, single["x"].data.begin());
    for (const auto& [key, alone] : run_cpu(one, single)) {
      const std::string name = key;  // clang 14 cannot capture a structured binding
      const auto& many = together.at(name).data;
      const auto size = static_cast<std::int64_t>(alone.data.size());
      CAPTURE(name);
      CHECK(std::equal(alone.data.begin(), alone.data.end(), many.begin() + k * size));
    }
  }
}

TEST_CASE("inputs keep what the caller wrote, and every run reads them anew") {
  const Graph g = mixed_graph(1);
  const auto program = compile(g);
  const Tensors a = noise_inputs(g, 1), b = noise_inputs(g, 2);
  fill_inputs(*program, a);
  program->run();
  const Tensors first = read_outputs(*program, g);
  const TensorRef x = program->input("x");
  for (std::size_t i = 0; i < a.at("x").data.size(); ++i) REQUIRE(x.data[i] == a.at("x").data[i]);
  fill_inputs(*program, b);
  program->run();
  CHECK_FALSE(same_bits(first, read_outputs(*program, g)));
  fill_inputs(*program, a);
  program->run();
  CHECK(same_bits(first, read_outputs(*program, g)));
}

TEST_CASE("no two buffers alive in the same step overlap, and the arena is near the live peak") {
  for (const bool optimized : {false, true}) {
    Graph g = mixed_graph(3);
    if (optimized) optimize(g);
    cpu::CpuWeights weights(std::make_shared<NoiseSource>());
    const cpu::Lowered lowered = cpu::Lowering(g, weights, {}).run();
    const MemoryPlan plan = plan_memory(lowered.buffers);
    CHECK(disjoint(lowered.buffers, plan));
    CHECK(plan.arena_bytes >= plan.live_peak_bytes);
    CHECK(plan.arena_bytes <= plan.live_peak_bytes + plan.live_peak_bytes / 4);
  }
}

TEST_CASE("a run stops between layers when asked, and the next one is whole") {
  const Graph g = mixed_graph(1);
  const Tensors inputs = noise_inputs(g);
  const auto program = compile(g);
  fill_inputs(*program, inputs);
  program->run();
  const Tensors whole = read_outputs(*program, g);
  int asked = 0;
  double last = -1;
  std::string message;
  CHECK(status_of([&] { program->run([&](double) { return ++asked == 4; }); }, &message) ==
        Status::cancelled);
  CHECK(asked == 4);
  CHECK(message.find("cancelled before layer") == 0);
  program->run([&](double fraction) {
    CHECK(fraction > last);
    CHECK(fraction < 1.0);
    last = fraction;
    return false;
  });
  CHECK(last > 0.3);
  CHECK(same_bits(whole, read_outputs(*program, g)));
}

TEST_CASE("the profile names every step and its parts make up the whole") {
  GraphMaker m;
  ValueId x = m.input({1, 8, 64, 64});
  for (int i = 0; i < 6; ++i) x = m.same(Activation{}, {m.convolution(conv(64), x)});
  m.output(x);
  const auto program = compile(m.graph);
  fill_inputs(*program, noise_inputs(m.graph));
  program->run();
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto profile = program->profile();
  const double wall = std::chrono::duration<double>(Clock::now() - start).count();
  double sum = 0;
  std::int64_t macs = 0;
  for (const StepProfile& step : profile) {
    CHECK_FALSE(step.name.empty());
    CHECK_FALSE(step.provider.empty());
    CHECK(step.seconds >= 0);
    sum += step.seconds;
    macs += step.macs;
  }
  CHECK(sum <= wall);
  CHECK(sum >= 0.5 * wall);
  CHECK(macs == std::int64_t{64} * 64 * 9 * (8 * 64 + 5 * 64 * 64));
}

TEST_CASE("names that are not there, foreign weights and providers switched off are refused in words") {
  const Graph g = mixed_graph(1);
  const auto program = compile(g);
  std::string message;
  CHECK(status_of([&] { program->input("nope"); }, &message) == Status::usage);
  CHECK(message == "no input named nope in this network: it has x");
  CHECK(status_of([&] { program->output("nope"); }, &message) == Status::usage);
  CHECK(message == "no output named nope in this network: it has y, features");

  struct Foreign final : DeviceWeights {
    std::int64_t bytes() const override { return 0; }
  };
  CHECK(status_of([&] { make_cpu_backend()->compile(g, std::make_shared<Foreign>(), {}); }) == Status::usage);
  CHECK(status_of(
            [&] {
              compile(g, without({"onednn", "kernels", "reference"}));
            },
            &message) == Status::usage);
  CHECK(message.find("no provider serves") != std::string::npos);
}

TEST_CASE("memory that is not there is an error that says how much was needed") {
  std::string message;
  CHECK(status_of([] { Arena(std::size_t{1} << 55, "a test"); }, &message) == Status::out_of_memory);
  CHECK(message.find("a test needs 36028797018963968 bytes") == 0);

  // Hundreds of values of 4 GB, all alive at once.
  GraphMaker m;
  const ValueId x = m.input({1, 16, 8192, 8192});
  std::vector<ValueId> values;
  for (int i = 0; i < 512; ++i) values.push_back(m.same(ScalarAffine{1.0f, 1.0f}, {x}));
  ValueId sum = values[0];
  for (const ValueId v : values) sum = m.same(Add{}, {sum, v});
  m.output(sum);
  CHECK(status_of([&] { compile(m.graph); }, &message) == Status::out_of_memory);
  CHECK(message.find("use a smaller size or batch") != std::string::npos);

  GraphMaker large;
  large.output(large.same(Activation{}, {large.input({64, 64, 8192, 8192})}));
  CHECK(status_of([&] { compile(large.graph); }, &message) == Status::usage);
  CHECK(message.find("64x64x8192x8192") != std::string::npos);
}

}  // namespace
}  // namespace cuhue::test
