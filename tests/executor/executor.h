// Runs kernels on the CPU as a GPU would: blocks over OS threads, in a block a fiber for each CUDA thread
// that has to wait. A scheduler knows of each thread whether it is ready, waits at the block's barrier, waits
// for lanes of its warp, or is done; finished threads count nowhere. Threads that never wait run one after
// another on one fiber, as a plain loop.
//
// What it finds, as KernelError: threads that wait for ever, with the place in the source; a barrier that
// threads of a block reach at different places; lanes of a warp in different operations, a mask without its
// own lane; writes beyond dynamic shared memory. What shows in results: reads of shared memory that nobody
// wrote (it starts as the order's poison in each block), a barrier left out (the orders of set_order()
// differ), an asynchronous copy not waited for. What it cannot do: threads that spin until another writes;
// races that only simultaneous threads of one block have; the hardware's order of sums in mma.
//
// A thread's barrier costs 50 ns, a lane's shuffle 70 ns (GCC 12, a core of an AMD EPYC at 2.6 GHz).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

struct CUstream_st;

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};

inline constinit thread_local uint3 threadIdx{}, blockIdx{};
inline constinit thread_local dim3 blockDim{}, gridDim{};

namespace simt {

// A kernel that does what no device allows, or waits for ever.
struct KernelError : std::logic_error {
  using std::logic_error::logic_error;
};

// Where a kernel waits. As a default argument it is the caller's place.
struct Place {
  const char* file = "";
  int line = 0;
  const char* function = "";
  static constexpr Place here(const char* file = __builtin_FILE(), int line = __builtin_LINE(),
                              const char* function = __builtin_FUNCTION()) {
    return {file, line, function};
  }
};

// ---- for tests
// In which order the ready threads of a block are taken, and blocks: of forward and reverse one after another
// on the calling thread, else on all. Each has a poison of its own.
enum class Order : std::uint8_t { any, forward, reverse, shuffled };
void set_order(Order order);
Order order();
std::int64_t launches();  // since the program started

// ---- for kernels
// What the lanes of a warp do together, once: values[lane] as given, null for a lane that takes no part.
using Collective = void (*)(unsigned lanes, void* const* values);
// Returns when all lanes of the mask that are not done have come with the same operation, after it ran.
void warp_wait(unsigned mask, Collective operation, void* value, Place at);
unsigned lane();

enum class Barrier : std::uint8_t { plain, count, all, any };
// Returns when all threads of the block that are not done have come: for how many, all, any of them
// `predicate` held.
int block_wait(Barrier kind, bool predicate, Place at);

void* dynamic_shared_memory();  // aligned to 16 bytes and no more
template <class T>
T* dynamic_shared() {
  return static_cast<T*>(dynamic_shared_memory());
}

// Copies are made when they are waited for, not before.
void copy_async_16(void* shared, const void* global, bool valid, Place at = Place::here());
void copy_async_commit();
void copy_async_wait(int pending);

[[noreturn]] void fail(const std::string& what, Place at);  // with block and thread

// ---- launches
struct Launch {
  dim3 grid, block;
  std::size_t shared_bytes;
  const void* kernel;              // its address: finds its static shared memory
  void (*call)(const void* self);  // runs the kernel for one thread
  const void* self;
};
// Throws LaunchError when no device would take it.
void check(const dim3& grid, const dim3& block, std::size_t shared_bytes);
// Returns when it is done. One launch runs at a time. Throws what the kernel throws, once all blocks stopped.
// Allocates nothing once the program has had a launch of this size.
void run(const Launch& launch);
// True when the stream took the work, to run it when somebody waits for it; nullptr never does.
bool keeps(CUstream_st* stream, const std::function<void()>& work);

template <class... P>
void launch(void (*kernel)(P...), const dim3& grid, const dim3& block, std::size_t shared_bytes,
            CUstream_st* stream, P... args) {
  check(grid, block, shared_bytes);
  const auto call = [=] { kernel(args...); };
  const auto work = [=] {
    run({grid, block, shared_bytes, reinterpret_cast<const void*>(kernel),
         [](const void* self) { (*static_cast<decltype(call)*>(self))(); }, &call});
  };
  if (stream == nullptr || !keeps(stream, work)) work();
}

}  // namespace simt
