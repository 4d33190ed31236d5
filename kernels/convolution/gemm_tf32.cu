#include "kernels/convolution/gemm_tensor.cuh"

namespace cuhue {

void gemm_tf32(const GemmParams& g, const GemmTiling& tiling, int phases, Stream stream) {
  gemm_tensor<Tf32Products>(g, tiling, phases, stream);
}

}  // namespace cuhue
