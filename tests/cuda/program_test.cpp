#include <doctest/doctest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "runtime/networks/network.h"
#include "tests/cpu/graph_maker.h"
#include "tests/cuda/host_backend.h"
#include "weights/status.h"

namespace cuhue::test {
namespace {

Convolution same_size(std::int64_t channels) {
  Convolution op;
  op.out_channels = channels;
  op.kernel_h = op.kernel_w = 3;
  op.pad_top = op.pad_left = op.pad_bottom = op.pad_right = 1;
  return op;
}

// Two inputs, two outputs, a residual, an upsampling.
Graph small_graph(std::int64_t n = 1, std::int64_t size = 6) {
  GraphMaker m;
  const ValueId a = m.input({n, 3, size, size}, "a"), b = m.input({n, 8, size, size}, "b");
  const ValueId x = m.same(Activation{}, {m.convolution(same_size(8), a)});
  const ValueId y = m.same(Add{}, {m.same(m.batch_norm(8), {m.convolution(same_size(8), x)}), b});
  m.output(y, "y");
  m.output(m.upsample({UpsampleKind::bilinear, 2, 1.0f}, m.convolution(same_size(2), y)), "z");
  return std::move(m.graph);
}

struct Made {
  explicit Made(const Graph& g, Precision precision = Precision::fp32, const HostDeviceOptions& options = {})
      : host(precision, options),
        weights(host->make_weights(std::make_shared<NoiseSource>())),
        program(host->compile(g, weights, {})) {}
  HostBackend host;
  std::shared_ptr<DeviceWeights> weights;
  std::unique_ptr<Program> program;
};

double error_of(Program& program, const Graph& g, std::uint64_t seed) {
  const Tensors inputs = noise_inputs(g, seed);
  fill_inputs(program, inputs);
  program.run();
  const Tensors expected = evaluate_outputs(g, NoiseSource(), inputs), got = read_outputs(program, g);
  double worst = 0;
  for (const auto& [name, tensor] : expected) worst = std::max(worst, relative_error(got.at(name), tensor));
  return worst;
}

TEST_CASE("program: what the graph means, call after call with new inputs") {
  const Graph g = small_graph(2);
  for (const auto& [precision, most] : {std::pair{Precision::fp32, 1e-5}, std::pair{Precision::tf32, 1e-2},
                                        std::pair{Precision::fp16, 1e-2}}) {
    Made m(g, precision);
    // The first call runs step by step, the others are the recording.
    for (const std::uint64_t seed : {1, 2, 3}) CHECK(error_of(*m.program, g, seed) < most);
    CHECK(m.host.device->recordings() == 1);
    CHECK(m.host.device->launches() == 2);
    CHECK(m.host.device->damaged() == 0);
  }
}

TEST_CASE("program: the same input gives the same bits") {
  const Graph g = small_graph();
  for (const Precision precision : {Precision::fp32, Precision::fp16}) {
    Made m(g, precision);
    const Tensors inputs = noise_inputs(g);
    fill_inputs(*m.program, inputs);
    m.program->run();
    const Tensors first = read_outputs(*m.program, g);
    for (int i = 0; i < 2; ++i) {
      m.program->run();
      CHECK(same_bits(read_outputs(*m.program, g), first));
    }
  }
}

TEST_CASE("program: a steady state allocates nothing and is one launch a call") {
  Made m(small_graph());
  HostDevice& device = *m.host.device;
  m.program->run();
  const auto allocations = device.allocations(), blocks = device.blocks();
  for (int i = 1; i <= 3; ++i) {
    m.program->run();
    CHECK(device.allocations() == allocations);
    CHECK(device.blocks() == blocks);
    CHECK(device.launches() == i);
  }
}

TEST_CASE("program: ports are known by name") {
  Made m(small_graph());
  CHECK(m.program->input("b").dims == Dims{1, 8, 6, 6});
  CHECK(m.program->output("z").dims == Dims{1, 2, 12, 12});
  CHECK_THROWS_WITH_AS(m.program->input("c"), "no input named c in this network: it has a, b", Error);
  CHECK_THROWS_WITH_AS(m.program->output("a"), "no output named a in this network: it has y, z", Error);
}

TEST_CASE("program: a profile names every step and has run the network") {
  const Graph g = small_graph();
  Made m(g);
  const Tensors inputs = noise_inputs(g);
  fill_inputs(*m.program, inputs);
  const auto profile = m.program->profile();
  REQUIRE(profile.size() >= 4);
  std::int64_t macs = 0;
  for (const StepProfile& step : profile) {
    CHECK(step.seconds > 0);
    CHECK_FALSE(step.op.empty());
    CHECK_FALSE(step.provider.empty());
    macs += step.macs;
  }
  CHECK(macs == 36 * 9 * (3 * 8 + 8 * 8 + 8 * 2));
  CHECK(error_of(*m.program, g, 5) < 1e-5);
}

TEST_CASE("program: a caller may stop it before, not within") {
  Made m(small_graph());
  std::vector<double> asked;
  m.program->run([&](double done) {
    asked.push_back(done);
    return false;
  });
  CHECK(asked == std::vector<double>{0.0, 1.0});
  try {
    m.program->run([](double) { return true; });
    FAIL("it ran");
  } catch (const Error& e) {
    CHECK(e.status() == Status::cancelled);
  }
  CHECK(m.host.device->launches() == 0);
}

TEST_CASE("program: several over one set of weights from several threads") {
  HostBackend host;
  const auto weights = host->make_weights(std::make_shared<NoiseSource>());
  std::array<double, 3> errors{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < errors.size(); ++t) {
    threads.emplace_back([&, t] {
      const Graph g = small_graph(static_cast<std::int64_t>(t) + 1);
      const auto program = host->compile(g, weights, {});
      for (std::uint64_t seed = 0; seed < 3; ++seed)
        errors[t] = std::max(errors[t], error_of(*program, g, 10 * t + seed));
    });
  }
  for (std::thread& t : threads) t.join();
  for (const double e : errors) CHECK(e < 1e-5);
}

TEST_CASE("program: outlives its backend and the handle of its weights") {
  const Graph g = small_graph();
  std::shared_ptr<HostDevice> device;
  {
    std::unique_ptr<Program> program;
    {
      HostBackend host;
      device = host.device;
      program = host->compile(g, host->make_weights(std::make_shared<NoiseSource>()), {});
    }
    CHECK(error_of(*program, g, 1) < 1e-5);
  }
  CHECK(device->blocks() == 0);
  CHECK(device->streams() == 0);
  CHECK(device->damaged() == 0);
}

TEST_CASE("program: a lack of memory anywhere is an error that leaks nothing") {
  const Graph g = small_graph();
  int failures = 0;
  for (int allowed = 0; allowed < 20; ++allowed) {
    const auto device = std::make_shared<HostDevice>();
    {
      HostBackend host;
      cuda::BackendParts parts;
      parts.device = device;
      const auto backend = cuda::make_backend(std::move(parts));
      device->refuse_after(allowed);
      try {
        const auto program = backend->compile(g, backend->make_weights(std::make_shared<NoiseSource>()), {});
        program->run();
      } catch (const Error& e) {
        CHECK(e.status() == Status::out_of_memory);
        CHECK(std::string(e.what()).find(" needs ") != std::string::npos);
        CHECK(std::string(e.what()).find(" free") != std::string::npos);
        ++failures;
      }
    }
    CHECK(device->blocks() == 0);
    CHECK(device->streams() == 0);
  }
  CHECK(failures >= 4);  // weights, a slot, staging, the arena, the ports
  CHECK(failures < 20);
}

TEST_CASE("program: a device that broke down says so at every call") {
  const Graph g = small_graph();
  Made m(g);
  m.program->run();
  m.host.device->break_down();
  const auto fails = [](const auto& call) {
    try {
      call();
    } catch (const Error& e) {
      CHECK(e.status() == Status::device);
      CHECK(std::string(e.what()).find("start it again") != std::string::npos);
      return true;
    }
    return false;
  };
  CHECK(fails([&] { m.program->run(); }));
  CHECK(fails([&] { m.program->run(); }));
  CHECK(fails([&] { m.program->profile(); }));
  CHECK(fails([&] { m.host->compile(g, m.weights, {}); }));
}

TEST_CASE("program: weights of another backend or device are refused") {
  HostBackend here, there;
  const auto fails = [&](std::shared_ptr<DeviceWeights> weights) {
    CHECK_THROWS_WITH_AS(here->compile(small_graph(), std::move(weights), {}),
                         doctest::Contains("not of this CUDA device"), Error);
  };
  fails(there->make_weights(std::make_shared<NoiseSource>()));
  fails(make_cpu_backend()->make_weights(std::make_shared<NoiseSource>()));
}

}  // namespace
}  // namespace cuhue::test
