// The device that .cu files see when they are compiled as plain C++: force-included before everything else.
// First version; see README of the executor.
#pragma once

#define CUHUE_HOST_EXECUTOR 1

#include <ucontext.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "weights/half.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static thread_local
#define __align__(n) alignas(n)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
struct uint3 {
  unsigned x, y, z;
};
inline thread_local uint3 threadIdx, blockIdx;
inline thread_local dim3 blockDim, gridDim;
constexpr int warpSize = 32;

// ---- half: storage only; arithmetic in float
struct __half {
  std::uint16_t bits;
};
inline float __half2float(__half h) {
  return cuhue::float_from_f16(h.bits);
}
inline __half __float2half_rn(float f) {
  return {cuhue::f16_from_float(f)};
}

namespace simt {
enum Wait : std::uint8_t { RUN, BLOCK, WARP, DONE };
struct Fiber {
  ucontext_t uc;
  jmp_buf jb;
  bool started = false;
  Wait w = RUN;
  uint3 tid;
  unsigned mask;
  std::uint64_t slot;
  const char* where;
};
struct Block {
  std::vector<Fiber> f;
  std::vector<char*> stk;
  std::function<void()> body;
  jmp_buf mainjb;
  int cur = 0;
  std::vector<char> dyn;
};
inline thread_local Block* B = nullptr;
constexpr std::size_t STK = 64 * 1024;
inline void to_sched() {
  Fiber& f = B->f[B->cur];
  if (_setjmp(f.jb) == 0) _longjmp(B->mainjb, 1);
}
inline void entry() {
  B->body();
  B->f[B->cur].w = DONE;
  _longjmp(B->mainjb, 1);
}
inline void resume(int i) {
  Block& b = *B;
  b.cur = i;
  threadIdx = b.f[i].tid;
  b.f[i].w = RUN;
  if (_setjmp(b.mainjb) == 0) {
    if (b.f[i].started) _longjmp(b.f[i].jb, 1);
    b.f[i].started = true;
    setcontext(&b.f[i].uc);
  }
}
inline void wait(Wait w, unsigned mask, const char* where) {
  Fiber& f = B->f[B->cur];
  f.w = w;
  f.mask = mask;
  f.where = where;
  to_sched();
}
inline void run_block() {
  Block& b = *B;
  const int n = static_cast<int>(b.f.size());
  for (int i = 0; i < n; ++i) {
    Fiber& f = b.f[i];
    f.started = false;
    f.w = RUN;
    getcontext(&f.uc);
    f.uc.uc_stack.ss_sp = b.stk[i];
    f.uc.uc_stack.ss_size = STK;
    f.uc.uc_link = nullptr;
    makecontext(&f.uc, entry, 0);
  }
  for (;;) {
    bool prog = false;
    for (int i = 0; i < n; i++)
      if (b.f[i].w == RUN) {
        resume(i);
        prog = true;
      }
    for (int w0 = 0; w0 < n; w0 += 32) {
      const int w1 = std::min(n, w0 + 32);
      for (int i = w0; i < w1; i++) {
        if (b.f[i].w != WARP) continue;
        const unsigned m = b.f[i].mask;
        bool ok = true;
        for (int j = w0; j < w1; j++)
          if (m >> (j - w0) & 1)
            if (!(b.f[j].w == DONE || (b.f[j].w == WARP && b.f[j].mask == m))) ok = false;
        if (!ok) continue;
        for (int j = w0; j < w1; j++)
          if ((m >> (j - w0) & 1) && b.f[j].w == WARP) b.f[j].w = RUN;
        prog = true;
      }
    }
    bool any = false;
    for (auto& f : b.f) any = any || f.w == RUN;
    if (prog && any) continue;
    int bl = 0, live = 0;
    for (auto& f : b.f) {
      if (f.w != DONE) live++;
      if (f.w == BLOCK) bl++;
    }
    if (live == 0) return;
    if (bl == live) {
      for (auto& f : b.f)
        if (f.w == BLOCK) f.w = RUN;
      continue;
    }
    std::fprintf(stderr, "executor: deadlock in block (%u,%u,%u): %d live, %d at the block's barrier\n",
                 blockIdx.x, blockIdx.y, blockIdx.z, live, bl);
    std::abort();
  }
}
template <class K, class... A>
void launch(K k, dim3 g, dim3 bl, std::size_t smem, A... args) {
  const unsigned nb = g.x * g.y * g.z, nt = std::min(nb, std::max(1u, std::thread::hardware_concurrency()));
  std::atomic<unsigned> next{0};
  std::vector<std::thread> ts;
  auto work = [&] {
    Block b;
    b.f.resize(bl.x * bl.y * bl.z);
    for (std::size_t i = 0; i < b.f.size(); i++) {
      b.f[i].tid = {unsigned(i % bl.x), unsigned(i / bl.x % bl.y), unsigned(i / bl.x / bl.y)};
      b.stk.push_back(static_cast<char*>(std::malloc(STK)));
    }
    b.dyn.resize(smem);
    b.body = [&] { k(args...); };
    B = &b;
    blockDim = bl;
    gridDim = g;
    for (unsigned i; (i = next++) < nb;) {
      blockIdx = {i % g.x, i / g.x % g.y, i / g.x / g.y};
      std::memset(b.dyn.data(), 0xCD, smem);
      run_block();
    }
    for (char* p : b.stk) std::free(p);
    B = nullptr;
  };
  for (unsigned i = 0; i < nt; i++) ts.emplace_back(work);
  for (auto& t : ts) t.join();
}
template <class T>
T* dynamic_shared() {
  return reinterpret_cast<T*>(B->dyn.data());
}
}  // namespace simt

