// Host memory to device memory through a ring of pinned slots: the host copies the next piece while the
// device reads the last ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/cuda/device.h"

namespace cuhue::cuda {

// Not thread-safe. Slots and staging exist between the first use and finish().
class Uploader {
 public:
  static constexpr std::int64_t kSlotBytes = std::int64_t{4} << 20;
  explicit Uploader(std::shared_ptr<Device> device, std::int64_t slot_bytes = kSlotBytes);
  // Waits for what is under way.
  ~Uploader();
  Uploader(const Uploader&) = delete;
  Uploader& operator=(const Uploader&) = delete;

  // In the order of stream(); `from` may be changed on return. Waits for a slot that is still being read, and
  // for nothing else.
  void upload(void* to, std::span<const std::byte> from);
  // Device memory for what the stream works on in passing; it stands until a larger one is asked for, or
  // finish(). Aligned to 256.
  std::byte* staging(std::int64_t bytes);
  Stream stream() const { return stream_.get(); }
  // All of it has arrived; slots and staging are given back.
  void finish();

 private:
  struct Slot {
    PinnedMemory memory;
    std::unique_ptr<Event> read;  // the device is done with it
  };
  Slot& next_slot();

  std::shared_ptr<Device> device_;
  std::int64_t slot_bytes_;
  OwnedStream stream_;
  std::vector<Slot> slots_;
  std::size_t next_ = 0;
  Memory staging_;
};

}  // namespace cuhue::cuda
