#include <algorithm>
#include <cstring>
#include <random>

#include "bench/gpu/gpu_bench.h"

namespace cuhue::bench {
namespace {

constexpr std::int64_t kTwiceL2 = 256LL << 20;  // of the largest L2 known, with room
constexpr int kMostSets = 64;
constexpr int kRunsAGraph = 64;
constexpr int kSamples = 31;

}  // namespace

std::byte* Set::upload(const void* from, std::int64_t count) {
  memory_.emplace_back(device_, std::max<std::int64_t>(count, 1), "a benchmark's tensor");
  allocated_ += count;
  const cuda::OwnedStream stream(device_);
  if (from == nullptr) {
    device_->fill_zero(memory_.back().data(), count, stream.get());
  } else {
    device_->copy(memory_.back().data(), from, count, stream.get());
  }
  device_->synchronize(stream.get());
  return memory_.back().data();
}

std::byte* Set::bytes(std::int64_t count) {
  return upload(nullptr, count);
}

std::uint8_t* Set::random_bytes(std::int64_t count) {
  std::mt19937 random(7);
  std::vector<std::uint8_t> values(static_cast<std::size_t>(count));
  for (auto& v : values) v = static_cast<std::uint8_t>(random());
  return reinterpret_cast<std::uint8_t*>(upload(values.data(), count));
}

float* Set::floats(std::int64_t count, float range) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> value(-range, range);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = value(random);
  return reinterpret_cast<float*>(upload(values.data(), count * 4));
}

DeviceTensor Set::tensor(Dims dims, Element element, float range) {
  if (element == Element::f32) return dense_device_tensor(floats(dims.count(), range), dims, element);
  // Random halves of [1, 2) with random signs: never NaN, denormal or infinite.
  std::mt19937 random(7);
  std::vector<std::uint16_t> values(static_cast<std::size_t>(dims.count()));
  for (auto& v : values) v = static_cast<std::uint16_t>((random() & 0x83ffU) | 0x3c00U);
  return dense_device_tensor(upload(values.data(), dims.count() * 2), dims, element);
}

Times time_case(const std::shared_ptr<cuda::Device>& device, const Case& c) {
  const auto first = std::make_unique<Set>(device);
  std::vector<Work> work{c.make(*first)};
  const std::int64_t one = std::max<std::int64_t>(first->allocated(), 1);
  const auto sets = static_cast<int>(std::clamp<std::int64_t>(kTwiceL2 / one + 1, 2, kMostSets));
  std::vector<std::unique_ptr<Set>> more;
  for (int i = 1; i < sets; ++i) {
    more.push_back(std::make_unique<Set>(device));
    work.push_back(c.make(*more.back()));
  }
  const auto graph = device->record([&](Stream stream) {
    for (int run = 0; run < kRunsAGraph; ++run) work[static_cast<std::size_t>(run % sets)](stream);
  });
  const cuda::OwnedStream stream(device);
  const auto launch = [&](Stream s) { graph->launch(s); };
  for (int warm_up = 0; warm_up < 3; ++warm_up) device->seconds(launch, stream.get());
  std::vector<double> seconds;
  for (int i = 0; i < kSamples; ++i) seconds.push_back(device->seconds(launch, stream.get()) / kRunsAGraph);
  std::sort(seconds.begin(), seconds.end());
  return {seconds[kSamples / 2], seconds[kSamples / 10], seconds[kSamples - 1 - kSamples / 10]};
}

}  // namespace cuhue::bench
