// What the executor does, and what it finds.
#include "tests/executor/executor.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "kernels/core/mma.cuh"
#include "tests/executor/asan.h"
#include "tests/executor/device_array.h"
#include "tests/executor/shared_memory.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

// The text of the KernelError that `work` throws, "" when it throws none.
template <class Work>
std::string error_of(Work&& work) {
  try {
    work();
  } catch (const simt::KernelError& e) {
    return e.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

template <class Run>
bool orders_agree(Run&& run) {
  try {
    (void)same_in_every_order(run);
  } catch (const std::logic_error&) {
    return false;
  }
  return true;
}

// Runs kernel(out) on one block and gives out.
template <class T>
std::vector<T> result(void (*kernel)(T*), std::size_t count, dim3 block, std::size_t shared_bytes = 0) {
  DeviceArray<T> out(count);
  launch(kernel, {1, block, shared_bytes}, nullptr, out.data());
  return out.read();
}

}  // namespace

// ---- indices and plain kernels
namespace {

__global__ void write_indices(unsigned* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  atomicAdd(&out[block * blockDim.x * blockDim.y * blockDim.z + thread], block * 1000 + thread + 1);
}

}  // namespace

TEST_CASE("executor: each thread of each block runs once") {
  const dim3 grid{3, 4, 5}, block{8, 3, 2};
  for_each_order([&] {
    DeviceArray<unsigned> out(60 * 48);
    out.write(std::vector<unsigned>(60 * 48, 0u));
    launch(write_indices, {grid, block}, nullptr, out.data());
    const std::vector<unsigned> values = out.read();
    bool right = true;
    for (unsigned i = 0; i < values.size(); ++i) right = right && values[i] == i / 48 * 1000 + i % 48 + 1;
    CHECK(right);
  });
}

namespace {

// Each thread notes when it ran; `late` waits once.
__global__ void note_turns(int* out, int* turn, int late) {
  const auto i = static_cast<int>(threadIdx.x);
  if (i == late) __syncwarp(1u << i % 32);
  out[i] = atomicAdd(turn, 1);
}

std::vector<int> turns(int late) {
  DeviceArray<int> out(64), turn(1);
  turn.write(std::vector<int>{0});
  launch(note_turns, {1, 64}, nullptr, out.data(), turn.data(), late);
  return out.read();
}

}  // namespace

TEST_CASE("executor: orders take threads forward, in reverse and shuffled") {
  std::vector<std::vector<int>> orders;
  for_each_order([&] { orders.push_back(turns(-1)); });
  std::vector<int> forward(64), reverse(64);
  std::iota(forward.begin(), forward.end(), 0);
  std::iota(reverse.rbegin(), reverse.rend(), 0);
  REQUIRE(orders.size() == 3);
  CHECK(orders[0] == forward);
  CHECK(orders[1] == reverse);
  CHECK(orders[2] != forward);
  CHECK(orders[2] != reverse);
  std::vector<int> sorted = orders[2];
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == forward);
}

TEST_CASE("executor: a thread that waits amid threads that do not runs once, as they do") {
  std::vector<int> every(64);
  std::iota(every.begin(), every.end(), 0);
  for (const int late : {0, 31, 40, 63}) {
    for_each_order([&] {
      std::vector<int> out = turns(late);
      std::sort(out.begin(), out.end());
      CHECK(out == every);
    });
  }
}

// ---- the block's barrier
namespace {

template <bool Barrier>
__global__ void reverse_through_shared(int* out) {
  __shared__ int tile[256];
  tile[threadIdx.x] = static_cast<int>(threadIdx.x) * 3;
  if constexpr (Barrier) __syncthreads();
  out[threadIdx.x] = tile[255 - threadIdx.x];
}

}  // namespace

TEST_CASE("executor: a barrier that is missing shows as results that differ between orders") {
  std::vector<int> expected;
  for (int i = 0; i < 256; ++i) expected.push_back((255 - i) * 3);
  CHECK(result(reverse_through_shared<true>, 256, 256) == expected);
  CHECK(orders_agree([] { return result(reverse_through_shared<true>, 256, 256); }));
  CHECK_FALSE(orders_agree([] { return result(reverse_through_shared<false>, 256, 256); }));
  for_each_order([&] { CHECK(result(reverse_through_shared<false>, 256, 256) != expected); });
}

