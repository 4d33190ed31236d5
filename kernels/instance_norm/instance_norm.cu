#include "kernels/instance_norm/instance_norm.h"

#include <algorithm>

#include "kernels/elementwise/epilogue.cuh"
#include "kernels/instance_norm/instance_norm_math.h"

namespace cuhue {
namespace {

constexpr int kThreads = 256;
constexpr int kKept = 8;                // pixels that a thread has in registers
constexpr int kMostChunks = 128;        // of an image: every block of the second launch merges all of them
constexpr int kMostColumns = 32;        // vectors of channels side by side
constexpr int kWholeInOneBlock = 1024;  // pixels of an image that one block can keep, two vectors wide

// A block is `columns` vectors of channels wide and kThreads / columns pixels high. Its chunk of an image is
// `repeats` times kKept such rows of pixels.
struct Tiling {
  int pixels = 0;  // of an image
  int columns = 1, repeats = 1, chunks = 1;
  __host__ __device__ int rows() const { return kThreads / columns; }
  __host__ __device__ int chunk() const { return rows() * kKept * repeats; }
};

Tiling tiling_of(const Dims& dims, int lanes) {
  Tiling t;
  t.pixels = checked_int(dims.h * dims.w);
  const auto groups = static_cast<int>(dims.c) / lanes;
  const auto widen = [&](int most) {
    while (t.columns < most && t.columns < groups) t.columns *= 2;
  };
  if (t.pixels <= kWholeInOneBlock) {
    int most = 1;
    while (most < kMostColumns && kThreads / (2 * most) * kKept >= t.pixels) most *= 2;
    widen(most);
    return t;
  }
  widen(kMostColumns);
  const int tile = t.rows() * kKept;
  t.repeats = (t.pixels + tile * kMostChunks - 1) / (tile * kMostChunks);
  t.chunks = (t.pixels + t.chunk() - 1) / t.chunk();
  return t;
}

// Channels of a chunk's moments in the scratch: means, then squares.
__host__ __device__ int scratch_pitch(std::int64_t channels) {
  return static_cast<int>(channels + 7) / 8 * 8;
}

struct Params {
  InstanceNormDeviceParams norm;
  Tiling tiling;
};

// Where a thread is.
template <int Lanes>
struct Place {
  int row, channel, image, chunk;
  bool inside;  // its channels exist
  __device__ explicit Place(const Params& p)
      : row(static_cast<int>(threadIdx.x) / p.tiling.columns),
        channel((static_cast<int>(blockIdx.y) * p.tiling.columns +
                 static_cast<int>(threadIdx.x) % p.tiling.columns) *
                Lanes),
        image(static_cast<int>(blockIdx.x) / p.tiling.chunks),
        chunk(static_cast<int>(blockIdx.x) % p.tiling.chunks),
        inside(channel < static_cast<int>(p.norm.x.dims.c)) {}
  // Pixel k of repetition r, of the image.
  __device__ int pixel(const Params& p, int r, int k) const {
    return chunk * p.tiling.chunk() + (r * kKept + k) * p.tiling.rows() + row;
  }
};

template <int Lanes>
using Kept = float[kKept][Lanes];

// Reads the thread's pixels of a repetition; returns how many there are.
template <int Lanes>
__device__ inline int load_kept(const Params& p, const Place<Lanes>& at, int r, Kept<Lanes>& v) {
  int count = 0;
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int pixel = at.pixel(p, r, k);
    if (!at.inside || pixel >= p.tiling.pixels) continue;
    load_lanes<Lanes>(p.norm.x, at.image * p.tiling.pixels + pixel, at.channel, v[k]);
    count = k + 1;
  }
  return count;
}

// Of values in registers: the mean first, then what differs from it. Equal values have no rounding at all.
template <int Lanes>
__device__ inline void add_kept(const Kept<Lanes>& v, int count, Moments<float> (&m)[Lanes]) {
  if (count == 0) return;
  const float inverse = 1.0f / static_cast<float>(count);
#pragma unroll
  for (int l = 0; l < Lanes; ++l) {
    float sum = 0.0f, squares = 0.0f;
#pragma unroll
    for (int k = 1; k < kKept; ++k)
      if (k < count) sum += v[k][l] - v[0][l];
    const float mean = v[0][l] + sum * inverse;
#pragma unroll
    for (int k = 0; k < kKept; ++k) {
      const float difference = v[k][l] - mean;
      if (k < count) squares += difference * difference;
    }
    m[l] = merged(m[l], Moments<float>{static_cast<float>(count), mean, squares});
  }
}

// The moments of all rows of a column in every one of its threads: merged as a tree, always the same.
template <int Lanes>
__device__ inline void merge_rows(const Params& p, int row, Moments<float> (&m)[Lanes]) {
  float* const shared = dynamic_shared<float>();  // [1 + 2 Lanes, kThreads]
  const int thread = static_cast<int>(threadIdx.x);
  const auto slot = [&](int part, int of) -> float& { return shared[part * kThreads + of]; };
  const auto load = [&](int of, int l) {
    return Moments<float>{slot(0, of), slot(1 + 2 * l, of), slot(2 + 2 * l, of)};
  };
  const auto store = [&] {
    slot(0, thread) = m[0].count;
#pragma unroll
    for (int l = 0; l < Lanes; ++l) {
      slot(1 + 2 * l, thread) = m[l].mean;
      slot(2 + 2 * l, thread) = m[l].squares;
    }
  };
  store();
  for (int half = p.tiling.rows() / 2; half > 0; half /= 2) {
    __syncthreads();
    if (row >= half) continue;
#pragma unroll
    for (int l = 0; l < Lanes; ++l) m[l] = merged(m[l], load(thread + half * p.tiling.columns, l));
    store();
  }
  __syncthreads();
#pragma unroll
  for (int l = 0; l < Lanes; ++l) m[l] = load(thread % p.tiling.columns, l);
}

// What the norm does to a thread's channels.
template <int Lanes>
struct Norm {
  float mean[Lanes], scale[Lanes], beta[Lanes];

