// Work of several streams in one recording, as the device of the tests plays it: by the rules of CUDA's
// captures.
#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "runtime/cuda/companion.h"
#include "tests/executor/executor.h"
#include "tests/executor/host_device.h"

namespace cuhue::test {
namespace {

struct Stage {
  std::shared_ptr<HostDevice> device = std::make_shared<HostDevice>();
  cuda::OwnedStream stream{device};
  cuda::Branch branch{device};
  std::vector<int> log = std::vector<int>(8, 0);
  int values[8] = {1, 2, 3, 4, 5, 6, 7, 8};

  // Two steps beside two others, between one before and one behind; `log[i]` shows what step i saw of `from`.
  void enqueue(Stream s) {
    const auto copy = [&](int to, int from, Stream on) {
      device->copy(&log[static_cast<std::size_t>(to)], &log[static_cast<std::size_t>(from)], sizeof(int), on);
    };
    device->copy(&log[0], &values[4], sizeof(int), s);
    const Stream side = branch.fork(s);
    copy(1, 0, side);
    copy(2, 7, side);  // what the other branch may or may not have written
    branch.end();
    copy(3, 0, s);
    device->copy(&log[7], &values[6], sizeof(int), s);
    branch.join(s);
    copy(4, 1, s);
    copy(5, 7, s);
  }
};

TEST_CASE("capture: branches follow what they were forked from, in the order that is asked for") {
  for (const BranchOrder order :
       {BranchOrder::as_captured, BranchOrder::latest_first, BranchOrder::in_turns}) {
    Stage stage;
    const auto recording = stage.device->record([&](Stream s) { stage.enqueue(s); });
    CHECK(recording->nodes() == 7);
    CHECK(stage.log == std::vector<int>(8, 0));
    stage.device->set_branch_order(order);
    recording->launch(stage.stream.get());
    stage.device->synchronize(stage.stream.get());
    CHECK(stage.log[1] == 5);
    CHECK(stage.log[3] == 5);
    CHECK(stage.log[4] == 5);
    CHECK(stage.log[5] == 7);
    CHECK(stage.log[2] == (order == BranchOrder::latest_first ? 7 : 0));
  }
}

TEST_CASE("capture: the same work step by step, and again") {
  Stage stage;
  for (int call = 0; call < 2; ++call) {
    stage.log.assign(8, 0);
    stage.enqueue(stage.stream.get());
    stage.device->synchronize(stage.stream.get());
    CHECK(stage.log[4] == 5);
    CHECK(stage.log[5] == 7);
  }
}

TEST_CASE("capture: what may wait or moves memory is refused meanwhile, and not afterwards") {
  HostDevice device;
  const cuda::OwnedStream other(std::shared_ptr<HostDevice>(&device, [](HostDevice*) {}));
  const auto event = device.create_event();
  void* const memory = device.allocate(64, "a block");
  const auto captured = [&](auto&& work) { return device.record([&](Stream) { work(); }); };
  CHECK_THROWS_AS(captured([&] { device.allocate(1, "more"); }), std::logic_error);
  CHECK_THROWS_AS(captured([&] { device.allocate_pinned(1, "more"); }), std::logic_error);
  CHECK_THROWS_AS(captured([&] { device.synchronize(other.get()); }), std::logic_error);
  CHECK_THROWS_AS(captured([&] { event->synchronize(); }), std::logic_error);
  CHECK_THROWS_AS(captured([&] { captured([] {}); }), std::logic_error);
  captured([&] { device.release(memory); });
  CHECK(device.damaged() == 1);
  device.release(memory);
  CHECK(device.damaged() == 1);
  device.synchronize(other.get());
}

TEST_CASE("capture: a clock's points are part of the recording, and taken anew by every launch") {
  const auto device = std::make_shared<HostDevice>();
  const cuda::OwnedStream stream(device);
  const auto clock = device->create_clock(2);
  auto pause = std::chrono::milliseconds(20);
  const auto recording = device->record([&](Stream s) {
    clock->mark(0, s);
    simt::keeps(s, [&] { std::this_thread::sleep_for(pause); });
    clock->mark(1, s);
    CHECK_THROWS_AS(clock->seconds(0, 1), std::logic_error);
  });
  CHECK(clock->seconds(0, 1) < 0.02);  // nothing ran yet
  const auto launched = [&] {
    recording->launch(stream.get());
    device->synchronize(stream.get());
    return clock->seconds(0, 1);
  };
  CHECK(launched() >= 0.02);
  pause = {};
  CHECK(launched() < 0.02);
}

TEST_CASE("capture: a branch that nobody joins, and events of elsewhere, are errors") {
  Stage stage;
  CHECK_THROWS_AS(stage.device->record([&](Stream s) {
    stage.device->copy(&stage.log[1], &stage.log[0], sizeof(int), stage.branch.fork(s));
    stage.branch.end();
  }),
                  std::logic_error);
  const auto event = stage.device->create_event();
  event->record(stage.stream.get());
  stage.device->copy(&stage.log[1], &stage.log[0], sizeof(int), stage.stream.get());
  event->record(stage.stream.get());
  CHECK_THROWS_AS(stage.device->record([&](Stream s) { event->hold(s); }), std::logic_error);
  stage.device->record([&](Stream s) { event->record(s); });
  CHECK_THROWS_AS(event->hold(stage.stream.get()), std::logic_error);
  CHECK_THROWS_AS(event->synchronize(), std::logic_error);
  // Streams are as before.
  const auto recording = stage.device->record([&](Stream s) { stage.enqueue(s); });
  recording->launch(stage.stream.get());
  stage.device->synchronize(stage.stream.get());
  CHECK(stage.log[5] == 7);
}

}  // namespace
}  // namespace cuhue::test
