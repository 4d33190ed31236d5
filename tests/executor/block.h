// The threads of one block, and whose turn it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "tests/executor/executor.h"
#include "tests/executor/fiber.h"

namespace simt {

constexpr unsigned kMaxBlockThreads = 1024;

// Belongs to one OS thread and serves it for all blocks of all launches.
class Block {
 public:
  Block();
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  void begin(const Launch& launch, Order order);  // of the blocks that follow
  void run(unsigned index);                       // block `index` of the grid, x fastest

  // ---- called on the fibers, for the thread that runs
  void warp_wait(unsigned mask, Collective operation, void* value, Place at);
  int block_wait(Barrier kind, bool predicate, Place at);
  unsigned current() const { return current_; }
  void* shared() { return shared_; }
  void copy_later(void* to, const void* from);
  void commit_copies() { ++threads_[current_].commits; }
  void finish_copies(int pending);
  std::string describe(const std::string& what, Place at) const;

 private:
  enum class State : std::uint8_t { fresh, ready, at_barrier, in_warp, done };
  struct Copy {
    void* to;
    const void* from;  // null: zeros
    int group;
  };
  struct Thread {
    State state = State::fresh;
    Fiber* fiber = nullptr;
    unsigned mask = 0;
    Collective operation = nullptr;
    void* value = nullptr;
    Barrier kind = Barrier::plain;
    Place at;
    int commits = 0;
    std::vector<Copy> copies;
  };

  static void serve(void* self);  // what fibers run
  void take(unsigned position);
  void finish_thread();
  void set_ready(unsigned thread, State state);
  int next_ready(int after) const;
  void release_group(unsigned warp, unsigned mask);
  bool group_complete(unsigned warp, unsigned mask) const;
  void release_barrier();
  [[noreturn]] void report_deadlock() const;
  void leave();
  Fiber* idle_fiber();
  void abandon();
  void arrange(unsigned index);
  void prepare_shared();
  void check_shared() const;

  const Launch* launch_ = nullptr;
  Order order_ = Order::any;
  std::vector<Thread> threads_;
  std::vector<std::uint16_t> thread_at_, position_of_;  // in the order that threads are taken
  std::array<std::uint64_t, kMaxBlockThreads / 64> ready_{};
  unsigned count_ = 0, live_ = 0, waiting_ = 0;  // threads: of the block, not done, at the barrier
  unsigned held_ = 0, barrier_result_ = 0;       // predicates that held so far; what the barrier answers
  int cursor_ = -1;                              // position of the thread that runs
  unsigned current_ = 0;                         // its number
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  std::exception_ptr error_;
  std::unique_ptr<unsigned char[]> shared_memory_;
  std::size_t shared_capacity_ = 0;
  unsigned char* shared_ = nullptr;
};

}  // namespace simt