  __device__ Norm(const InstanceNormDeviceParams& p, int channel, const Moments<float> (&m)[Lanes]) {
#pragma unroll
    for (int l = 0; l < Lanes; ++l) {
      scale[l] = 1.0f;
      beta[l] = 0.0f;
    }
    if (p.gamma != nullptr) load_run<Lanes>(p.gamma + channel, scale);
    if (p.beta != nullptr) load_run<Lanes>(p.beta + channel, beta);
#pragma unroll
    for (int l = 0; l < Lanes; ++l) {
      mean[l] = m[l].mean;
      scale[l] *= inverse_deviation(m[l].squares / m[l].count, p.eps);
    }
  }

  __device__ void store(const Params& p, const Place<Lanes>& at, int r, Kept<Lanes>& v, int count) const {
#pragma unroll
    for (int k = 0; k < kKept; ++k) {
      if (k >= count) continue;
      const int pixel = at.image * p.tiling.pixels + at.pixel(p, r, k);
#pragma unroll
      for (int l = 0; l < Lanes; ++l) v[k][l] = normalized(v[k][l], mean[l], scale[l], beta[l]);
      apply_epilogue<Lanes>(p.norm.epilogue, v[k], pixel, at.channel, [&at](int) { return at.image; });
      store_lanes<Lanes>(p.norm.out, pixel, at.channel, v[k]);
    }
  }
};

// An image in one block: nothing is read twice.
template <int Lanes>
__global__ void __launch_bounds__(kThreads) whole_kernel(Params p) {
  const Place<Lanes> at(p);
  Kept<Lanes> v;
  Moments<float> m[Lanes];
  const int count = load_kept<Lanes>(p, at, 0, v);
  add_kept<Lanes>(v, count, m);
  merge_rows<Lanes>(p, at.row, m);
  if (count == 0) return;
  Norm<Lanes>(p.norm, at.channel, m).store(p, at, 0, v, count);
}

template <int Lanes>
__device__ inline float* chunk_moments(const Params& p, const Place<Lanes>& at, int chunk) {
  return reinterpret_cast<float*>(p.norm.scratch) +
         (at.image * p.tiling.chunks + chunk) * 2 * scratch_pitch(p.norm.x.dims.c) + at.channel;
}

template <int Lanes>
__global__ void __launch_bounds__(kThreads) moments_kernel(Params p) {
  const Place<Lanes> at(p);
  Moments<float> m[Lanes];
  for (int r = 0; r < p.tiling.repeats; ++r) {
    Kept<Lanes> v;
    const int count = load_kept<Lanes>(p, at, r, v);
    add_kept<Lanes>(v, count, m);
  }
  merge_rows<Lanes>(p, at.row, m);
  if (at.row != 0 || !at.inside) return;
  float mean[Lanes], squares[Lanes];
#pragma unroll
  for (int l = 0; l < Lanes; ++l) {
    mean[l] = m[l].mean;
    squares[l] = m[l].squares;
  }
  float* to = chunk_moments(p, at, at.chunk);
  store_run<Lanes>(to, mean);
  store_run<Lanes>(to + scratch_pitch(p.norm.x.dims.c), squares);
}

template <int Lanes>
__global__ void __launch_bounds__(kThreads) apply_kernel(Params p) {
  const Place<Lanes> at(p);
  Moments<float> m[Lanes];
  if (at.inside) {
    for (int chunk = at.row; chunk < p.tiling.chunks; chunk += p.tiling.rows()) {
      const float* from = chunk_moments(p, at, chunk);
      float mean[Lanes], squares[Lanes];
      load_run<Lanes>(from, mean);
      load_run<Lanes>(from + scratch_pitch(p.norm.x.dims.c), squares);
      const auto count =
          static_cast<float>(smaller(p.tiling.chunk(), p.tiling.pixels - chunk * p.tiling.chunk()));
#pragma unroll
      for (int l = 0; l < Lanes; ++l) m[l] = merged(m[l], Moments<float>{count, mean[l], squares[l]});
    }
  }
  merge_rows<Lanes>(p, at.row, m);
  if (!at.inside) return;
  const Norm<Lanes> norm(p.norm, at.channel, m);
  for (int r = 0; r < p.tiling.repeats; ++r) {
    Kept<Lanes> v;
    const int count = load_kept<Lanes>(p, at, r, v);
    norm.store(p, at, r, v, count);
  }
}

// Calls body(lanes, params).
template <class Body>
void with_params(const InstanceNormDeviceParams& p, Body&& body) {
  with_lanes({p.x, p.out}, [&](auto lanes) {
    body(lanes, Params{p, tiling_of(p.x.dims, decltype(lanes)::value)});
  });
}

}  // namespace

