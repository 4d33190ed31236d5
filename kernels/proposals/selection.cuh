// One block's share of a selection: the greatest of many scores in order, and boxes that better ones rule
// out. Included by .cu files only.
#pragma once

#include "kernels/core/launch.cuh"
#include "kernels/proposals/selection_math.h"

namespace cuhue {

constexpr int kSelectionThreads = 1024;
constexpr int kSelectionWarp = 32;

struct SelectionShared {
  unsigned long long keys[kSelectionThreads];  // descending; 0 = none
  float4 boxes[kSelectionThreads];
  unsigned alive[kSelectionThreads / kSelectionWarp];  // a bit a box
  unsigned counts[256];
  unsigned long long prefix;
  int left, held;
};

// Keys of a score; 0 = absent.
__device__ inline unsigned long long key_of(float score, int index) {
  return score == kAbsent ? 0 : rank_key(score, static_cast<unsigned>(index));
}

// s.prefix becomes the `most`-th greatest key of [0, count), or 1 when there are no more than that: digit by
// digit, the highest first, by counting how many keys have each value of the digit.
template <class Score>
__device__ void find_least_key(SelectionShared& s, int count, int most, const Score& score) {
  const int thread = static_cast<int>(threadIdx.x);
  if (thread == 0) {
    s.prefix = 0;
    s.left = most;
  }
  unsigned long long known = 0;  // the digits that are found
  for (int shift = 56; shift >= 0; shift -= 8) {
    if (thread < 256) s.counts[thread] = 0;
    __syncthreads();
    const unsigned long long prefix = s.prefix;
    for (int i = thread; i < count; i += kSelectionThreads) {
      const unsigned long long key = key_of(score(i), i);
      if (key != 0 && (key & known) == prefix) atomicAdd(&s.counts[key >> shift & 255], 1u);
    }
    __syncthreads();
    if (thread == 0) {
      int digit = 255;
      while (digit >= 0 && static_cast<int>(s.counts[digit]) < s.left) {
        s.left -= static_cast<int>(s.counts[digit]);
        --digit;
      }
      if (digit < 0)
        s.left = -1;  // fewer keys than wanted: in the first round only
      else
        s.prefix = prefix | static_cast<unsigned long long>(digit) << shift;
    }
    __syncthreads();
    if (s.left < 0) break;
    known |= 255ull << shift;
  }
  if (thread == 0 && s.left < 0) s.prefix = 1;
  __syncthreads();
}

// Bitonic, descending.
__device__ inline void sort_keys(SelectionShared& s) {
  const int i = static_cast<int>(threadIdx.x);
  for (int size = 2; size <= kSelectionThreads; size *= 2) {
    for (int step = size / 2; step > 0; step /= 2) {
      __syncthreads();
      const int other = i ^ step;
      if (other > i) {
        const bool descending = (i & size) == 0;
        const unsigned long long a = s.keys[i], b = s.keys[other];
        if ((a < b) == descending) {
          s.keys[i] = b;
          s.keys[other] = a;
        }
      }
    }
  }
  __syncthreads();
}

// The greatest `most` <= 1024 of score(0 .. count) to s.keys. Returns how many there are.
template <class Score>
__device__ int select_greatest(SelectionShared& s, int count, int most, const Score& score) {
  const int thread = static_cast<int>(threadIdx.x);
  s.keys[thread] = 0;
  if (thread == 0) s.held = 0;
  if (count > most) {
    find_least_key(s, count, most, score);
  } else {
    if (thread == 0) s.prefix = 1;
    __syncthreads();
  }
  const unsigned long long least = s.prefix;
  for (int i = thread; i < count; i += kSelectionThreads) {
    const unsigned long long key = key_of(score(i), i);
    if (key >= least) s.keys[atomicAdd(&s.held, 1)] = key;
  }
  __syncthreads();
  sort_keys(s);  // the order they came in is chance's
  return s.held;
}

__device__ inline Box as_box(const float4& v) {
  return {v.x, v.y, v.z, v.w};
}

// Thread i brings box i, best first, and whether it is one; told whether it is left. All threads call it.
__device__ inline bool survives(SelectionShared& s, const Box& mine, bool present, int count,
                                double threshold) {
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kSelectionWarp,
            lane = thread % kSelectionWarp;
  s.boxes[thread] = {mine.x0, mine.y0, mine.x1, mine.y1};
  const unsigned first = __ballot_sync(0xffffffffu, present);
  if (lane == 0) s.alive[warp] = first;
  __syncthreads();
  const int chunks = (count + kSelectionWarp - 1) / kSelectionWarp;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    if (warp == chunk) {  // among themselves, one after another
      unsigned word = s.alive[chunk];
      for (int b = 0; b < kSelectionWarp; ++b) {
        if ((word >> b & 1u) == 0) continue;
        const bool gone = lane > b && (word >> lane & 1u) != 0 &&
                          suppresses(as_box(s.boxes[chunk * kSelectionWarp + b]), mine, threshold);
        word &= ~__ballot_sync(0xffffffffu, gone);
      }
      __syncwarp();  // all have read what is written now: a ballot alone orders no memory
      if (lane == 0) s.alive[chunk] = word;
    }
    __syncthreads();
    const unsigned word = s.alive[chunk];
    if (warp > chunk) {  // those behind, by what is left of these
      bool left = (s.alive[warp] >> lane & 1u) != 0;
      for (unsigned rest = word; rest != 0 && left; rest &= rest - 1) {
        const int b = chunk * kSelectionWarp + __ffs(static_cast<int>(rest)) - 1;
        left = !suppresses(as_box(s.boxes[b]), mine, threshold);
      }
      const unsigned all = __ballot_sync(0xffffffffu, left);
      __syncwarp();
      if (lane == 0) s.alive[warp] = all;
    }
    __syncthreads();
  }
  return (s.alive[warp] >> lane & 1u) != 0;
}

}  // namespace cuhue
