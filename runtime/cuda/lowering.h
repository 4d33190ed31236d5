// Graph to steps on CUDA: what runs where, in which layout and precision, in whose memory. A pure function:
// no device, no memory; steps hold launchers and library plans, and get addresses from bind().
#pragma once

#include <span>
#include <string>

#include "runtime/cuda/choices.h"
#include "runtime/cuda/convolution_library.h"
#include "runtime/cuda/dense_library.h"
#include "runtime/cuda/step.h"
#include "runtime/cuda/weight_store.h"
#include "runtime/graph/backend.h"
#include "runtime/graph/graph.h"

namespace cuhue::cuda {

struct LoweringOptions {
  Precision precision = Precision::fp32;
  int multiprocessors = kUsualMultiprocessors;  // of the GPU
  DenseLibrary* dense = nullptr;                // nullptr = matrix products by our own kernel
  ChooseConvolution choose;                     // empty = by rule
  // Providers never asked, by name: "library", "own" (convolutions and matrix products), "kernels" (the
  // rest).
  std::span<const std::string> without;
};

// fp32 and tf32 keep all values in f32. fp16 keeps them in f16, but in f32 where that costs next to nothing:
// values of at most 4 channels, scores that go into a softmax or an argmax, and the caller's inputs and
// outputs.
//
// An input of one channel, or one pixel, is read as it lies; others are packed (op "pack") to channels last
// by a step each. An output is unpacked (op "unpack") as soon as it is made, unless its planes are made at
// once.
//
// `library` may be nullptr. Weights are asked for in one order and element each. Error(Status::usage) names
// the layer when a tensor is too large to index or no provider is left for it.
Lowered lower(const Graph& graph, WeightStore& weights, ConvolutionLibrary* library,
              const LoweringOptions& options);

}  // namespace cuhue::cuda
