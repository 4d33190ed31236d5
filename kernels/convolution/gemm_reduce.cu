// The end of a split sum: bound by reading the partial sums.
#include "kernels/convolution/gemm.cuh"

namespace cuhue {
namespace {

// One thread four channels of an output pixel.
__global__ void reduce_kernel(GemmParams g, int pixels, int groups) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= pixels * groups) return;
  const auto* from = reinterpret_cast<const Float4*>(g.partial) + i;
  Float4 sums = *from;
  for (int split = 1; split < g.splits; ++split) {
    from += pixels * groups;
#pragma unroll
    for (int j = 0; j < 4; ++j) sums.lane[j] += from->lane[j];
  }
  store_sums(g.conv, g.out_vectors, i / groups, i % groups * 4, sums);
}

}  // namespace

void gemm_reduce(const GemmParams& g, Stream stream) {
  constexpr int kThreads = 128;
  const int pixels = checked_int(g.conv.out.pixels()),
            groups = gemm_partial_pitch(checked_int(g.conv.out.dims.c)) / 4;
  launch(reduce_kernel, {blocks_for(std::int64_t{pixels} * groups, kThreads), kThreads}, stream, g, pixels,
         groups);
}

}  // namespace cuhue
