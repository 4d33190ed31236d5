// A steady state allocates nothing on the host either. Recordings are counted and not run here: the executor
// that plays the GPU allocates for itself.
#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <vector>

#include "runtime/networks/network.h"
#include "tests/cuda/host_backend.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/standin_networks.h"

namespace cuhue::test {
namespace {

TEST_CASE("a steady-state call of the CUDA backend allocates nothing on the host") {
  const Network& network = network_or_throw("lite");
  const std::string_view only[] = {"ab"};
  const HostBackend host;
  const auto weights = host->make_weights(std::make_shared<FormulaSource>(network));
  const auto program = host->compile(build_graph(network, 2, 32, 32, {}, only), weights,
                                     {.threads = 1, .optimize = true, .without = {}});
  // Large enough for copies by several threads, were they asked for.
  std::vector<std::uint8_t> photo(640 * 480 * 3, 90), result(photo.size());
  PhotoJob job;
  job.in = {photo.data(), 640, 480, 640 * 3};
  job.out = {result.data(), 640, 480, 640 * 3};
  PhotoJob small = job;
  small.in.width = small.out.width = 100;
  const std::array<PhotoJob, 2> jobs{job, small};
  const PhotoEnds ends{network.inputs[0].name, "ab", Luminance::rec709_luma};
  PhotoTimings timings;
  host.device->set_dry(true);
  program->run();
  program->run_photos(ends, jobs, {}, {}, timings);
  const auto on_device = host.device->allocations();
  const AllocationTally t = allocations_of([&] {
    program->run();
    program->run_photos(ends, jobs, {}, {}, timings);
  });
  MESSAGE("own " << t.own << ", OpenMP " << t.openmp << ", other " << t.other << ", bytes " << t.bytes);
  CHECK(t.bytes == 0);
  CHECK(host.device->allocations() == on_device);
  CHECK(host.device->launches() == 2);
}

TEST_CASE("nor does one of two networks side by side") {
  const Network networks[] = {standin_features(), standin_colours()};
  const HostBackend host;
  std::unique_ptr<Program> programs[2];
  for (std::size_t i = 0; i < 2; ++i) {
    CompileOptions options;
    options.threads = 1;
    if (i == 1) options.keep = {"l"};
    const std::int64_t side = i == 0 ? 299 : 32;
    programs[i] = host->compile(build_graph(networks[i], 1, side, side),
                                host->make_weights(std::make_shared<FormulaSource>(networks[i])), options);
  }
  std::vector<std::uint8_t> photo(64 * 48 * 3, 90), result(photo.size());
  PhotoJob job;
  job.in = {photo.data(), 64, 48, 64 * 3};
  job.out = {result.data(), 64, 48, 64 * 3};
  PhotoEnds ends{"l", "ab"};
  ends.companion = {programs[0].get(), "image", "logits", "embedding", 0.5};
  PhotoTimings timings;
  host.device->set_dry(true);
  const auto call = [&] { programs[1]->run_photos(ends, {&job, 1}, {}, {}, timings); };
  call();
  call();
  const auto on_device = host.device->allocations(), launches = host.device->launches();
  const AllocationTally t = allocations_of(call);
  CHECK(t.bytes == 0);
  CHECK(host.device->allocations() == on_device);
  CHECK(host.device->launches() == launches + 1);
}

}  // namespace
}  // namespace cuhue::test
