// Photos with a further input that the caller fills, and luminance planes kept between calls: both backends.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "tests/cpu/graph_maker.h"
#include "tests/cuda/host_backend.h"
#include "weights/status.h"

namespace cuhue::test {
namespace {

constexpr std::int64_t kW = 37, kH = 23;
using Bytes = std::vector<std::uint8_t>;

Convolution same_size(std::int64_t channels) {
  Convolution op;
  op.out_channels = channels;
  op.kernel_h = op.kernel_w = 3;
  op.pad_top = op.pad_left = op.pad_bottom = op.pad_right = 1;
  return op;
}

// grey [1, 1, 12, 16], guide [1, 1, 12, 16] -> ab. Many values behind the inputs want memory.
Graph guided() {
  GraphMaker m;
  const ValueId grey = m.input({1, 1, 12, 16}, "grey"), guide = m.input({1, 1, 12, 16}, "guide");
  ValueId x = m.same(Activation{}, {m.convolution(same_size(8), grey)});
  x = m.same(Activation{},
             {m.convolution(same_size(8), m.same(Add{}, {x, m.convolution(same_size(8), guide)}))});
  x = m.same(Activation{}, {m.convolution(same_size(1), x)});
  m.output(m.convolution(same_size(2), x), "ab");
  return std::move(m.graph);
}

Bytes photo(int seed) {
  Bytes bytes(static_cast<std::size_t>(3 * kW * kH));
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(90.0 + 60.0 * noise(static_cast<std::uint64_t>(seed), i / 9));
  return bytes;
}

void fill(Program& program, float value) {
  const TensorRef guide = program.input("guide");
  for (std::int64_t i = 0; i < guide.dims.count(); ++i)
    guide.data[i] = value * static_cast<float>(noise(77, static_cast<std::uint64_t>(i)));
}

Bytes run(Program& program, const Bytes& in, bool prepared = false,
          Luminance luminance = Luminance::rec709_luma, const Poll& poll = {}) {
  Bytes out(in.size());
  PhotoJob job;
  job.in.data = in.data();
  job.out.data = out.data();
  job.in.width = job.out.width = kW;
  job.in.height = job.out.height = kH;
  job.in.stride = job.out.stride = 3 * kW;
  PhotoOptions options;
  options.prepared = prepared;
  PhotoTimings timings;
  program.run_photos({"grey", "ab", luminance}, {&job, 1}, options, poll, timings);
  return out;
}

// Samples more than one level apart.
std::int64_t apart(const Bytes& a, const Bytes& b) {
  std::int64_t n = 0;
  for (std::size_t i = 0; i < a.size(); ++i) n += std::abs(a[i] - b[i]) > 1;
  return n;
}

struct Two {
  HostBackend host;
  std::unique_ptr<Backend> cpu = make_cpu_backend();
  std::unique_ptr<Program> programs[2];  // CPU, CUDA

