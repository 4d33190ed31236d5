// Shuffles, votes, reductions and atomics as a device has them.
#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "kernels/core/launch.cuh"
#include "tests/executor/device_array.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

constexpr int kPoisoned = static_cast<int>(0xCDCDCDCDu);

using Kernel = void (*)(int*);

// out[lane] of one warp, or of the threads given; the same in all orders.
std::vector<int> lanes(Kernel kernel, unsigned threads = 32) {
  return same_in_every_order([&] {
    DeviceArray<int> out(threads);
    launch(kernel, {1, threads}, nullptr, out.data());
    return out.read();
  });
}

template <class Of>
std::vector<int> expected(Of&& of, int threads = 32) {
  std::vector<int> values;
  for (int i = 0; i < threads; ++i) values.push_back(of(i));
  return values;
}

__device__ int thread() {
  return static_cast<int>(threadIdx.x);
}

template <int Width>
__global__ void shuffle_from(int* out) {
  out[thread()] = __shfl_sync(~0u, thread() * 10, 5, Width);
}
template <int Width>
__global__ void shuffle_up(int* out) {
  out[thread()] = __shfl_up_sync(~0u, thread() * 10, 3, Width);
}
template <int Width>
__global__ void shuffle_down(int* out) {
  out[thread()] = __shfl_down_sync(~0u, thread() * 10, 3, Width);
}
template <int Width>
__global__ void shuffle_xor(int* out) {
  out[thread()] = __shfl_xor_sync(~0u, thread() * 10, 12, Width);
}

template <int Width>
void check_width() {
  CAPTURE(Width);
  CHECK(lanes(shuffle_from<Width>) == expected([](int i) { return (i / Width * Width + 5 % Width) * 10; }));
  CHECK(lanes(shuffle_up<Width>) == expected([](int i) { return (i % Width >= 3 ? i - 3 : i) * 10; }));
  CHECK(lanes(shuffle_down<Width>) ==
        expected([](int i) { return (i % Width + 3 < Width ? i + 3 : i) * 10; }));
  // Earlier groups may be read, later ones not.
  CHECK(lanes(shuffle_xor<Width>) == expected([](int i) {
          const int from = i ^ 12;
          return (from / Width <= i / Width ? from : i) * 10;
        }));
}

}  // namespace

TEST_CASE("warp: shuffles in groups of every width") {
  check_width<32>();
  check_width<16>();
  check_width<8>();
  check_width<4>();
  check_width<2>();
  check_width<1>();
}

namespace {

// Two groups of lanes go different ways and shuffle among themselves.
__global__ void shuffle_in_two_groups(int* out) {
  constexpr unsigned kEven = 0x55555555u;
  int value = thread();
  if (thread() % 2 == 0) {
    for (int step = 2; step < 32; step *= 2) value += __shfl_xor_sync(kEven, value, step);
  } else {
    value = __shfl_sync(~kEven, value, 7);
  }
  out[thread()] = value;
}

__global__ void read_absent_lane(int* out) {
  if (thread() == 9) return;
  out[thread()] = __shfl_sync(~0u, thread(), thread() < 16 ? 9 : 20);
}

__global__ void shuffle_wide_types(int* out) {
  const int i = thread();
  const long long big = __shfl_xor_sync(~0u, (1ll << 40) * i, 1);
  const double exact = __shfl_xor_sync(~0u, 0.5 * i, 1);
  const __half half = __shfl_xor_sync(~0u, __float2half_rn(static_cast<float>(i)), 1);
  const __half2 both = __shfl_xor_sync(~0u, __floats2half2_rn(static_cast<float>(i), -1.0f), 1);
  const int o = i ^ 1;
  out[i] = (big == (1ll << 40) * o) + 2 * (exact == 0.5 * o) +
           4 * (__half2float(half) == static_cast<float>(o)) +
           8 * (__low2float(both) == static_cast<float>(o) && __high2float(both) == -1.0f);
}

__global__ void shuffle_in_last_warp(int* out) {
  out[thread()] = __shfl_down_sync(~0u, thread(), 1);
}

}  // namespace

