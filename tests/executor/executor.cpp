#include "tests/executor/executor.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

#include "kernels/core/stream.h"
#include "tests/executor/block.h"

namespace simt {
namespace {

std::atomic<Order> current_order{Order::any};
std::atomic<std::int64_t> launch_count{0};
thread_local std::unique_ptr<Block> block;  // of this OS thread

Block& own_block() {
  if (block == nullptr) block = std::make_unique<Block>();
  return *block;
}

Block& running(Place at = Place::here()) {
  if (block == nullptr) throw KernelError(std::string("device code is called on the host: ") + at.function);
  return *block;
}

// The blocks of a launch, in some order, to whoever asks next.
class Blocks {
 public:
  Blocks(const Launch& launch, Order order)
      : launch_(launch), order_(order), count_(launch.grid.x * launch.grid.y * launch.grid.z) {
    // Shuffled: a step through all of them that is no divisor of their number.
    while (std::gcd(step_, std::uint64_t{count_}) != 1) ++step_;
  }

  void work() {
    Block& b = own_block();
    try {
      b.begin(launch_, order_);
      for (std::uint64_t i = 0; (i = next_.fetch_add(1)) < count_;) b.run(at(i));
    } catch (...) {
      next_ = count_;
      const std::lock_guard lock(mutex_);
      if (error_ == nullptr) error_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (error_ != nullptr) std::rethrow_exception(error_);
  }
  unsigned count() const { return count_; }

 private:
  unsigned at(std::uint64_t i) const {
    if (order_ == Order::reverse) return static_cast<unsigned>(count_ - 1 - i);
    if (order_ == Order::shuffled) return static_cast<unsigned>((i * step_ + count_ / 3) % count_);
    return static_cast<unsigned>(i);
  }

  const Launch& launch_;
  const Order order_;
  const unsigned count_;
  std::uint64_t step_ = 1000003;
  std::atomic<std::uint64_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr error_;
};

// OS threads that help with a launch.
class Helpers {
 public:
  Helpers() {
    const unsigned cores = std::clamp(std::thread::hardware_concurrency(), 1u, 8u);
    for (unsigned i = 1; i < cores; ++i) threads_.emplace_back([this] { serve(); });
  }
  ~Helpers() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& t : threads_) t.join();
  }

  void run(Blocks& blocks) {
    const auto wanted = std::min<std::size_t>(threads_.size(), blocks.count() - 1);
    if (wanted > 0) {
      const std::lock_guard lock(mutex_);
      job_ = &blocks;
      wanted_ = wanted;
    }
    for (std::size_t i = 0; i < wanted; ++i) wake_.notify_one();
    blocks.work();
    std::unique_lock lock(mutex_);
    wanted_ = 0;
    job_ = nullptr;
    done_.wait(lock, [&] { return busy_ == 0; });
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return stop_ || wanted_ > 0; });
      if (stop_) return;
      --wanted_;
      ++busy_;
      Blocks& blocks = *job_;
      lock.unlock();
      blocks.work();
      lock.lock();
      --busy_;
      if (busy_ == 0) done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Blocks* job_ = nullptr;
  std::size_t wanted_ = 0, busy_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

std::mutex one_launch;

}  // namespace

void set_order(Order order) {
  current_order = order;
}
Order order() {
  return current_order;
}
std::int64_t launches() {
  return launch_count;
}

void check(const dim3& grid, const dim3& b, std::size_t shared_bytes) {
  constexpr int kInvalidValue = 1, kInvalidConfiguration = 9;  // of cudaError_t
  const std::uint64_t threads = std::uint64_t{b.x} * b.y * b.z;
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  if (threads == 0 || threads > kMaxBlockThreads || b.z > 64)
    throw cuhue::LaunchError(kInvalidConfiguration, "invalid configuration argument: a block of " +
                                                        std::to_string(b.x) + " x " + std::to_string(b.y) +
                                                        " x " + std::to_string(b.z) + " threads");
  if (blocks == 0 || grid.x > 0x7fffffffu || grid.y > 0xffffu || grid.z > 0xffffu || blocks > 0xffffffffu)
    throw cuhue::LaunchError(kInvalidConfiguration,
                             "invalid configuration argument: a grid of " + std::to_string(grid.x) + " x " +
                                 std::to_string(grid.y) + " x " + std::to_string(grid.z) + " blocks");
  if (shared_bytes > 99 * 1024)  // the least that a GPU we support gives to a block: 8.6 and 8.9
    throw cuhue::LaunchError(kInvalidValue,
                             "invalid argument: " + std::to_string(shared_bytes) + " bytes of shared memory");
}

void run(const Launch& launch) {
  const std::lock_guard lock(one_launch);
  ++launch_count;
  const Order taken = order();
  Blocks blocks(launch, taken);
  if (taken == Order::forward || taken == Order::reverse || blocks.count() == 1) {
    blocks.work();
  } else {
    static Helpers helpers;
    helpers.run(blocks);
  }
  blocks.rethrow();
}

void warp_wait(unsigned mask, Collective operation, void* value, Place at) {
  running(at).warp_wait(mask, operation, value, at);
}

unsigned lane() {
  return running().current() % 32;
}

int block_wait(Barrier kind, bool predicate, Place at) {
  return running(at).block_wait(kind, predicate, at);
}

void* dynamic_shared_memory() {
  return running().shared();
}

void copy_async_16(void* shared, const void* global, bool valid, Place at) {
  const auto misaligned = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 != 0; };
  if (misaligned(shared) || (valid && misaligned(global)))
    fail("a copy of 16 bytes that are not aligned to 16", at);
  running().copy_later(shared, valid ? global : nullptr);
}

void copy_async_commit() {
  running().commit_copies();
}

void copy_async_wait(int pending) {
  running().finish_copies(pending);
}

void fail(const std::string& what, Place at) {
  throw KernelError(running().describe(what, at));
}

}  // namespace simt