namespace {

__global__ void barrier_after_exits(int* out) {
  const auto i = static_cast<int>(threadIdx.x);
  if (i % 3 == 0) return;  // as 51 does
  const int count = __syncthreads_count(i % 2);
  const int all = __syncthreads_and(i < 96), all_live = __syncthreads_and(i != 51);
  const int any = __syncthreads_or(i == 50), none = __syncthreads_or(i == 51);
  out[i] = count + 1000 * all + 2000 * all_live + 4000 * any + 8000 * none;
}

}  // namespace

TEST_CASE("executor: threads that are done count at no barrier") {
  int odd = 0;
  for (int i = 0; i < 96; ++i) odd += i % 3 != 0 && i % 2 != 0;
  for_each_order([&] {
    const std::vector<int> out = result(barrier_after_exits, 96, 96);
    int right = 0;
    for (std::size_t i = 0; i < 96; ++i) right += i % 3 != 0 && out[i] == odd + 1000 + 2000 + 4000;
    CHECK(right == 64);
  });
}

namespace {

constexpr int kBarrierLine = __LINE__ + 2;
__global__ void barrier_for_half_a_block(int* out) {
  if (threadIdx.x < 32) __syncthreads();
  if (threadIdx.x >= 32) __syncwarp();
  if (threadIdx.x == 40) __syncwarp(1u << 8 | 1u << 9);  // each of three waits for the next
  if (threadIdx.x == 41) __syncwarp(1u << 9 | 1u << 10);
  if (threadIdx.x == 42) __syncwarp(1u << 10 | 1u << 8);
  out[threadIdx.x] = 1;
}

__global__ void two_barriers(int* out) {
  if (threadIdx.x % 2 == 0) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  out[threadIdx.x] = 1;
}

__global__ void mask_without_its_lane(int* out) {
  __syncwarp(0xfffffffeu);
  out[threadIdx.x] = 1;
}

__global__ void different_operations(int* out) {
  const auto i = static_cast<int>(threadIdx.x);
  out[i] = i % 2 == 0 ? __shfl_xor_sync(~0u, i, 1) : static_cast<int>(__ballot_sync(~0u, 1));
}

__global__ void lane_that_never_comes(int* out) {
  if (threadIdx.x == 5) __syncthreads();
  out[threadIdx.x] = __shfl_sync(~0u, 1, 0);
}

}  // namespace

TEST_CASE("executor: what waits for ever is reported with its place, block and thread") {
  const auto of = [](void (*kernel)(int*)) { return error_of([&] { result(kernel, 64, 64); }); };
  for_each_order([&] {
    const std::string half = of(barrier_for_half_a_block);
    CHECK(has(half, "block (0, 0, 0): deadlock of 35 threads"));
    CHECK(has(half, "32 at the barrier of "));
    CHECK(has(half, "executor_test.cpp:" + std::to_string(kBarrierLine) + " (barrier_for_half_a_block)"));
    CHECK(has(half, "1 at lanes 0x00000300"));
    CHECK(has(half, "thread (40, 0, 0)"));
    const std::string never = of(lane_that_never_comes);
    CHECK(has(never, "deadlock"));
    CHECK(has(never, "31 at lanes 0xffffffff of "));
    CHECK(has(of(two_barriers), "threads are at different barriers"));
    CHECK(has(of(mask_without_its_lane), "mask 0xfffffffe without itself"));
    CHECK(has(of(different_operations), "lanes of a warp meet in different operations"));
  });
  // The executor goes on after each.
  CHECK(orders_agree([] { return result(reverse_through_shared<true>, 256, 256); }));
}

namespace {

__global__ void throw_in_one_thread(int* out) {
  __syncthreads();
  if (blockIdx.x == 3 && threadIdx.x == 17) __trap();
  __syncthreads();
  out[blockIdx.x * blockDim.x + threadIdx.x] = 1;
}

}  // namespace

TEST_CASE("executor: what a thread throws reaches the launch") {
  DeviceArray<int> out(16 * 64);
  const std::string error = error_of([&] { launch(throw_in_one_thread, {16, 64}, nullptr, out.data()); });
  CHECK(has(error, "block (3, 0, 0), thread (17, 0, 0): trap at "));
}

