// GPUs through the CUDA runtime, which is linked in and finds the driver by itself.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cuda/device.h"

namespace cuhue::cuda {

struct FoundGpu {
  DeviceFacts facts;
  std::string unusable;  // why this build cannot use it; empty = it can
};

// Empty when there is no driver or no GPU: then `why` says which, and what to do.
std::vector<FoundGpu> find_gpus(std::string& why);

// Makes a GPU current to this thread, and the one before it again at the end: what an application chose for
// its own CUDA calls stays chosen.
class CurrentGpu {
 public:
  explicit CurrentGpu(int index) noexcept;
  CurrentGpu(const CurrentGpu&) = delete;
  CurrentGpu& operator=(const CurrentGpu&) = delete;
  ~CurrentGpu();
  int error() const { return error_; }  // a cudaError_t; 0 = it is current

 private:
  int before_ = -1, error_ = 0;
};

class Gpu final : public Device {
 public:
  explicit Gpu(DeviceFacts facts);  // Error(Status::device) when it does not start

  const DeviceFacts& facts() const override { return facts_; }
  void* allocate(std::int64_t bytes, std::string_view what) override;
  void release(void* memory) noexcept override;
  void* allocate_pinned(std::int64_t bytes, std::string_view what) override;
  void release_pinned(void* memory) noexcept override;
  std::int64_t free_bytes() const override;
  std::int64_t allocations() const override { return allocations_; }
  Stream create_stream() override;
  void destroy_stream(Stream stream) noexcept override;
  void synchronize(Stream stream) override;
  std::unique_ptr<Event> create_event() override;
  std::unique_ptr<Clock> create_clock(std::size_t points) override;
  void copy(void* to, const void* from, std::int64_t bytes, Stream stream) override;
  void copy_rows(void* to, std::ptrdiff_t to_stride, const void* from, std::ptrdiff_t from_stride,
                 std::int64_t bytes, std::int64_t rows, Stream stream) override;
  void fill_zero(void* to, std::int64_t bytes, Stream stream) override;
  void launch(const std::function<void()>& work) override;
  std::unique_ptr<Recording> record(const std::function<void(Stream)>& work) override;

  // Everything that starts kernels runs inside: with this GPU current, and what launchers throw turned into
  // Error.
  template <class Work>
  auto use(Work&& work) {
    const CurrentGpu current(facts_.index);
    require_usable(current);
    try {
      return work();
    } catch (const LaunchError& e) {
      fail(e.code, "starting a kernel");
    } catch (const std::length_error& e) {
      refuse(e.what());
    }
  }

  // Throws unless `code`, a cudaError_t, is success. `what` was tried: "copying memory".
  void check(int code, std::string_view what) {
    if (code != 0) fail(code, what);
  }

 private:
  void require_usable(const CurrentGpu& current);
  [[noreturn]] void fail(int code, std::string_view what);
  [[noreturn]] void refuse(const char* why) const;
  [[noreturn]] void out_of_memory(std::int64_t bytes, std::string_view what);

  DeviceFacts facts_;
  std::string label_;  // "cuda:0 (NVIDIA H200)"
  std::atomic<std::int64_t> allocations_{0};
  std::atomic<bool> poisoned_{false};  // an error after which the driver answers every call with it
  std::mutex mutex_;
  std::string poison_;
};

}  // namespace cuhue::cuda
