// Convolutions by a library, as the lowering asks for them: cuDNN behind it, or a stand-in in tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kernels/convolution/convolution.h"
#include "kernels/core/device_tensor.h"
#include "kernels/core/stream.h"
#include "runtime/graph/graph.h"

namespace cuhue::cuda {

// What may be fused behind the sum, in this order; the lowering maps an epilogue to it where it can.
struct LibraryEpilogue {
  bool bias = false;       // + bias[k]
  bool residual = false;   // + a tensor of the output's dims
  bool activated = false;  // then `activation`
  Activation activation;   //
  bool affine = false;     // then scale[k] x + shift[k]
  friend bool operator==(const LibraryEpilogue& a, const LibraryEpilogue& b) {
    return a.bias == b.bias && a.residual == b.residual && a.activated == b.activated &&
           (!a.activated ||
            (a.activation.kind == b.activation.kind && a.activation.alpha == b.activation.alpha)) &&
           a.affine == b.affine;
  }
};

struct ConvolutionProblem {
  ConvolutionShape shape;
  ConvolutionMath math = ConvolutionMath::fp32;
  Element in = Element::f32, out = Element::f32, residual = Element::f32;
  std::int64_t in_pitch = 1, out_pitch = 1, residual_pitch = 1;
  LibraryEpilogue epilogue;
};

// Everything that decides a plan, as one line of text: the key of choices and caches.
std::string key_of(const ConvolutionProblem& problem);

struct ConvolutionOperands {
  const void* x = nullptr;
  const void* weight = nullptr;  // KRSC; of a transposed convolution CRSK; f16 for fp16 math, else f32
  const float* bias = nullptr;   // all [k] vectors are f32 whatever the math
  const void* residual = nullptr;
  const float* scale = nullptr;
  const float* shift = nullptr;
  void* out = nullptr;
  std::byte* workspace = nullptr;  // workspace_bytes(), aligned to 256
};

// May run on several streams at once with different operands.
class ConvolutionPlan {
 public:
  virtual ~ConvolutionPlan() = default;
  virtual std::int64_t workspace_bytes() const = 0;
  virtual std::string description() const = 0;  // "cudnn engine 34"
  virtual void run(const ConvolutionOperands& operands, Stream stream) = 0;
};

class ConvolutionLibrary {
 public:
  virtual ~ConvolutionLibrary() = default;
  // The cached plan, else the heuristics' first that builds; nullptr when there is none. Deterministic plans
  // only.
  virtual std::unique_ptr<ConvolutionPlan> plan(const ConvolutionProblem& problem) = 0;
};

}  // namespace cuhue::cuda
