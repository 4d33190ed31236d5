#include "apps/cuhue/pipeline.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace cuhue::app;

namespace {

struct Item {
  std::size_t index = 0;
  int value = 0;
};

// Sleeps that differ from item to item, so that threads overtake each other.
void wobble(std::size_t i) {
  std::this_thread::sleep_for(std::chrono::microseconds((i * 2654435761U >> 7) % 300));
}

struct Recorder {
  std::mutex mutex;
  std::vector<int> saved;
  std::vector<std::size_t> batches;
  std::atomic<int> in_flight{0}, most_in_flight{0};

  PipelineStages<Item> stages() {
    return {.load =
                [this](std::size_t i) {
                  const int now = ++in_flight;
                  int most = most_in_flight;
                  while (now > most && !most_in_flight.compare_exchange_weak(most, now)) {
                  }
                  wobble(i);
                  return Item{i, static_cast<int>(i)};
                },
            .set_up = [](int) {},
            .process =
                [this](int, std::span<Item> items) {
                  for (Item& item : items) item.value = item.value * 2 + 1;
                  wobble(items.size());
                  const std::lock_guard lock(mutex);
                  batches.push_back(items.size());
                },
            .save =
                [this](Item item) {
                  wobble(item.index + 7);
                  --in_flight;
                  const std::lock_guard lock(mutex);
                  saved.push_back(item.value);
                },
            .stop = [] { return false; }};
  }
};

}  // namespace

TEST_CASE("every item passes all stages once, whatever the threads and batches") {
  for (const Jobs jobs : {Jobs{1, 1, 1}, Jobs{3, 1, 2}, Jobs{1, 4, 1}, Jobs{4, 3, 5}}) {
    for (const std::size_t batch : {1, 4, 7}) {
      CAPTURE(jobs.load);
      CAPTURE(jobs.process);
      CAPTURE(batch);
      Recorder r;
      constexpr std::size_t kCount = 50;
      Pipeline<Item>(kCount, jobs, batch, r.stages()).run();
      std::sort(r.saved.begin(), r.saved.end());
      std::vector<int> expected(kCount);
      for (std::size_t i = 0; i < kCount; ++i) expected[i] = static_cast<int>(2 * i + 1);
      CHECK(r.saved == expected);
      // Batches are full but for one at the end.
      std::sort(r.batches.begin(), r.batches.end());
      CHECK(r.batches.size() == (kCount + batch - 1) / batch);
      CHECK(r.batches.back() == batch);
    }
  }
}

TEST_CASE("the queues are bounded: fast loading does not pile up pictures") {
  Recorder r;
  auto stages = r.stages();
  stages.save = [&, save = stages.save](Item item) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    save(item);
  };
  Pipeline<Item>(60, {2, 1, 1}, 1, std::move(stages)).run();
  // 2 loading, 1 queued, 1 processed, 1 queued, 1 saved, and one that waits at each queue.
  CHECK(r.most_in_flight <= 8);
}

TEST_CASE("an exception of any stage ends all threads and comes out") {
  for (int stage = 0; stage < 4; ++stage) {
    CAPTURE(stage);
    Recorder r;
    auto stages = r.stages();
    const auto maybe = [&](int s, std::size_t i) {
      if (s == stage && i == 5) throw std::runtime_error("stage " + std::to_string(s));
    };
    stages.load = [&, load = stages.load](std::size_t i) {
      maybe(0, i);
      return load(i);
    };
    stages.set_up = [&](int worker) {
      if (worker == 0) maybe(1, 5);
    };
    stages.process = [&, process = stages.process](int w, std::span<Item> items) {
      maybe(2, items[0].index);
      process(w, items);
    };
    stages.save = [&, save = stages.save](Item item) {
      maybe(3, item.index);
      save(item);
    };
    CHECK_THROWS_WITH_AS(Pipeline<Item>(40, {2, 2, 2}, 1, std::move(stages)).run(),
                         ("stage " + std::to_string(stage)).c_str(), std::runtime_error);
    CHECK(r.saved.size() < 40);
  }
}

TEST_CASE("stop ends the loading and what is loaded still goes through") {
  Recorder r;
  auto stages = r.stages();
  std::atomic<int> loaded{0};
  stages.load = [&, load = stages.load](std::size_t i) {
    ++loaded;
    return load(i);
  };
  stages.stop = [&] { return loaded >= 10; };
  Pipeline<Item>(100, {1, 1, 1}, 3, std::move(stages)).run();
  CHECK(loaded == 10);
  CHECK(r.saved.size() == 10);
}

TEST_CASE("no items: no calls but the set-up, and an end") {
  Recorder r;
  Pipeline<Item>(0, {1, 1, 1}, 1, r.stages()).run();
  CHECK(r.saved.empty());
}
