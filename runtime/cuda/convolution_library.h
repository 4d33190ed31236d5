// Convolutions by a library, as the lowering asks for them: cuDNN behind it, or a stand-in in tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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

// Addresses of x, residual and out must be multiples of 16 bytes.
struct ConvolutionProblem {
  ConvolutionShape shape;
  ConvolutionMath math = ConvolutionMath::fp32;
  Element in = Element::f32, out = Element::f32, residual = Element::f32;
  std::int64_t in_pitch = 1, out_pitch = 1, residual_pitch = 1;
  LibraryEpilogue epilogue;
};

const char* math_name(ConvolutionMath math);  // "fp32"

// The choice that a plan cache holds for problems our own kernel solves fastest.
inline constexpr const char* kOwnKernel = "own";

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

// prepare() once, then run() may be called on several streams at once with different x, residual, out and
// workspace.
class ConvolutionPlan {
 public:
  virtual ~ConvolutionPlan() = default;
  // Before the first run, never while a stream records: the [k] vectors of `operands` (the rest may be
  // nullptr) are on the device by now and outlive the plan. A library whose kernels want them as f16 converts
  // them here, once: so this may allocate and wait, and run() neither does.
  virtual void prepare(const ConvolutionOperands& operands) { static_cast<void>(operands); }
  virtual std::int64_t workspace_bytes() const = 0;
  virtual std::string description() const = 0;  // "cudnn engine 34"
  // What a plan cache keeps of it, one line; empty = nothing.
  virtual std::string choice() const { return {}; }
  virtual void run(const ConvolutionOperands& operands, Stream stream) = 0;
};

class ConvolutionLibrary {
 public:
  virtual ~ConvolutionLibrary() = default;
  virtual std::string name() const { return "library"; }  // with its version: "cudnn 9.19.0"
  // The cached plan, else the heuristics' first that builds; nullptr when there is none, or when the cache
  // says that our own kernel was faster (kOwnKernel). Deterministic plans only. Thread-safe.
  virtual std::unique_ptr<ConvolutionPlan> plan(const ConvolutionProblem& problem) = 0;
  // At most `most` plans for the problem, whatever the cache says, the most promising first: what a tuner
  // times.
  virtual std::vector<std::unique_ptr<ConvolutionPlan>> candidates(const ConvolutionProblem& problem,
                                                                   int most) {
    std::vector<std::unique_ptr<ConvolutionPlan>> all;
    if (most < 1) return all;
    if (std::unique_ptr<ConvolutionPlan> only = plan(problem)) all.push_back(std::move(only));
    return all;
  }
};

}  // namespace cuhue::cuda
