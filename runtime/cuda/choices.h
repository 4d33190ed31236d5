// Which of the ways to run a convolution was measured to be the fastest.
#pragma once

#include <cstdint>
#include <functional>

#include "runtime/cuda/convolution_library.h"

namespace cuhue::cuda {

enum class ConvolutionChoice : std::uint8_t {
  by_rule,           // not measured: the library where it takes the whole epilogue, if that is bias and ReLU
  own,               // our kernel with the whole epilogue
  library,           // the library's bias and ReLU; what is left of the epilogue is an elementwise step
  library_epilogue,  // the library with as much of the epilogue as it takes
};

// Asked for every convolution that the library might serve. The problem has as much of the epilogue as the
// library takes.
using ChooseConvolution = std::function<ConvolutionChoice(const ConvolutionProblem&)>;

}  // namespace cuhue::cuda