// ---- shared memory
namespace {

template <bool Write>
__global__ void sum_shared(float* out) {
  __shared__ float partial[64];
  if (Write || threadIdx.x != 13) partial[threadIdx.x] = 1.0f;
  __syncthreads();
  float sum = 0;
  for (const float p : partial) sum += p;
  out[threadIdx.x] = sum;
}

template <bool Write>
__global__ void sum_dynamic(float* out) {
  auto* partial = dynamic_shared<float>();
  if (Write || threadIdx.x != 13) partial[threadIdx.x] = 1.0f;
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < 64; ++i) sum += partial[i];
  out[threadIdx.x] = sum;
}

// In a function of the kernel's, not in the kernel.
__device__ float scratch_before(float x) {
  __shared__ float scratch[64];
  const float before = scratch[threadIdx.x];
  __syncthreads();
  scratch[threadIdx.x] = x;
  __syncthreads();
  return before;
}
__global__ void read_scratch_of_function(float* out) {
  out[threadIdx.x] = scratch_before(5.0f);
}

}  // namespace

TEST_CASE("executor: a read of shared memory that nobody wrote shows as results that differ") {
  REQUIRE(simt::static_shared_variables() > 0);
  const std::vector<float> all(64, 64.0f);
  for_each_order([&] {
    CHECK(result(sum_shared<true>, 64, 64) == all);
    CHECK(result(sum_dynamic<true>, 64, 64, 64 * sizeof(float)) == all);
    CHECK(result(sum_shared<false>, 64, 64) != all);
    CHECK(result(sum_dynamic<false>, 64, 64, 64 * sizeof(float)) != all);
  });
  CHECK_FALSE(orders_agree([] { return result(sum_shared<false>, 64, 64); }));
  CHECK_FALSE(orders_agree([] { return result(sum_dynamic<false>, 64, 64, 64 * sizeof(float)); }));
  result(read_scratch_of_function, 64, 64);  // leaves what the orders would all find
  CHECK_FALSE(orders_agree([] { return result(read_scratch_of_function, 64, 64); }));
}

namespace {

// What the block before left is not there.
__global__ void leave_and_look(int* out) {
  __shared__ int left[4096];
  if (threadIdx.x == 0) out[blockIdx.x] = left[4000];
  __syncthreads();
  for (unsigned i = threadIdx.x; i < 4096; i += blockDim.x) left[i] = 7;
}

}  // namespace

TEST_CASE("executor: shared memory starts poisoned in each block") {
  for_each_order([] {
    DeviceArray<int> out(20);
    launch(leave_and_look, {20, 32}, nullptr, out.data());
    const std::vector<int> values = out.read();
    CHECK(std::count(values.begin(), values.end(), values[0]) == 20);
    CHECK(values[0] != 7);
    CHECK(values[0] != 0);
  });
}

namespace {

__global__ void store_one_too_many(int* out, int count) {
  for (auto i = static_cast<int>(threadIdx.x); i <= count; i += static_cast<int>(blockDim.x)) out[i] = i;
}
__global__ void store_beyond_shared(int* out) {
  auto* shared = dynamic_shared<int>();
  for (unsigned i = threadIdx.x; i <= 64; i += blockDim.x) shared[i] = 1;
  out[threadIdx.x] = shared[0];
}

}  // namespace

#if defined(SIMT_ADDRESS_SANITIZER)

namespace {

// What a process says that does `work` and nothing else.
template <class Work>
std::string last_words(Work&& work) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(ends[1], 2);
    work();
    _exit(0);
  }
  close(ends[1]);
  std::string words;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = read(ends[0], buffer.data(), buffer.size())) > 0;)
    words.append(buffer.data(), static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0 ? "" : words;
}

}  // namespace

TEST_CASE("executor: AddressSanitizer names the kernel of a store one beyond its memory") {
  const std::string global = last_words([] {
    DeviceArray<int> out(100);
    launch(store_one_too_many, {1, 32}, nullptr, out.data(), 100);
  });
  CHECK(has(global, "ERROR: AddressSanitizer: use-after-poison"));
  CHECK(has(global, "store_one_too_many"));
  const std::string shared = last_words([] { result(store_beyond_shared, 64, 64, 64 * sizeof(int)); });
  CHECK(has(shared, "ERROR: AddressSanitizer: use-after-poison"));
  CHECK(has(shared, "store_beyond_shared"));
}

#else

TEST_CASE("executor: a store one beyond its memory is caught") {
  CHECK_THROWS_WITH(([] {
                      DeviceArray<int> out(100);
                      launch(store_one_too_many, {1, 32}, nullptr, out.data(), 100);
                    }()),
                    "a kernel wrote outside of its memory");
  CHECK(has(error_of([] { result(store_beyond_shared, 64, 64, 64 * sizeof(int)); }),
            "wrote outside of its dynamic shared memory"));
}

