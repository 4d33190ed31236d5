// What the CUDA backend needs of a device. The real one wraps the CUDA runtime (gpu.cpp); the tests have one
// on the host executor, so that everything above this line runs without a GPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "kernels/core/stream.h"

namespace cuhue::cuda {

struct DeviceFacts {
  int index = 0;
  std::string name;          // "NVIDIA H200"
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  std::int64_t total_bytes = 0;
  std::int64_t l2_bytes = 0;  // of the cache that all multiprocessors share
  bool integrated = false;    // shares its memory with the host (Jetson): pinned memory is read in place
  std::string driver;         // "580.65.06 (CUDA 13.0)"; part of the key of cached plans
};

// Work captured once, launched again and again: a CUDA graph. Not thread-safe.
class Recording {
 public:
  virtual ~Recording() = default;
  virtual void launch(Stream stream) = 0;
  virtual int nodes() const = 0;  // kernels, copies and fills in it
};

// A point in a stream's work, of the latest record(). Not thread-safe. It outlives the stream it was recorded
// on.
class Event {
 public:
  virtual ~Event() = default;
  virtual void record(Stream stream) = 0;
  virtual void synchronize() = 0;        // the host waits; returns at once before the first record()
  virtual void hold(Stream stream) = 0;  // what `stream` is given from now on waits for the point
};

// Points of a stream's work on the device's own clock. Recorded among that work, they are taken anew by every
// launch: no time of the host's is among them. Not thread-safe. Outlives the recordings it is part of.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual void mark(std::size_t point, Stream stream) = 0;  // within Device::launch or record
  // Between the latest marks of two points, whose work somebody has waited for.
  virtual double seconds(std::size_t from, std::size_t to) const = 0;
};

// Thread-safe unless said otherwise. Every failure is Error(Status::device), but a lack of memory, which is
// Error(Status::out_of_memory) with the bytes needed and free. After an error that leaves the device unusable
// every later call says so, and how to go on.
class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceFacts& facts() const = 0;

  // Aligned to 256 bytes at least. `what` names it in the error. Contents are undefined.
  virtual void* allocate(std::int64_t bytes, std::string_view what) = 0;
  virtual void release(void* memory) noexcept = 0;
  // Host memory that the device reads and writes at the same address.
  virtual void* allocate_pinned(std::int64_t bytes, std::string_view what) = 0;
  virtual void release_pinned(void* memory) noexcept = 0;
  virtual std::int64_t free_bytes() const = 0;  // of device memory
  // How many of the four calls above allocated so far: tests count a steady state's.
  virtual std::int64_t allocations() const = 0;

  virtual Stream create_stream() = 0;
  virtual void destroy_stream(Stream stream) noexcept = 0;
  virtual void synchronize(Stream stream) = 0;
  virtual std::unique_ptr<Event> create_event() = 0;
  virtual std::unique_ptr<Clock> create_clock(std::size_t points) = 0;

  // In the order of the stream; host memory should be pinned. Rows of 2-D copies are `bytes` wide.
  virtual void copy(void* to, const void* from, std::int64_t bytes, Stream stream) = 0;
  virtual void copy_rows(void* to, std::ptrdiff_t to_stride, const void* from, std::ptrdiff_t from_stride,
                         std::int64_t bytes, std::int64_t rows, Stream stream) = 0;
  virtual void fill_zero(void* to, std::int64_t bytes, Stream stream) = 0;

  // Calls `work`, which launches kernels: for this device, and with what launchers throw turned into Error.
  // record() sees to that itself.
  virtual void launch(const std::function<void()>& work) = 0;
  // Captures what `work` puts on the stream it is given. Nothing of it runs yet.
  virtual std::unique_ptr<Recording> record(const std::function<void(Stream)>& work) = 0;
};

// Device or pinned host memory with an owner.
template <bool kPinned>
class OwnedMemory {
 public:
  OwnedMemory() = default;
  OwnedMemory(std::shared_ptr<Device> device, std::int64_t bytes, std::string_view what)
      : device_(std::move(device)),
        data_(kPinned ? device_->allocate_pinned(bytes, what) : device_->allocate(bytes, what)),
        bytes_(bytes) {}
  OwnedMemory(OwnedMemory&& other) noexcept
      : device_(std::move(other.device_)),
        data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  OwnedMemory& operator=(OwnedMemory&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~OwnedMemory() {
    if (data_ == nullptr) return;
    kPinned ? device_->release_pinned(data_) : device_->release(data_);
  }

  std::byte* data() const { return static_cast<std::byte*>(data_); }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<Device> device_;
  void* data_ = nullptr;
  std::int64_t bytes_ = 0;
};
using Memory = OwnedMemory<false>;
using PinnedMemory = OwnedMemory<true>;

// A stream with an owner.
class OwnedStream {
 public:
  explicit OwnedStream(std::shared_ptr<Device> device)
      : device_(std::move(device)), stream_(device_->create_stream()) {}
  OwnedStream(const OwnedStream&) = delete;
  OwnedStream& operator=(const OwnedStream&) = delete;
  ~OwnedStream() { device_->destroy_stream(stream_); }
  Stream get() const { return stream_; }

 private:
  std::shared_ptr<Device> device_;
  Stream stream_;
};

}  // namespace cuhue::cuda