std::size_t instance_norm_device_scratch_bytes(const InstanceNormDeviceParams& p) {
  std::size_t bytes = 0;
  with_params(p, [&](auto, const Params& all) {
    if (all.tiling.chunks > 1)
      bytes = sizeof(float) * 2 * static_cast<std::size_t>(p.x.dims.n * all.tiling.chunks) *
              static_cast<std::size_t>(scratch_pitch(p.x.dims.c));
  });
  return bytes;
}

int instance_norm_launches(const InstanceNormDeviceParams& p) {
  return instance_norm_device_scratch_bytes(p) > 0 ? 2 : 1;
}

void instance_norm_cuda(const InstanceNormDeviceParams& p, Stream stream) {
  checked_int(p.x.pixels() * p.x.pitch);
  checked_int(p.out.pixels() * p.out.pitch);
  with_params(p, [&](auto lanes, const Params& all) {
    constexpr int kLanes = decltype(lanes)::value;
    const Tiling& t = all.tiling;
    const LaunchShape shape{{static_cast<unsigned>(checked_int(p.x.dims.n * t.chunks)),
                             blocks_for(p.x.dims.c, std::int64_t{t.columns} * kLanes)},
                            kThreads,
                            sizeof(float) * (1 + 2 * kLanes) * kThreads};
    if (t.chunks == 1) return launch(whole_kernel<kLanes>, shape, stream, all);
    launch(moments_kernel<kLanes>, shape, stream, all);
    launch(apply_kernel<kLanes>, shape, stream, all);
  });
}

}  // namespace cuhue
