// Two networks that see the same photo, in one launch: of deep-koalarization; in small tests stand-ins.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "tests/gpu/gpu_support.h"
#include "tests/support/standin_networks.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

#if defined(CUHUE_GPU_TESTS_SMALL)
constexpr int kImages = 3;
constexpr std::int64_t kWidth = 61, kHeight = 43;
Network features_network() {
  return standin_features();
}
Network colours_network() {
  return standin_colours();
}
#else
constexpr int kImages = 1000;
constexpr std::int64_t kWidth = 1531, kHeight = 1021;
Network features_network() {
  return network_or_throw("inception-resnet-v2");
}
Network colours_network() {
  return network_or_throw("koalarization");
}
#endif

struct Both {
  explicit Both(Backend& backend) {
    for (std::size_t i = 0; i < 2; ++i) {
      const Network& network = networks[i];
      CompileOptions options;
      if (i == 1) options.keep = {"l"};
      const std::string_view only[] = {i == 0 ? "logits" : "ab"};
      const Settings settings = i == 0 ? Settings{} : Settings{{"units", 1.0}};
      Graph graph = build_graph(network, 1, network.default_size, network.default_size, settings, only);
      programs[i] = backend.compile(std::move(graph),
                                    backend.make_weights(std::make_shared<FormulaSource>(network)), options);
    }
    ends.companion = {programs[0].get(), "image", "logits", "embedding", 0.5};
  }

  void run(const std::vector<std::uint8_t>& photo, std::vector<std::uint8_t>& result) {
    PhotoJob job;
    job.in = rgb_photo(photo.data(), kWidth, kHeight);
    job.out = rgb_photo(result.data(), kWidth, kHeight);
    PhotoTimings timings;
    programs[1]->run_photos(ends, {&job, 1}, {}, {}, timings);
  }

  Network networks[2] = {features_network(), colours_network()};
  std::unique_ptr<Program> programs[2];
  PhotoEnds ends{"l", "ab"};
};

}  // namespace

TEST_SUITE("steady") {
  TEST_CASE("two networks side by side: the CPU's pictures, one launch each, nothing allocated") {
    std::vector<std::uint8_t> photo(static_cast<std::size_t>(kWidth * kHeight * 3)), want(photo.size());
    std::mt19937 random(11);
    for (std::size_t i = 0; i < photo.size(); ++i)
      photo[i] = static_cast<std::uint8_t>(i / 3 % static_cast<std::size_t>(kWidth) % 200 + random() % 50);
    const auto cpu = make_cpu_backend();
    Both(*cpu).run(photo, want);
    for (const Precision precision : kPrecisions) {
      CAPTURE(name_of(precision));
      const auto backend = cuda_backend(precision);
      Both both(*backend);
      std::vector<std::uint8_t> first(photo.size()), result(photo.size());
      for (int warm_up = 0; warm_up < 2; ++warm_up) both.run(photo, first);
      std::int64_t off = 0;
      for (std::size_t i = 0; i < want.size(); ++i) off += std::abs(first[i] - want[i]) > 1 ? 1 : 0;
      if (precision == Precision::fp32) CHECK(off * 1000 <= static_cast<std::int64_t>(want.size()));
      const ProgramCounts before = both.programs[1]->counts();
      int different = 0;
      for (int i = 0; i < kImages; ++i) {
        both.run(photo, result);
        different += result != first ? 1 : 0;
      }
      const ProgramCounts after = both.programs[1]->counts();
      CHECK(different == 0);
      CHECK(after.allocations == before.allocations);
      CHECK(after.free_bytes == before.free_bytes);
      CHECK(after.launches - before.launches == kImages);
      CHECK(both.programs[0]->counts().launches == 0);
      note_fact(R"({"fact": "steady", "network": ")" + std::string(both.networks[1].name) + " beside " +
                std::string(both.networks[0].name) + R"(", "precision": ")" + name_of(precision) +
                R"(", "photos": )" + std::to_string(kImages) + R"(, "allocations": )" +
                std::to_string(after.allocations - before.allocations) + R"(, "launches": )" +
                std::to_string(after.launches - before.launches) + R"(, "graph_nodes": )" +
                std::to_string(after.graph_nodes) + R"(, "off_by_more_than_a_level": )" +
                std::to_string(off) + R"(, "leaked_bytes": )" +
                std::to_string(before.free_bytes - after.free_bytes) + "}");
    }
  }
}
