#include <doctest/doctest.h>

#include <thread>

#include "tests/cpu/graph_maker.h"
#include "weights/status.h"

namespace cuhue::test {
namespace {

Graph two_layers(std::int64_t n, std::int64_t size) {
  GraphMaker m;
  Convolution op;
  op.out_channels = 64;
  op.kernel_h = op.kernel_w = 3;
  op.pad_top = op.pad_left = op.pad_bottom = op.pad_right = 1;
  ValueId x = m.same(Activation{}, {m.convolution(op, m.input({n, 32, size, size}))});
  x = m.same(m.batch_norm(64), {m.convolution(op, x)});
  m.output(x);
  return std::move(m.graph);
}

TEST_CASE("programs of every size and batch share one packed copy of the weights") {
  const auto source = std::make_shared<NoiseSource>();
  const auto weights = make_cpu_backend()->make_weights(source);
  CHECK(weights->bytes() == 0);
  const Graph first = two_layers(1, 16);
  const auto a = compile(first, {}, weights);
  const std::int64_t bytes = weights->bytes();
  std::int64_t floats = 0;
  for (const Param& p : first.params) {
    if (p.shape.size() > 1) floats += p.shape[0] * p.shape[1] * p.shape[2] * p.shape[3];
  }
  CHECK(bytes >= floats * 4);
  CHECK(bytes <= floats * 4 + 4096);
  for (const std::int64_t size : {8, 15, 40, 64}) {
    for (const std::int64_t n : {1, 3}) {
      const Graph g = two_layers(n, size);
      const auto program = compile(g, {}, weights);
      const Tensors inputs = noise_inputs(g);
      fill_inputs(*program, inputs);
      program->run();
      const Tensors got = read_outputs(*program, g);
      CHECK(relative_error(got.at("y"), evaluate_outputs(g, NoiseSource(), inputs).at("y")) < 2e-5);
    }
  }
  CHECK(weights->bytes() == bytes);
  for (const Param& p : first.params) {
    if (p.shape.size() == 1) continue;
    CHECK(source->fetches(p.name) == 1);
    CHECK(source->released(p.name));
  }
}

TEST_CASE("programs outlive the weights handle and the backend") {
  const Graph g = two_layers(1, 8);
  const Tensors inputs = noise_inputs(g);
  std::unique_ptr<Program> program;
  {
    auto weights = make_cpu_backend()->make_weights(std::make_shared<NoiseSource>());
    program = compile(g, {}, weights);
  }
  fill_inputs(*program, inputs);
  program->run();
  CHECK(same_bits(read_outputs(*program, g), run_cpu(g, inputs)));
}

TEST_CASE("threads may compile and run over the same weights at the same time") {
  const auto weights = make_cpu_backend()->make_weights(std::make_shared<NoiseSource>());
  const Graph g = two_layers(1, 16);
  const Tensors inputs = noise_inputs(g);
  const Tensors expected = run_cpu(g, inputs);
  std::vector<int> equal(4, 0);
  {
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < equal.size(); ++t) {
      threads.emplace_back([&, t] {
        const auto program = compile(g, {.threads = 1, .optimize = true, .without = {}}, weights);
        fill_inputs(*program, inputs);
        for (int i = 0; i < 3; ++i) program->run();
        equal[t] = same_bits(expected, read_outputs(*program, g)) ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  for (const int same : equal) CHECK(same == 1);
}

TEST_CASE("folded and plain weights of one layer stand side by side") {
  const auto weights = make_cpu_backend()->make_weights(std::make_shared<NoiseSource>());
  const Graph g = two_layers(1, 8);
  const Tensors inputs = noise_inputs(g);
  CompileOptions plain;
  plain.optimize = false;
  const auto folded = compile(g, {}, weights), unfolded = compile(g, plain, weights);
  for (Program* p : {folded.get(), unfolded.get()}) {
    fill_inputs(*p, inputs);
    p->run();
  }
  CHECK(relative_error(read_outputs(*folded, g).at("y"), read_outputs(*unfolded, g).at("y")) < 1e-5);
}

TEST_CASE("a source that gives the wrong number of elements is refused by the tensor's name") {
  struct Short final : ParamSource {
    std::span<const float> fetch(const Param&, std::vector<float>& scratch) const override {
      scratch.assign(3, 0.0f);
      return scratch;
    }
  };
  const auto weights = make_cpu_backend()->make_weights(std::make_shared<Short>());
  try {
    compile(two_layers(1, 8), {}, weights);
    FAIL("compiled");
  } catch (const Error& e) {
    CHECK(e.status() == Status::weights);
    CHECK(std::string(e.what()).find("tensor p") == 0);
  }
}

}  // namespace
}  // namespace cuhue::test
