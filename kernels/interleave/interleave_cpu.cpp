#include "kernels/interleave/interleave.h"

#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"

namespace cuhue {
namespace {

template <int kBlock>  // 0: known at run time only
inline __attribute__((always_inline)) void row_of(const float* even, const float* odd, std::int64_t width,
                                                  std::int64_t run_time_block, float* __restrict to) {
  const std::int64_t block = kBlock > 0 ? kBlock : run_time_block;
  for (std::int64_t x = 0; x < width; ++x, even += block, odd += block) {
    for (std::int64_t l = 0; l < block; ++l) to[l] = even[l];
    to += block;
    for (std::int64_t l = 0; l < block; ++l) to[l] = odd[l];
    to += block;
  }
}

// `width` pixels of each.
CUHUE_SIMD_CLONES void interleave_row(const float* even, const float* odd, std::int64_t width,
                                      std::int64_t block, float* __restrict to) {
  switch (block) {
    case 1: row_of<1>(even, odd, width, block, to); break;
    case 8: row_of<8>(even, odd, width, block, to); break;
    case 16: row_of<16>(even, odd, width, block, to); break;
    default: row_of<0>(even, odd, width, block, to); break;
  }
}

}  // namespace

void interleave_cpu(const InterleaveParams& p) {
  const TensorRef &x = p.x, &out = p.out;
  const std::int64_t blocks = out.blocks(), height = out.dims.h, width = out.dims.w / 2, block = out.block,
                     shift = x.dims.h - height / 2;
  parallel_for(out.dims.n * blocks * height, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t y = i % height, b = i / height % blocks, n = i / height / blocks, odd_row = y % 2;
      const float* even = x.data + n * x.batch_stride + (2 * odd_row * blocks + b) * x.plane() +
                          (y / 2 + shift * odd_row) * x.dims.w * block;
      const float* odd = even + blocks * x.plane() + shift * block;
      interleave_row(even, odd, width, block,
                     out.data + n * out.batch_stride + b * out.plane() + y * out.dims.w * block);
    }
  });
}

}  // namespace cuhue
