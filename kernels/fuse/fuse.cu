#include "kernels/core/math.h"
#include "kernels/core/vector.cuh"
#include "kernels/fuse/fuse.h"
#include "kernels/fuse/fuse_math.h"

namespace cuhue {
namespace {

constexpr int kThreads = 256;
constexpr int kHeld = 32;  // objects that a block looks at together

// What a block needs of an object that may have pixels in its row.
struct Candidate {
  const float* map;
  const std::uint8_t* coverage;  // of the row, from its column `left`
  BilinearTap y;
  float step;  // cells of the map a pixel
  int x, left, right;

  __device__ std::uint8_t coverage_at(int column) const {
    return column >= left && column < right ? coverage[column - left] : std::uint8_t{0};
  }
};

struct alignas(8) Ab {
  float a, b;
};

__device__ inline bool is_under(const FuseObject& o, int row, int begin) {
  return row >= o.mask_y && row < o.mask_y + o.mask_h && o.mask_x < begin + kThreads &&
         o.mask_x + o.mask_w > begin;
}

__device__ inline Candidate candidate_of(const FuseDeviceParams& p, const FuseObject& o, int row) {
  return {p.maps + o.map * 2 * p.map_h * p.map_w,
          p.coverage + o.coverage + static_cast<std::int64_t>(row - o.mask_y) * o.mask_w,
          bilinear_tap(row - o.y, cells_a_pixel(p.map_h, o.h), p.map_h),
          cells_a_pixel(p.map_w, o.w),
          o.x,
          o.mask_x,
          o.mask_x + o.mask_w};
}

__device__ inline FusedAb color_of(const FuseDeviceParams& p, const Candidate& c, int x) {
  return stretched_ab(c.map, p.map_h, p.map_w, c.y, bilinear_tap(x - c.x, c.step, p.map_w));
}

// A block makes kThreads pixels of a row. It takes the objects in groups, each thread of the first warp one
// of them: those that may lie under the block's pixels stay, in their order.
__global__ void __launch_bounds__(kThreads) fuse_kernel(FuseDeviceParams p) {
  __shared__ Candidate held[kHeld];
  __shared__ int held_count;
  const int row = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const int begin = static_cast<int>(blockIdx.y) * kThreads, x = begin + thread;
  const bool inside = x < static_cast<int>(p.w);
  const BilinearTap whole_y = bilinear_tap(row, cells_a_pixel(p.map_h, p.h), p.map_h);
  const auto whole = [&] {
    return stretched_ab(p.maps, p.map_h, p.map_w, whole_y,
                        bilinear_tap(x, cells_a_pixel(p.map_w, p.w), p.map_w));
  };
  FusedAb ab{0.0f, 0.0f};
  bool painted = false;  // ab is set
  for (int first = 0; first < p.object_count; first += kHeld) {
    __syncthreads();  // the group before is done with
    if (thread < 32) {
      const int i = first + thread;
      const bool stays = i < p.object_count && is_under(p.objects[i], row, begin);
      const unsigned all = __ballot_sync(~0u, stays);
      if (stays) held[__popc(all & ((1u << thread) - 1))] = candidate_of(p, p.objects[i], row);
      if (thread == 0) held_count = __popc(all);
    }
    __syncthreads();
    if (!inside) continue;
    int from = held_count - 1;  // the last that hides all below it
    while (from > 0 && held[from].coverage_at(x) != 255) --from;
    for (int k = from < 0 ? 0 : from; k < held_count; ++k) {
      const std::uint8_t coverage = held[k].coverage_at(x);
      if (coverage == 0) continue;
      if (!painted && coverage != 255) ab = whole();
      ab = covered_ab(ab, color_of(p, held[k], x), coverage);
      painted = true;
    }
  }
  if (!inside) return;
  if (!painted) ab = whole();
  reinterpret_cast<Ab*>(p.out)[row * static_cast<int>(p.w) + x] = {ab.a, ab.b};
}

// A thread takes so many floats at once, a row of blocks a map.
template <int Lanes>
__global__ void __launch_bounds__(kThreads) keep_maps_kernel(KeepMapsParams p) {
  const int i = (static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x)) * Lanes;
  if (i >= static_cast<int>(p.floats)) return;
  const auto map = static_cast<int>(blockIdx.y);
  float v[Lanes];
  load_run<Lanes>(p.from + map * p.floats + i, v);
  bool finite = true;
  for (const float value : v) {
    constexpr std::int32_t kExponent = 0x7f800000;
    finite = finite && (float_to_bits(value) & kExponent) != kExponent;
  }
  if (!finite) *p.not_finite = 1;
  store_run<Lanes>(p.maps + p.places[map] * p.floats + i, v);
}

template <int Lanes>
void launch_keep_maps(const KeepMapsParams& p, Stream stream) {
  const dim3 grid{blocks_for(p.floats, std::int64_t{kThreads} * Lanes), static_cast<unsigned>(p.count)};
  launch(keep_maps_kernel<Lanes>, {grid, kThreads}, stream, p);
}

}  // namespace

void keep_maps_cuda(const KeepMapsParams& p, Stream stream) {
  checked_int(p.floats + 4 * kThreads);
  if (p.count == 0) return;
  const auto aligned = [](const float* at) { return reinterpret_cast<std::uintptr_t>(at) % 16 == 0; };
  if (p.floats % 4 == 0 && aligned(p.from) && aligned(p.maps)) {
    launch_keep_maps<4>(p, stream);
  } else {
    launch_keep_maps<1>(p, stream);
  }
}

void fuse_cuda(const FuseDeviceParams& p, Stream stream) {
  checked_int(p.h * p.w);
  const dim3 grid{static_cast<unsigned>(p.h), blocks_for(p.w, kThreads)};
  launch(fuse_kernel, {grid, kThreads}, stream, p);
}

}  // namespace cuhue
