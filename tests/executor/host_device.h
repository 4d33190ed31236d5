// A CUDA device played by the host: its memory is the heap, its kernels run on the executor. Work on a stream
// is kept until somebody waits for it, so that a missing wait shows as a wrong result, and captured work
// keeps its arguments as a CUDA graph does. A capture follows events to other streams; its pieces are then
// run in an order that a test chooses among those that their dependencies allow.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/cuda/device.h"

namespace cuhue::test {

struct HostStream;

// Of the pieces of a recording that could run next.
enum class BranchOrder : std::uint8_t {
  as_captured,
  latest_first,  // what was captured last: a branch before the one it was forked from
  in_turns,      // of the streams, as far as they go
};

struct HostDeviceOptions {
  bool integrated = false;
  std::int64_t memory_bytes = std::int64_t{8} << 30;  // of the device; more is out of memory
  // Work is accepted and counted, not done: kernels, copies, recordings. Memory is zero and takes none of the
  // host's. For programs at full size, of which not the results are asked.
  bool dry = false;
};

// A dry device with the memory of a large GPU.
inline HostDeviceOptions dry_gpu() {
  HostDeviceOptions options;
  options.memory_bytes = std::int64_t{80} << 30;
  options.dry = true;
  return options;
}

class HostDevice final : public cuda::Device {
 public:
  explicit HostDevice(const HostDeviceOptions& options = {});
  ~HostDevice() override;

  const cuda::DeviceFacts& facts() const override { return facts_; }
  void* allocate(std::int64_t bytes, std::string_view what) override;  // poisoned, between guard bytes
  void release(void* memory) noexcept override;
  void* allocate_pinned(std::int64_t bytes, std::string_view what) override;
  void release_pinned(void* memory) noexcept override;
  std::int64_t free_bytes() const override { return facts_.total_bytes - device_bytes(); }
  std::int64_t allocations() const override { return allocations_; }
  Stream create_stream() override;
  void destroy_stream(Stream stream) noexcept override;
  void synchronize(Stream stream) override;
  std::unique_ptr<cuda::Event> create_event() override;
  std::unique_ptr<cuda::Clock> create_clock(std::size_t points) override;
  void copy(void* to, const void* from, std::int64_t bytes, Stream stream) override;
  void copy_rows(void* to, std::ptrdiff_t to_stride, const void* from, std::ptrdiff_t from_stride,
                 std::int64_t bytes, std::int64_t rows, Stream stream) override;
  void fill_zero(void* to, std::int64_t bytes, Stream stream) override;
  void launch(const std::function<void()>& work) override;
  std::unique_ptr<cuda::Recording> record(const std::function<void(Stream)>& work) override;

  // ---- what tests ask
  std::int64_t copies() const { return copies_; }          // that ran
  std::int64_t launches() const { return launches_; }      // of recordings
  std::int64_t recordings() const { return recordings_; }  // made
  std::int64_t device_bytes() const;                       // allocated now
  std::int64_t blocks() const;                             // allocated now, pinned ones too
  std::int64_t streams() const;                            // that exist
  int damaged() const { return damaged_; }                 // blocks released with guards written to
  void refuse_after(std::int64_t more) {
    refuse_after_ = more;
  }                                       // allocations, then out of memory; -1 = never
  void break_down() { broken_ = true; }   // as after an illegal address: every later call fails
  void set_dry(bool dry) { dry_ = dry; }  // launched recordings are counted, not run; memory is as it was
  // Of all recordings that are launched from now on.
  void set_branch_order(BranchOrder order) { order_ = order; }

 private:
  friend class HostRecording;
  void* take(std::map<void*, std::int64_t>& blocks, std::int64_t bytes, std::string_view what);
  void give(std::map<void*, std::int64_t>& blocks, void* memory) noexcept;
  void* new_block(std::int64_t bytes) const;
  void free_block(void* memory, std::int64_t bytes) const;
  void check() const;

  cuda::DeviceFacts facts_;
  const bool untouched_;  // memory is the system's, page by page, with no guards
  mutable std::mutex mutex_;
  std::map<void*, std::int64_t> device_blocks_, pinned_blocks_;
  std::map<Stream, std::shared_ptr<HostStream>> streams_;
  std::atomic<std::int64_t> allocations_ = 0, copies_ = 0, launches_ = 0, recordings_ = 0;
  std::atomic<std::int64_t> refuse_after_ = -1;
  std::atomic<int> damaged_ = 0;
  std::atomic<bool> broken_ = false, dry_ = false;
  std::atomic<BranchOrder> order_ = BranchOrder::as_captured;
};

}  // namespace cuhue::test
