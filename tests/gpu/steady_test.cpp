// A program in its steady state: the same bits every time, nothing allocated, one graph launch a call.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "runtime/cuda/program.h"
#include "tests/gpu/gpu_support.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

#if defined(CUHUE_GPU_TESTS_SMALL)
constexpr int kRepeats = 3, kImages = 5;
constexpr std::int64_t kWidth = 61, kHeight = 43;
#else
constexpr int kRepeats = 100, kImages = 1000;
constexpr std::int64_t kWidth = 1531, kHeight = 1021;
#endif

struct Prepared {
  std::unique_ptr<Backend> backend;
  std::shared_ptr<DeviceWeights> weights;
  std::unique_ptr<Program> program;
};

Prepared prepared(const Network& network, Precision precision) {
  Prepared p;
  p.backend = cuda_backend(precision);
  p.weights = p.backend->make_weights(std::make_shared<FormulaSource>(network));
  const std::int64_t side = test_side(network);
  const std::string_view outputs[] = {result_of(network)};
  p.program = p.backend->compile(build_graph(network, 1, side, side, {}, outputs), p.weights, {});
  fill_inputs(network, *p.program);
  return p;
}

std::vector<float> values(const TensorRef& t) {
  return {t.data, t.data + t.dims.count()};
}

std::vector<std::uint8_t> noise(std::size_t count) {
  std::mt19937 random(11);
  std::vector<std::uint8_t> bytes(count);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(random());
  return bytes;
}

}  // namespace

TEST_SUITE("steady") {
  TEST_CASE("repeated runs give the same bits") {
    for (const Network& network : networks()) {
      if (left_out(network)) continue;
      for (const Precision precision : kPrecisions) {
        CAPTURE(network.name);
        CAPTURE(name_of(precision));
        const Prepared p = prepared(network, precision);
        p.program->run();
        const std::vector<float> first = values(p.program->output(result_of(network)));
        int different = 0;
        for (int i = 1; i < kRepeats; ++i) {
          p.program->run();
          const std::vector<float> again = values(p.program->output(result_of(network)));
          different += std::memcmp(first.data(), again.data(), first.size() * sizeof(float)) != 0 ? 1 : 0;
        }
        CHECK(different == 0);
        note_fact(R"({"fact": "repeats", "network": ")" + std::string(network.name) + R"(", "precision": ")" +
                  name_of(precision) + R"(", "runs": )" + std::to_string(kRepeats) + R"(, "different": )" +
                  std::to_string(different) + "}");
      }
    }
  }

  TEST_CASE("the times of a profile's steps are those of a launch, taken apart") {
    const Network& network = network_or_throw("lite");
    const Prepared p = prepared(network, Precision::fp16);
    double whole = INFINITY, steps = INFINITY;
    for (int again = 0; again < 5; ++again) {
      whole = std::min(whole, dynamic_cast<cuda::CudaProgram&>(*p.program).device_seconds(1).front());
      double sum = 0;
      for (const StepProfile& step : p.program->profile()) {
        CHECK(step.seconds > 0);
        sum += step.seconds;
      }
      steps = std::min(steps, sum);
    }
    note_fact(R"({"fact": "profile", "network": "lite", "whole_us": )" + std::to_string(1e6 * whole) +
              R"(, "steps_us": )" + std::to_string(1e6 * steps) + "}");
    CHECK(steps > whole / 4);
    CHECK(steps < whole * 4);  // every point takes a little time of its own
  }

  TEST_CASE("photo after photo: one launch each, nothing allocated, nothing leaked") {
    for (const Network& network : networks()) {
      if (left_out(network)) continue;
      const std::optional<PhotoEnds> ends = photo_ends(network);
      if (!ends) continue;
      CAPTURE(network.name);
      const Prepared p = prepared(network, Precision::fp16);
      const auto photo = noise(static_cast<std::size_t>(kWidth * kHeight * 3));
      std::vector<std::uint8_t> result(photo.size()), first;
      PhotoJob job;
      job.in = rgb_photo(photo.data(), kWidth, kHeight);
      job.out = rgb_photo(result.data(), kWidth, kHeight);
      PhotoTimings timings;
      for (int warm_up = 0; warm_up < 2; ++warm_up) p.program->run_photos(*ends, {&job, 1}, {}, {}, timings);
      first = result;
      const ProgramCounts before = p.program->counts();
      for (int i = 0; i < kImages; ++i) p.program->run_photos(*ends, {&job, 1}, {}, {}, timings);
      const ProgramCounts after = p.program->counts();
      CHECK(after.allocations == before.allocations);
      CHECK(after.free_bytes == before.free_bytes);
      CHECK(after.launches - before.launches == kImages);
      CHECK(result == first);
      note_fact(R"({"fact": "steady", "network": ")" + std::string(network.name) + R"(", "photos": )" +
                std::to_string(kImages) + R"(, "allocations": )" +
                std::to_string(after.allocations - before.allocations) + R"(, "launches": )" +
                std::to_string(after.launches - before.launches) + R"(, "graph_nodes": )" +
                std::to_string(after.graph_nodes) + R"(, "leaked_bytes": )" +
                std::to_string(before.free_bytes - after.free_bytes) + "}");
    }
  }
}