#endif

TEST_CASE("executor: stores that fill memory to its last byte are fine") {
  DeviceArray<int> out(100);
  launch(store_one_too_many, {1, 32}, nullptr, out.data(), 99);
  CHECK(out.read()[99] == 99);
}

// ---- asynchronous copies
namespace {

template <bool Commit, int Pending>
__global__ void copy_two_groups(const float* in, float* out) {
  __shared__ __align__(16) float tile[64];
  const int i = static_cast<int>(threadIdx.x) * 4;
  tile[i] = tile[32 + i] = -1.0f;
  copy_async_16(tile + i, in + i, true);
  if constexpr (Commit) copy_async_commit();
  copy_async_16(tile + 32 + i, in + 32 + i, i != 12);
  if constexpr (Commit) copy_async_commit();
  copy_async_wait<Pending>();
  __syncthreads();
  out[i] = tile[(i + 4) % 32];
  out[32 + i] = tile[32 + i];
}

std::vector<float> copied(void (*kernel)(const float*, float*)) {
  std::vector<float> in(64);
  std::iota(in.begin(), in.end(), 100.0f);
  DeviceArray<float> from{std::span<const float>(in)}, to(64);
  launch(kernel, {1, 8}, nullptr, from.data(), to.data());
  return to.read();
}

}  // namespace

TEST_CASE("executor: asynchronous copies land when they are waited for, and no earlier") {
  for_each_order([] {
    const std::vector<float> all = copied(copy_two_groups<true, 0>);
    CHECK(all[0] == 104.0f);
    CHECK(all[28] == 100.0f);
    CHECK(all[32] == 132.0f);
    CHECK(all[44] == 0.0f);
    const std::vector<float> first = copied(copy_two_groups<true, 1>);
    CHECK(first[0] == 104.0f);
    CHECK(first[32] == -1.0f);
    CHECK(copied(copy_two_groups<false, 0>)[0] == -1.0f);  // never committed
  });
}

// ---- launches
namespace {

__global__ void nothing(int) {}

}  // namespace

TEST_CASE("executor: a launch that no device takes is refused") {
  const auto refused = [](dim3 grid, dim3 block, std::size_t shared = 0) {
    try {
      launch(nothing, {grid, block, shared}, nullptr, 0);
    } catch (const LaunchError&) {
      return true;
    }
    return false;
  };
  CHECK_FALSE(refused(1, 1024));
  CHECK_FALSE(refused(1, {8, 2, 64}));
  CHECK_FALSE(refused(1, 32, 99 * 1024));
  CHECK(refused(0, 32));
  CHECK(refused(1, 0));
  CHECK(refused(1, 1025));
  CHECK(refused(1, {32, 33}));
  CHECK(refused(1, {1, 1, 65}));
  CHECK(refused({1, 65536}, 1));
  CHECK(refused({1, 1, 65536}, 1));
  CHECK(refused(1, 32, 99 * 1024 + 1));
}

TEST_CASE("executor: threads of the host launch at the same time") {
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 8; ++i) {
        const std::vector<int> out = result(reverse_through_shared<true>, 256, 256);
        right += out[0] == 765 && out[255] == 0 ? 1 : 0;
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(right == 32);
}

// ---- what it costs
namespace {

__global__ void barriers(int count) {
  for (int i = 0; i < count; ++i) __syncthreads();
}
__global__ void shuffles(int count) {
  float x = 1.0f;
  for (int i = 0; i < count; ++i) x = __shfl_xor_sync(~0u, x, 1);
}

// Of the calling thread alone, which runs a single block: other work on the machine does not count.
double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double ns(void (*kernel)(int), int count) {
  const double before = cpu_seconds();
  launch(kernel, {1, 256}, nullptr, count);
  return (cpu_seconds() - before) * 1e9 / 256;
}

}  // namespace

TEST_CASE("executor: what a wait costs") {
  ns(barriers, 10);
  const double barrier = ns(barriers, 1000) / 1000, shuffle = ns(shuffles, 1000) / 1000;
  MESSAGE(barrier << " ns a thread and barrier, " << shuffle << " ns a lane and shuffle");
  CHECK(barrier < 100e3);
  CHECK(shuffle < 100e3);
}
