#include "runtime/cuda/uploader.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "kernels/core/parallel.h"

namespace cuhue::cuda {
namespace {

constexpr std::size_t kSlots = 3;
constexpr std::int64_t kGrain = std::int64_t{1} << 20;  // bytes that a thread is worth

}  // namespace

Uploader::Uploader(std::shared_ptr<Device> device, std::int64_t slot_bytes)
    : device_(std::move(device)), slot_bytes_(slot_bytes), stream_(device_) {}

Uploader::~Uploader() {
  try {
    device_->synchronize(stream());
  } catch (const std::exception&) {  // the device is beyond reading anything
  }
}

Uploader::Slot& Uploader::next_slot() {
  if (slots_.size() < kSlots) {
    Slot slot{PinnedMemory(device_, slot_bytes_, "a slot for uploads"), device_->create_event()};
    return slots_.emplace_back(std::move(slot));
  }
  Slot& slot = slots_[next_];
  next_ = (next_ + 1) % kSlots;
  slot.read->synchronize();
  return slot;
}

void Uploader::upload(void* to, std::span<const std::byte> from) {
  auto* target = static_cast<std::byte*>(to);
  while (!from.empty()) {
    const auto piece = from.first(std::min(from.size(), static_cast<std::size_t>(slot_bytes_)));
    Slot& slot = next_slot();
    std::byte* pinned = slot.memory.data();
    // Pages of a mapped file are read here: several threads wait for them better than one.
    parallel_for(static_cast<std::int64_t>(piece.size()), kGrain, [&](std::int64_t begin, std::int64_t end) {
      std::memcpy(pinned + begin, piece.data() + begin, static_cast<std::size_t>(end - begin));
    });
    device_->copy(target, pinned, static_cast<std::int64_t>(piece.size()), stream());
    slot.read->record(stream());
    target += piece.size();
    from = from.subspan(piece.size());
  }
}

std::byte* Uploader::staging(std::int64_t bytes) {
  if (bytes > staging_.bytes()) {
    device_->synchronize(stream());
    staging_ = Memory();  // before the larger one: both are the peak of memory
    staging_ = Memory(device_, bytes, "staging of weights");
  }
  return staging_.data();
}

void Uploader::finish() {
  device_->synchronize(stream());
  slots_.clear();
  next_ = 0;
  staging_ = Memory();
}

}  // namespace cuhue::cuda
