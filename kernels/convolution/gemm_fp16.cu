// Half operands; what bounds it is in gemm_tensor.cuh.
#include "kernels/convolution/gemm_tensor.cuh"

namespace cuhue {

void gemm_fp16(const GemmParams& g, const GemmTiling& tiling, int phases, Stream stream) {
  gemm_tensor<HalfProducts>(g, tiling, phases, stream);
}

}  // namespace cuhue
