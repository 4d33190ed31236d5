#include "kernels/core/launch.cuh"
#include "kernels/fuse/fuse.h"
#include "kernels/fuse/fuse_math.h"

namespace cuhue {
namespace {

constexpr int kThreads = 256;
constexpr int kHeld = 32;  // objects of a row that a block looks at together

// What a block needs of an object that lies in its row.
struct Candidate {
  const float* map;
  const std::uint8_t* coverage;  // of the row, at the object's first column
  BilinearTap y;
  int x, w;
  float step;  // cells of the map a pixel
};

struct alignas(8) Ab {
  float a, b;
};

__device__ inline Candidate candidate_of(const FuseDeviceParams& p, const FuseObject& object, int row) {
  Candidate c;
  c.map = p.maps + static_cast<std::int64_t>(object.map) * 2 * p.map_h * p.map_w;
  c.coverage =
      p.coverage + object.coverage + static_cast<std::int64_t>(row - object.first_row) * object.w;
  c.y = bilinear_tap(row - object.y, cells_a_pixel(p.map_h, object.h), p.map_h);
  c.x = object.x;
  c.w = object.w;
  c.step = cells_a_pixel(p.map_w, object.w);
  return c;
}

__device__ inline FusedAb color_of(const FuseDeviceParams& p, const Candidate& c, int x) {
  return stretched_ab(c.map, p.map_h, p.map_w, c.y, bilinear_tap(x - c.x, c.step, p.map_w));
}

// A block makes kThreads pixels of a row. It takes the objects in groups, each thread of the first warp one
// of them: those that lie under the block's pixels stay, in their order.
__global__ void __launch_bounds__(kThreads) fuse_kernel(FuseDeviceParams p) {
  __shared__ Candidate held[kHeld];
  __shared__ int held_count;
  const int row = static_cast<int>(p.first_row + blockIdx.y), thread = static_cast<int>(threadIdx.x);
  const int begin = static_cast<int>(blockIdx.x) * kThreads, x = begin + thread;
  const bool inside = x < static_cast<int>(p.w);
  const Candidate whole{p.maps,
                        nullptr,
                        bilinear_tap(row, cells_a_pixel(p.map_h, p.h), p.map_h),
                        0,
                        static_cast<int>(p.w),
                        cells_a_pixel(p.map_w, p.w)};
  FusedAb ab{0.0f, 0.0f};
  bool painted = false;  // ab is set
  for (int first = 0; first < p.object_count; first += kHeld) {
    __syncthreads();  // the group before is done with
    if (thread < 32) {
      const int i = first + thread;
      bool stays = false;
      if (i < p.object_count) {
        const FuseObject& o = p.objects[i];
        stays = row >= o.first_row && row < o.first_row + o.rows && o.x < begin + kThreads && o.x + o.w > begin;
      }
      const unsigned all = __ballot_sync(~0u, stays);
      if (stays) held[__popc(all & ((1u << thread) - 1))] = candidate_of(p, p.objects[i], row);
      if (thread == 0) held_count = __popc(all);
    }
    __syncthreads();
    if (!inside) continue;
    // From the last that hides all below it.
    int from = held_count - 1;
    while (from >= 0) {
      const Candidate& c = held[from];
      if (x >= c.x && x < c.x + c.w && c.coverage[x - c.x] == 255) break;
      --from;
    }
    if (from >= 0) painted = false;
    for (int k = from < 0 ? 0 : from; k < held_count; ++k) {
      const Candidate& c = held[k];
      if (x < c.x || x >= c.x + c.w) continue;
      const std::uint8_t coverage = c.coverage[x - c.x];
      if (coverage == 0) continue;
      if (!painted && coverage != 255) ab = color_of(p, whole, x);
      ab = covered_ab(ab, color_of(p, c, x), coverage);
      painted = true;
    }
  }
  if (!inside) return;
  if (!painted) ab = color_of(p, whole, x);
  reinterpret_cast<Ab*>(p.out)[row * static_cast<int>(p.w) + x] = {ab.a, ab.b};
}

}  // namespace

void fuse_cuda(const FuseDeviceParams& p, Stream stream) {
  if (p.rows <= 0) return;
  checked_int(p.h * p.w);
  const dim3 grid{blocks_for(p.w, kThreads), static_cast<unsigned>(checked_int(p.rows))};
  launch(fuse_kernel, {grid, kThreads}, stream, p);
}

}  // namespace cuhue
