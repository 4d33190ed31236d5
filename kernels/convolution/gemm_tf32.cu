// Float operands, rounded to tf32 on their way to the tensor cores; what bounds it is in gemm_tensor.cuh.
#include "kernels/convolution/gemm_tensor.cuh"

namespace cuhue {

void gemm_tf32(const GemmParams& g, const GemmTiling& tiling, int phases, Stream stream) {
  gemm_tensor<Tf32Products>(g, tiling, phases, stream);
}

}  // namespace cuhue
