#include <algorithm>
#include <iterator>
#include <random>

#include "bench/gpu/gpu_bench.h"
#include "weights/status.h"

namespace cuhue::bench {
namespace {

constexpr int kMostSets = 64;
constexpr int kLeastRuns = 8, kMostRuns = 64;  // of a case in a graph
constexpr double kSecondsOfAGraph = 1e-3;
constexpr int kSamples = 31;

// Made once, and read again and again: a case's time is for the device, not for random numbers.
const std::vector<std::uint32_t>& random_table() {
  static const std::vector<std::uint32_t> table = [] {
    std::mt19937 random(7);
    std::vector<std::uint32_t> made((std::size_t{1} << 20) + 7);  // of no length that tensors have
    for (auto& v : made) v = static_cast<std::uint32_t>(random());
    return made;
  }();
  return table;
}

template <class T, class Make>
std::vector<T> random_values(std::int64_t count, const Make& make) {
  const std::vector<std::uint32_t>& table = random_table();
  std::vector<T> values;
  values.reserve(static_cast<std::size_t>(count));
  while (static_cast<std::int64_t>(values.size()) < count) {
    const auto more = std::min(table.size(), static_cast<std::size_t>(count) - values.size());
    std::transform(table.begin(), table.begin() + static_cast<std::ptrdiff_t>(more),
                   std::back_inserter(values), make);
  }
  return values;
}

}  // namespace

std::byte* Set::upload(const void* from, std::int64_t count) {
  memory_.emplace_back(device_, std::max<std::int64_t>(count, 1), "a benchmark's tensor");
  allocated_ += count;
  if (from == nullptr) {
    device_->fill_zero(memory_.back().data(), count, stream_.get());
  } else {
    device_->copy(memory_.back().data(), from, count, stream_.get());
  }
  device_->synchronize(stream_.get());
  return memory_.back().data();
}

std::byte* Set::bytes(std::int64_t count) {
  return upload(nullptr, count);
}

std::uint8_t* Set::random_bytes(std::int64_t count) {
  const auto values =
      random_values<std::uint8_t>(count, [](std::uint32_t v) { return static_cast<std::uint8_t>(v); });
  return reinterpret_cast<std::uint8_t*>(upload(values.data(), count));
}

float* Set::floats(std::int64_t count, float range) {
  const auto values = random_values<float>(count, [range](std::uint32_t v) {
    return static_cast<float>(static_cast<std::int32_t>(v)) * (range * 0x1p-31f);
  });
  return reinterpret_cast<float*>(upload(values.data(), count * 4));
}

DeviceTensor Set::tensor(Dims dims, Element element, float range) {
  if (element == Element::f32) return dense_device_tensor(floats(dims.count(), range), dims, element);
  // Random halves of [1, 2) with random signs: never NaN, denormal or infinite.
  const auto values = random_values<std::uint16_t>(
      dims.count(), [](std::uint32_t v) { return static_cast<std::uint16_t>((v & 0x83ffU) | 0x3c00U); });
  return dense_device_tensor(upload(values.data(), dims.count() * 2), dims, element);
}

Times time_case(const std::shared_ptr<cuda::Device>& device, const Case& c) {
  const auto first = std::make_unique<Set>(device);
  std::vector<Work> work{c.make(*first)};
  const std::int64_t one = std::max<std::int64_t>(first->allocated(), 1);
  const auto sets =
      static_cast<int>(std::clamp<std::int64_t>(2 * device->facts().l2_bytes / one + 1, 2, kMostSets));
  std::vector<std::unique_ptr<Set>> more;
  for (int i = 1; i < sets; ++i) {
    more.push_back(std::make_unique<Set>(device));
    work.push_back(c.make(*more.back()));
  }
  const cuda::OwnedStream stream(device);
  const auto clock = device->create_clock(2);
  for (const Work& run : work) {  // the first one loads the kernel, the last one is timed
    device->launch([&] {
      clock->mark(0, stream.get());
      run(stream.get());
      clock->mark(1, stream.get());
    });
  }
  device->synchronize(stream.get());
  const double once = clock->seconds(0, 1);
  const auto runs = std::max(sets, static_cast<int>(std::clamp<double>(
                                       kSecondsOfAGraph / std::max(once, 1e-9), kLeastRuns, kMostRuns)));
  const auto graph = device->record([&](Stream s) {
    clock->mark(0, s);
    for (int run = 0; run < runs; ++run) work[static_cast<std::size_t>(run % sets)](s);
    clock->mark(1, s);
  });
  const auto timed = [&] {
    graph->launch(stream.get());
    device->synchronize(stream.get());
    return clock->seconds(0, 1) / runs;
  };
  for (int warm_up = 0; warm_up < 3; ++warm_up) timed();
  std::vector<double> seconds(kSamples);
  std::ranges::generate(seconds, timed);
  std::sort(seconds.begin(), seconds.end());
  if (!(seconds.front() > 0)) throw Error(Status::device, "it took no time that the device's clock can tell");
  return {seconds[kSamples / 2], seconds[kSamples / 10], seconds[kSamples - 1 - kSamples / 10]};
}

}  // namespace cuhue::bench
