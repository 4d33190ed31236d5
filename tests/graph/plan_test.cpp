#include "runtime/graph/plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "runtime/graph/passes.h"
#include "runtime/networks/network.h"
#include "tests/graph/graph_helpers.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

void check_plan(const std::vector<BufferLife>& lives, const MemoryPlan& plan) {
  REQUIRE(plan.offsets.size() == lives.size());
  for (std::size_t i = 0; i < lives.size(); ++i) {
    REQUIRE(plan.offsets[i] >= 0);
    REQUIRE(plan.offsets[i] % kArenaAlignment == 0);
    REQUIRE(plan.offsets[i] + lives[i].bytes <= plan.arena_bytes);
    for (std::size_t j = 0; j < i; ++j) {
      const bool meet =
          lives[i].first_step <= lives[j].last_step && lives[j].first_step <= lives[i].last_step;
      const bool overlap = plan.offsets[i] < plan.offsets[j] + lives[j].bytes &&
                           plan.offsets[j] < plan.offsets[i] + lives[i].bytes;
      REQUIRE_FALSE((meet && overlap));
    }
  }
  CHECK(plan.arena_bytes >= plan.live_peak_bytes);
}

std::int64_t slow_live_peak(const std::vector<BufferLife>& lives) {
  std::int64_t peak = 0;
  for (const BufferLife& at : lives) {
    for (const int step : {at.first_step, at.last_step}) {
      std::int64_t live = 0;
      for (const BufferLife& b : lives) live += b.first_step <= step && step <= b.last_step ? b.bytes : 0;
      peak = std::max(peak, live);
    }
  }
  return peak;
}

std::vector<BufferLife> random_lives(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return static_cast<int>(random() % n); };
  std::vector<BufferLife> lives(static_cast<std::size_t>(1 + below(60)));
  for (BufferLife& b : lives) {
    b.first_step = below(40);
    b.last_step = b.first_step + (below(4) == 0 ? below(40) : below(3));
    b.bytes = below(10) == 0 ? below(2) : std::int64_t{below(1000)} * below(1000);
  }
  return lives;
}

// Lives of a network's intermediates: a value lives from its node to its last reader.
std::vector<BufferLife> lives_of(const Graph& g) {
  std::vector<BufferLife> lives;
  for (std::size_t i = 0; i < g.nodes.size(); ++i) {
    const ValueId v = g.nodes[i].output;
    BufferLife life{g.values[static_cast<std::size_t>(v)].dims.count() * 4, static_cast<int>(i),
                    static_cast<int>(i)};
    for (std::size_t j = i; j < g.nodes.size(); ++j) {
      const auto read = uses(g.nodes[j]);
      if (std::find(read.begin(), read.end(), v) != read.end()) life.last_step = static_cast<int>(j);
    }
    lives.push_back(life);
  }
  return lives;
}

}  // namespace

TEST_CASE("plan: no two live buffers overlap, whatever their lives") {
  double worst = 1, sum = 0;
  constexpr int kPlans = 1000;
  for (std::uint64_t seed = 0; seed < kPlans; ++seed) {
    INFO("seed " << seed);
    const std::vector<BufferLife> lives = random_lives(seed);
    const MemoryPlan plan = plan_memory(lives);
    check_plan(lives, plan);
    CHECK(plan.live_peak_bytes == slow_live_peak(lives));
    const double ratio = static_cast<double>(plan.arena_bytes) /
                         static_cast<double>(std::max(plan.live_peak_bytes, std::int64_t{64}));
    worst = std::max(worst, ratio);
    sum += ratio;
  }
  MESSAGE("arena / live peak on random lives: mean " << sum / kPlans << ", worst " << worst);
  CHECK(sum / kPlans < 1.1);
}

TEST_CASE("plan: the same lives give the same plan") {
  const std::vector<BufferLife> lives = random_lives(5);
  CHECK(plan_memory(lives).offsets == plan_memory(lives).offsets);
}

TEST_CASE("plan: a chain needs two buffers, and a dead one's room is used again") {
  const std::vector<BufferLife> chain = {{640, 0, 1}, {640, 1, 2}, {640, 2, 3}, {640, 3, 4}};
  const MemoryPlan plan = plan_memory(chain);
  check_plan(chain, plan);
  CHECK(plan.arena_bytes == 1280);
  CHECK(plan.live_peak_bytes == 1280);
}

TEST_CASE("plan: lives are inclusive: last read and first write at one step do not share room") {
  const MemoryPlan plan = plan_memory(std::vector<BufferLife>{{64, 0, 1}, {64, 1, 1}});
  CHECK(plan.offsets[0] != plan.offsets[1]);
}

TEST_CASE("plan: the smallest gap that fits is taken") {
  // At step 1 gaps of 256 (where the second was) and 128 (where the fourth was) are free.
  const std::vector<BufferLife> lives = {{1024, 0, 1}, {960, 0, 0}, {896, 0, 1}, {832, 0, 0},
                                         {768, 0, 1},  {700, 1, 1}, {100, 1, 1}};
  const MemoryPlan plan = plan_memory(lives);
  check_plan(lives, plan);
  CHECK(plan.offsets[5] == plan.offsets[3]);
  CHECK(plan.offsets[6] >= plan.offsets[5] + 700);
}

TEST_CASE("plan: nothing, and buffers of no bytes, need no arena") {
  CHECK(plan_memory({}).arena_bytes == 0);
  const MemoryPlan plan = plan_memory(std::vector<BufferLife>{{0, 0, 9}, {1, 3, 4}, {0, 2, 3}});
  CHECK(plan.arena_bytes == kArenaAlignment);
  CHECK(plan.live_peak_bytes == 1);
}

TEST_CASE("plan: sizes whose sum does not fit 64 bits are refused") {
  const std::int64_t huge = INT64_MAX / 2 + 10;
  CHECK(error_of([&] {
          plan_memory(std::vector<BufferLife>{{huge, 0, 1}, {huge, 1, 2}});
        }).status() == Status::out_of_memory);
  CHECK(error_of([&] {
          plan_memory(std::vector<BufferLife>{{INT64_MAX, 0, 0}});
        }).status() == Status::out_of_memory);
  const MemoryPlan apart = plan_memory(std::vector<BufferLife>{{huge, 0, 1}, {huge, 2, 3}});
  CHECK(apart.offsets == std::vector<std::int64_t>{0, 0});
}

TEST_CASE("plan: impossible lives are a defect, not a plan") {
  CHECK(error_of([] { plan_memory(std::vector<BufferLife>{{-1, 0, 0}}); }).status() == Status::internal);
  CHECK(error_of([] { plan_memory(std::vector<BufferLife>{{1, 2, 1}}); }).status() == Status::internal);
}

TEST_CASE("plan: a network's arena is its live peak") {
  for (const Network& network : networks()) {
    for (const bool optimized : {false, true}) {
      const std::int64_t side = usable_side(network, 256);
      Graph g = build_graph(network, 1, side, side);
      if (optimized) optimize(g);
      const std::vector<BufferLife> lives = lives_of(g);
      const MemoryPlan plan = plan_memory(lives);
      check_plan(lives, plan);
      const double ratio = static_cast<double>(plan.arena_bytes) / static_cast<double>(plan.live_peak_bytes);
      MESSAGE(std::string(network.name)
              << std::string(optimized ? " optimized" : "") << ": arena "
              << static_cast<double>(plan.arena_bytes) / 1e6 << " MB, " << ratio << " of the live peak");
      CHECK(ratio < 1.05);
    }
  }
}
