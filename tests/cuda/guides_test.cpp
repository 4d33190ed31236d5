// Photos with a further input that the caller fills, and luminance planes kept between calls: both backends.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/cpu/graph_maker.h"
#include "tests/cuda/host_backend.h"

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
          Luminance luminance = Luminance::rec709_luma) {
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
  program.run_photos({"grey", "ab", luminance}, {&job, 1}, options, {}, timings);
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

  Two() {
    const auto source = std::make_shared<NoiseSource>();
    programs[0] = cpu->compile(guided(), cpu->make_weights(source), {});
    programs[1] = host->compile(guided(), host->make_weights(source), {});
  }
};

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

}  // namespace
}  // namespace cuhue::test
