// Dense layers by a library, as the lowering asks for them: cuBLASLt behind it, or a stand-in in tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kernels/convolution/convolution.h"
#include "kernels/core/device_tensor.h"
#include "kernels/core/stream.h"

namespace cuhue::cuda {

// y[n, k] = x[n, c] weight[k, c]^T (+ bias[k]) (then ReLU). Rows of x and y are `pitch` elements apart.
struct DenseProblem {
  std::int64_t n = 1, c = 1, k = 1;
  ConvolutionMath math = ConvolutionMath::fp32;  // fp16: x and weight are f16
  Element in = Element::f32, out = Element::f32;
  std::int64_t in_pitch = 1, out_pitch = 1;
  bool bias = false, relu = false;
};

// Everything that decides a plan, as one line of text.
std::string key_of(const DenseProblem& problem);

struct DenseOperands {
  const void* x = nullptr;       // aligned to 16 bytes, as all of them
  const void* weight = nullptr;  // [k, c] dense, f16 for fp16 math, else f32
  const float* bias = nullptr;
  void* out = nullptr;
  std::byte* workspace = nullptr;  // workspace_bytes(), aligned to 256
};

// prepare() once, then run() may be called on several streams at once: see ConvolutionPlan.
class DensePlan {
 public:
  virtual ~DensePlan() = default;
  virtual void prepare(const DenseOperands& operands) { static_cast<void>(operands); }
  virtual std::int64_t workspace_bytes() const = 0;
  virtual std::string description() const = 0;  // "cublaslt 13.1"
  virtual void run(const DenseOperands& operands, Stream stream) = 0;
};

class DenseLibrary {
 public:
  virtual ~DenseLibrary() = default;
  // The heuristics' first; nullptr when there is none. Thread-safe.
  virtual std::unique_ptr<DensePlan> plan(const DenseProblem& problem) = 0;
};

}  // namespace cuhue::cuda