TEST_CASE("warp: masks") {
  CHECK(lanes(shuffle_in_two_groups) == expected([](int i) { return i % 2 == 0 ? 240 : 7; }));
}

TEST_CASE("warp: a lane that takes no part gives no value") {
  std::vector<int> want = expected([](int i) { return i < 16 ? kPoisoned : 20; });
  want[9] = kPoisoned;  // never written
  CHECK(lanes(read_absent_lane) == want);
  // A block that ends in the middle of a warp: lane 39 reads where no thread is.
  want = expected([](int i) { return i == 31 ? 31 : i == 39 ? kPoisoned : i + 1; }, 40);
  CHECK(lanes(shuffle_in_last_warp, 40) == want);
}

TEST_CASE("warp: types of up to 8 bytes") {
  CHECK(lanes(shuffle_wide_types) == expected([](int) { return 15; }));
}

TEST_CASE("warp: a width that is no power of two is reported") {
  const Kernel kernel = [](int* out) { out[thread()] = __shfl_sync(~0u, 1, 0, 12); };
  CHECK_THROWS_AS(lanes(kernel), simt::KernelError);
}

namespace {

__global__ void vote(int* out) {
  const unsigned third = __ballot_sync(~0u, thread() % 3 == 0);
  const int all = __all_sync(~0u, thread() < 32), not_all = __all_sync(~0u, thread() < 31);
  const int any = __any_sync(~0u, thread() == 31), none = __any_sync(~0u, thread() == 32);
  out[thread()] = third == 0x49249249u && all == 1 && not_all == 0 && any == 1 && none == 0;
}

__global__ void vote_of_some(int* out) {
  if (thread() >= 20) return;
  if (thread() < 10) {
    out[thread()] = static_cast<int>(__ballot_sync(0x3ffu, thread() % 2 == 0));
  } else {
    out[thread()] = static_cast<int>(__ballot_sync(0xfffffc00u, 1));  // 20 to 31 are done
  }
}

__global__ void match(int* out) {
  out[thread()] = static_cast<int>(__match_any_sync(~0u, thread() % 4));
}

__global__ void reduce(int* out) {
  const int i = thread();
  const auto u = static_cast<unsigned>(i);
  out[i] = (__reduce_add_sync(~0u, i - 20) == 496 - 640) + 2 * (__reduce_min_sync(~0u, i - 20) == -20) +
           4 * (__reduce_max_sync(~0u, i - 20) == 11) + 8 * (__reduce_max_sync(~0u, u - 20u) == 0xffffffffu) +
           16 * (__reduce_min_sync(~0u, u - 20u) == 0u) + 32 * (__reduce_and_sync(~0u, u | 0x40u) == 0x40u) +
           64 * (__reduce_or_sync(~0u, u) == 31u) +
           128 * (__reduce_xor_sync(~0u, 1u << i % 31) == 0x7ffffffeu);
}

}  // namespace

TEST_CASE("warp: votes") {
  CHECK(lanes(vote) == expected([](int) { return 1; }));
  CHECK(lanes(vote_of_some) == expected([](int i) { return i < 10 ? 0x155 : i < 20 ? 0xffc00 : kPoisoned; }));
}

TEST_CASE("warp: equal lanes find each other") {
  CHECK(lanes(match) == expected([](int i) { return static_cast<int>(0x11111111u << i % 4); }));
}

TEST_CASE("warp: reductions") {
  CHECK(lanes(reduce) == expected([](int) { return 255; }));
}