  explicit Two(const CompileOptions& options = {}, Graph (*graph)() = guided) {
    const auto source = std::make_shared<NoiseSource>();
    programs[0] = cpu->compile(graph(), cpu->make_weights(source), options);
    programs[1] = host->compile(graph(), host->make_weights(source), options);
  }
};

// Of two branches that meet in concatenations, as a U-Net's: guide's is stated first.
Graph two_branches() {
  GraphMaker m;
  const ValueId grey = m.input({1, 1, 12, 16}, "grey"), guide = m.input({1, 1, 12, 16}, "guide");
  ValueId g = guide, x = grey, joined[2];
  for (ValueId& both : joined) {
    g = m.same(Activation{}, {m.convolution(same_size(8), g)});
    x = m.same(Activation{}, {m.convolution(same_size(8), x)});
    both = m.concat({m.same(Activation{ActivationKind::tanh, 0.0f}, {x}), g});
  }
  ValueId y = m.same(Activation{}, {m.convolution(same_size(16), joined[1])});
  y = m.same(Add{}, {y, joined[0]});
  y = m.same(Activation{}, {m.convolution(same_size(8), y)});
  m.output(m.convolution(same_size(2), y), "ab");
  return std::move(m.graph);
}

// Layers that a run of kept photos asks about, and those of a fresh one.
std::pair<int, int> layers_run(Program& program, const Bytes& in) {
  int asked[2] = {0, 0};
  for (const bool prepared : {false, true}) {
    run(program, in, prepared, Luminance::rec709_luma, [&](double) {
      ++asked[prepared ? 1 : 0];
      return false;
    });
  }
  return {asked[0], asked[1]};
}

TEST_CASE("guides: what the caller writes into a further input colours the next photo") {
  const Two two;
  const Bytes in = photo(1);
  Bytes results[2][2];
  for (int backend = 0; backend < 2; ++backend) {
    for (int call = 0; call < 2; ++call) {
      fill(*two.programs[backend], call == 0 ? 0.0f : 3.0f);
      results[backend][call] = run(*two.programs[backend], in);
      CHECK(run(*two.programs[backend], in) == results[backend][call]);  // it stays
    }
    CHECK(apart(results[backend][0], results[backend][1]) > 100);
  }
  for (int call = 0; call < 2; ++call) CHECK(apart(results[0][call], results[1][call]) <= 2);
}

TEST_CASE("guides: kept photos are not prepared again, with the bits of a fresh run") {
  const Two two;
  for (const auto& program : two.programs) {
    const Bytes in = photo(1), other = photo(2);
    fill(*program, 3.0f);
    const Bytes fresh = run(*program, in);
    const int nodes = [&] {
      run(*program, in);
      return program->counts().graph_nodes;
    }();
    fill(*program, 0.0f);
    run(*program, in);
    fill(*program, 3.0f);
    for (int call = 0; call < 3; ++call) CHECK(run(*program, in, true) == fresh);
    if (nodes > 0) CHECK(program->counts().graph_nodes == nodes - 2);
    // The promise is taken at its word: the colours are those of the photo before.
    const Bytes broken = run(*program, other, true);
    CHECK(broken != run(*program, other));
  }
}

TEST_CASE("guides: planes that are of nobody or of another kind are made again") {
  const Two two;
  for (const auto& program : two.programs) {
    const Bytes in = photo(1), other = photo(2);
    fill(*program, 1.0f);
    const Bytes want = run(*program, in);
    run(*program, other, false, Luminance::cie_l);
    CHECK(run(*program, in, true) == want);  // of another luminance
    const Two first;
    fill(*first.programs[0], 1.0f);
    CHECK(apart(run(*first.programs[0], in, true), want) <= 2);  // never prepared before
  }
  // Where a run of raw tensors writes the planes.
  Program& cuda = *two.programs[1];
  const Bytes want = run(cuda, photo(1));
  std::fill_n(cuda.input("grey").data, 12 * 16, 0.5f);
  cuda.run();
  CHECK(run(cuda, photo(1), true) == want);
  CHECK(two.host.device->damaged() == 0);
}

TEST_CASE("guides: what depends on a kept photo alone is not run again, with the bits of a fresh run") {
  const Two plain({}, two_branches);
  CompileOptions keeping;
  keeping.keep = {"grey"};
  const Two two(keeping, two_branches);
  for (std::size_t i = 0; i < 2; ++i) {
    Program& program = *two.programs[i];
    const Bytes in = photo(1);
    fill(program, 3.0f);
    fill(*plain.programs[i], 3.0f);
    const Bytes fresh = run(program, in);
    CHECK(fresh == run(*plain.programs[i], in));
    fill(program, 0.5f);
    fill(*plain.programs[i], 0.5f);
    const Bytes other = run(*plain.programs[i], in);
    CHECK(apart(other, fresh) > 100);
    for (int call = 0; call < 3; ++call) CHECK(run(program, in, true) == other);
    fill(program, 3.0f);
    CHECK(run(program, in, true) == fresh);
    // Two photos on, it is the latest one's.
    const Bytes second = run(program, photo(2));
    CHECK(run(program, photo(2), true) == second);
    CHECK(run(program, in) == fresh);
  }
  const auto [all, rest] = layers_run(*two.programs[0], photo(1));
  CHECK(rest > 0);
  CHECK(all - rest >= 2);  // grey's convolutions
  const auto [plain_all, plain_rest] = layers_run(*plain.programs[0], photo(1));
  CHECK(plain_all == plain_rest);
  Program& cuda = *two.programs[1];
  run(cuda, photo(1));
  run(cuda, photo(1));
  const int nodes = cuda.counts().graph_nodes;
  for (int call = 0; call < 2; ++call) run(cuda, photo(1), true);
  CHECK(nodes - cuda.counts().graph_nodes >= 2 + 2);  // and the two launches of the preparation
  CHECK(two.host.device->damaged() == 0);
}

TEST_CASE("guides: kept raw tensors, after a run that was stopped, and of an input that is not there") {
  CompileOptions keeping;
  keeping.keep = {"grey"};
  const Two two(keeping, two_branches);
  for (const auto& program : two.programs) {
    const TensorRef grey = program->input("grey");
    for (std::int64_t i = 0; i < grey.dims.count(); ++i)
      grey.data[i] = static_cast<float>(noise(5, static_cast<std::uint64_t>(i)));
    const auto colours = [&] {
      const TensorRef ab = program->output("ab");
      return std::vector<float>(ab.data, ab.data + ab.dims.count());
    };
    fill(*program, 1.0f);
    program->run();
    const std::vector<float> one = colours();
    fill(*program, 2.0f);
    program->run();
    const std::vector<float> two_of_it = colours();
    CHECK(one != two_of_it);
    fill(*program, 1.0f);
    program->run({}, true);
    CHECK(colours() == one);
    // A stopped run leaves nothing to keep.
    CHECK_THROWS_AS(program->run([](double) { return true; }), Error);
    fill(*program, 2.0f);
    program->run({}, true);
    CHECK(colours() == two_of_it);
    // Nor does a photo.
    run(*program, photo(1));
    for (std::int64_t i = 0; i < grey.dims.count(); ++i)
      grey.data[i] = static_cast<float>(noise(5, static_cast<std::uint64_t>(i)));
    fill(*program, 1.0f);
    program->run();
    CHECK(colours() == one);
  }
  keeping.keep = {"gray"};
  CHECK_THROWS_WITH_AS(Two(keeping, two_branches), doctest::Contains("gray"), Error);
}

TEST_CASE("guides: photos to raw tensors, without a picture") {
  CompileOptions direct;
  direct.without = {"winograd"};  // whose rounding is larger
  const Two two(direct);
  Bytes results[2];
  std::vector<float> colours[2];
  for (int backend = 0; backend < 2; ++backend) {
    Program& program = *two.programs[backend];
    fill(program, 1.0f);
    const Bytes in = photo(3);
    PhotoJob job;
    job.in.data = in.data();
    job.in.width = kW;
    job.in.height = kH;
    job.in.stride = 3 * kW;
    for (int call = 0; call < 3; ++call) {
      PhotoTimings timings;
      program.run_photos({"grey", {}, Luminance::rec709_luma}, {&job, 1}, {}, {}, timings);
      const TensorRef ab = program.output("ab");
      const std::vector<float> got(ab.data, ab.data + ab.dims.count());
      if (call > 0) CHECK(got == colours[backend]);
      colours[backend] = got;
    }
    results[backend] = run(program, in);
  }
  CHECK(apart(results[0], results[1]) <= 2);
  double worst = 0;
  for (std::size_t i = 0; i < colours[0].size(); ++i)
    worst =
        std::max(worst, std::abs(static_cast<double>(colours[0][i]) - static_cast<double>(colours[1][i])));
  CHECK(worst < 1e-4);
  CHECK(std::ranges::any_of(colours[0], [](float v) { return v != 0.0f; }));
}

}  // namespace
}  // namespace cuhue::test