#define SIMT_S2(x) #x
#define SIMT_S(x) SIMT_S2(x)
#define __syncthreads() simt::wait(simt::BLOCK, 0, __FILE__ ":" SIMT_S(__LINE__))
inline void __syncwarp(unsigned m = ~0u) {
  simt::wait(simt::WARP, m, "__syncwarp");
}
template <class T>
T simt_shfl(unsigned m, T v, int src) {
  auto& b = *simt::B;
  const int me = b.cur, base = me & ~31;
  static_assert(sizeof(T) <= 8);
  std::memcpy(&b.f[me].slot, &v, sizeof v);
  simt::wait(simt::WARP, m, "shfl");
  T r = v;
  if (base + src < static_cast<int>(b.f.size())) std::memcpy(&r, &b.f[base + src].slot, sizeof r);
  simt::wait(simt::WARP, m, "shfl");
  return r;
}
template <class T>
T __shfl_xor_sync(unsigned m, T v, int x, int w = 32) {
  const int l = simt::B->cur & 31, s = l ^ x;
  return simt_shfl(m, v, (s / w == l / w) ? s : l);
}
template <class T>
T __shfl_down_sync(unsigned m, T v, int d, int w = 32) {
  const int l = simt::B->cur & 31, s = l + d;
  return simt_shfl(m, v, (s / w == l / w) ? s : l);
}
template <class T>
T __shfl_sync(unsigned m, T v, int s, int w = 32) {
  const int l = simt::B->cur & 31;
  return simt_shfl(m, v, l / w * w + s % w);
}
inline unsigned __ballot_sync(unsigned m, int p) {
  auto& b = *simt::B;
  const int base = b.cur & ~31;
  b.f[b.cur].slot = p != 0;
  simt::wait(simt::WARP, m, "ballot");
  unsigned r = 0;
  for (int i = 0; i < 32 && base + i < static_cast<int>(b.f.size()); i++)
    if ((m >> i & 1) && b.f[base + i].slot) r |= 1u << i;
  simt::wait(simt::WARP, m, "ballot");
  return r;
}

inline unsigned __float_as_uint(float x) {
  return std::bit_cast<unsigned>(x);
}

namespace simt {
// Row and column of the fragments' elements: see kernels/core/mma.cuh.
struct MmaLane {
  const std::uint32_t *a, *b;
};
template <int K, class AtA, class AtB>
void mma(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], AtA&& at_a, AtB&& at_b) {
  const MmaLane mine{a, b};
  Block& block = *B;
  const int base = block.cur & ~31, lane = block.cur & 31;
  const MmaLane* p = &mine;
  std::memcpy(&block.f[static_cast<std::size_t>(block.cur)].slot, &p, sizeof p);
  wait(WARP, ~0u, "mma");
  const auto of = [&](int l) {
    const MmaLane* q = nullptr;
    std::memcpy(&q, &block.f[static_cast<std::size_t>(base + l)].slot, sizeof q);
    return *q;
  };
  float sum[4];
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    sum[i] = d[i];
    for (int k = 0; k < K; ++k) sum[i] += at_a(of, row, k) * at_b(of, k, column);
  }
  wait(WARP, ~0u, "mma");
  std::copy(sum, sum + 4, d);
}
inline void mma_m16n8k16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  const auto half = [](std::uint32_t two, int i) {
    return cuhue::float_from_f16(static_cast<std::uint16_t>(two >> 16 * i));
  };
  mma<16>(
      d, a, b,
      [&](auto& of, int row, int k) {
        return half(of(row % 8 * 4 + k % 8 / 2).a[row / 8 + k / 8 * 2], k % 2);
      },
      [&](auto& of, int k, int column) { return half(of(column * 4 + k % 8 / 2).b[k / 8], k % 2); });
}
inline void mma_m16n8k8_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  mma<8>(
      d, a, b,
      [](auto& of, int row, int k) {
        return std::bit_cast<float>(of(row % 8 * 4 + k % 4).a[row / 8 + k / 4 * 2]);
      },
      [](auto& of, int k, int column) { return std::bit_cast<float>(of(column * 4 + k % 4).b[k / 4]); });
}
inline void copy_async_16(void* shared, const void* global, bool valid) {
  if (valid) {
    std::memcpy(shared, global, 16);
  } else {
    std::memset(shared, 0, 16);
  }
}
inline void copy_async_commit() {}
inline void copy_async_wait(int) {}
}  // namespace simt