// ---- a reduction as kernels write it: by warps, then by one warp
namespace {

template <bool Barrier>
__global__ void block_sum(const float* in, float* out, int count) {
  __shared__ float partial[32];
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  float sum = i < count ? in[i] : 0.0f;
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  if constexpr (Barrier) __syncthreads();
  if (threadIdx.x >= 32) return;
  sum = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0.0f;
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

}  // namespace

TEST_CASE("warp: a block's sum in two steps has the same bits in every order") {
  constexpr int kCount = 5000;
  std::vector<float> in(kCount);
  for (int i = 0; i < kCount; ++i) in[static_cast<std::size_t>(i)] = 1.0f / static_cast<float>(i + 1);
  DeviceArray<float> from{std::span<const float>(in)};
  const std::vector<float> sums = same_in_every_order([&] {
    DeviceArray<float> to(20);
    launch(block_sum<true>, {20, 256}, nullptr, from.data(), to.data(), kCount);
    return to.read();
  });
  for (std::size_t b = 0; b < 20; ++b) {
    double sum = 0;
    for (std::size_t i = b * 256; i < std::min<std::size_t>(kCount, b * 256 + 256); ++i)
      sum += static_cast<double>(in[i]);
    CHECK(static_cast<double>(sums[b]) == doctest::Approx(sum).epsilon(1e-6));
  }
}

TEST_CASE("warp: a barrier missing between shuffles shows as results that differ between orders") {
  const std::vector<float> in(256, 1.0f);
  DeviceArray<float> from{std::span<const float>(in)};
  CHECK_THROWS(same_in_every_order([&] {
    DeviceArray<float> to(1);
    launch(block_sum<false>, {1, 256}, nullptr, from.data(), to.data(), 256);
    return to.read();
  }));
}

// ---- atomics
namespace {

struct Counters {
  int sum, most, least, last;
  unsigned wrapped, bits_or, bits_and, bits_xor, most_unsigned;
  unsigned long long wide;
  float exact;
};

__global__ void count_atomically(Counters* c, int* tickets) {
  const auto i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  tickets[atomicAdd(&c->sum, 1)] = 1;
  atomicMax(&c->most, i);
  atomicMin(&c->least, -i);
  atomicAdd(&c->wrapped, 0x80000001u);
  atomicMax(&c->most_unsigned, static_cast<unsigned>(i) | 0x80000000u);
  atomicOr(&c->bits_or, 1u << i % 32);
  atomicAnd(&c->bits_and, ~(1u << i % 16));
  atomicXor(&c->bits_xor, static_cast<unsigned>(i));
  atomicAdd(&c->wide, 1ull << 32);
  atomicAdd(&c->exact, 0.5f);
  // The largest by compare and swap.
  for (int seen = c->last; seen < i;) {
    const int before = atomicCAS(&c->last, seen, i);
    if (before == seen) break;
    seen = before;
  }
}

__global__ void exchange(int* slot, int* out) {
  out[thread()] = atomicExch(slot, thread());
}

}  // namespace

TEST_CASE("atomics: nothing is lost between threads and blocks") {
  for_each_order([] {
    constexpr int kThreads = 64 * 128;
    DeviceArray<Counters> counters(1);
    counters.write(std::vector<Counters>{Counters{0, -1, 1, -1, 0, 0, ~0u, 0, 0, 0, 0.0f}});
    DeviceArray<int> tickets(kThreads);
    tickets.write(std::vector<int>(kThreads, 0));
    launch(count_atomically, {64, 128}, nullptr, counters.data(), tickets.data());
    const Counters c = counters.read()[0];
    CHECK(c.sum == kThreads);
    CHECK(tickets.read() == std::vector<int>(kThreads, 1));
    CHECK(c.most == kThreads - 1);
    CHECK(c.least == 1 - kThreads);
    CHECK(c.last == kThreads - 1);
    CHECK(c.wrapped == static_cast<unsigned>(kThreads));  // the upper bit wraps an even number of times
    CHECK(c.most_unsigned == (0x80000000u | (kThreads - 1)));
    CHECK(c.bits_or == ~0u);
    CHECK(c.bits_and == 0xffff0000u);
    CHECK(c.bits_xor == 0u);
    CHECK(c.wide == static_cast<unsigned long long>(kThreads) << 32);
    CHECK(c.exact == 0.5f * kThreads);
  });
}

TEST_CASE("atomics: an exchange gives what was there") {
  for_each_order([] {
    DeviceArray<int> slot(1), out(32);
    slot.write(std::vector<int>{100});
    launch(exchange, {1, 32}, nullptr, slot.data(), out.data());
    std::vector<int> seen = out.read();
    seen.push_back(slot.read()[0]);
    std::sort(seen.begin(), seen.end());
    std::vector<int> want = expected([](int i) { return i; });
    want.push_back(100);
    CHECK(seen == want);
  });
}
